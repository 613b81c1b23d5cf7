import { getEventListeners } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineConfig } from '../../../engine/config/engine-config.js';
import { Engine } from '../../../engine/engine.js';
import { TargetError } from '../../../engine/errors.js';
import { type LoopbackNexus, openLoopback } from '../../../engine/loopback/index.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';

const MIB = 1024 ** 2;
const NAME = 'iqn.2026-11.io.lunloom:loopback';
const TEST_UNIT_READY = Buffer.alloc(6);
const POWER_ON = '06/29/00';

function configOf(execution: 'inline' | 'pool'): EngineConfig {
  return {
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: NAME, luns: [0, 1].map((lun) => ({ lun, store: { kind: 'ram', sizeBytes: 8 * MIB }, blockLengthBytes: 512, readOnly: false })) }],
    execution,
    workerCount: execution === 'inline' ? 0 : 1,
    insecure: false,
    limits: {},
  };
}

async function withNexuses(execution: 'inline' | 'pool', count: number, use: (nexuses: LoopbackNexus[], engine: Engine) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const engine = await Engine.start(configOf(execution), { onDefect: (error) => defects.push(error) });
  try {
    const nexuses = Array.from({ length: count }, () => openLoopback(engine));
    for (const nexus of nexuses) for (const lun of nexus.luns) assert.is(await outcome(nexus, { lun }), POWER_ON);
    await use(nexuses, engine);
    for (const nexus of nexuses) assert.is(nexus.openCount, 0);
    const { slotsInUse, openTaskCount, arenaBytesInUse } = engine.usage();
    assert.equal({ slotsInUse, openTaskCount, arenaBytesInUse }, { slotsInUse: 0, openTaskCount: 0, arenaBytesInUse: 0 });
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

async function outcome(nexus: LoopbackNexus, command: Partial<Parameters<LoopbackNexus['execute']>[0]> = {}): Promise<string> {
  const { status, sense } = await nexus.execute({ cdb: TEST_UNIT_READY, ...command });
  if (status !== ScsiStatus.checkCondition) return `status ${status}`;
  return [(sense[2] as number) & 0x0f, sense[12], sense[13]].map((value) => (value as number).toString(16).padStart(2, '0')).join('/');
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof TargetError ? error.code : String(error)),
  );
}

const read = (lba: number, count: number) => Buffer.from(`28 00 ${hex(lba)} 00 ${hex(count).slice(4)} 00`.replaceAll(' ', ''), 'hex');
const write = (lba: number, count: number) => Buffer.from(`2a 00 ${hex(lba)} 00 ${hex(count).slice(4)} 00`.replaceAll(' ', ''), 'hex');
const hex = (value: number) => value.toString(16).padStart(8, '0');

for (const execution of ['inline', 'pool'] as const) {
  test(`${execution}: what is written is read again, and residuals are told`, () =>
    withNexuses(execution, 1, async ([nexus]) => {
      assert.ok(nexus !== undefined);
      const data = Buffer.alloc(64 * 1024, 'lunloom');
      const written = await nexus.execute({ cdb: write(7, 128), dataOut: data });
      assert.equal([written.status, written.dataOutResidual], [ScsiStatus.good, 0]);
      data.fill(0xee);
      const exact = await nexus.execute({ cdb: read(7, 128), dataInLength: 64 * 1024 });
      assert.equal(Buffer.from(exact.dataIn), Buffer.alloc(64 * 1024, 'lunloom'));
      const more = await nexus.execute({ cdb: read(7, 1), dataInLength: 4096 });
      assert.equal([more.dataIn.length, more.dataInResidual], [512, 3584]);
      const less = await nexus.execute({ cdb: read(7, 8), dataInLength: 512 });
      assert.equal([less.dataIn.length, less.dataInResidual], [512, -3584]);
    }));

  test(`${execution}: many commands at once, in both directions`, () =>
    withNexuses(execution, 2, async (nexuses) => {
      await Promise.all(
        nexuses.flatMap((nexus, lun) =>
          Array.from({ length: 100 }, async (_, at) => {
            const dataOut = Buffer.alloc(4096, at + 1);
            assert.is((await nexus.execute({ lun, cdb: write(8 * at, 8), dataOut })).status, ScsiStatus.good);
            const { dataIn } = await nexus.execute({ lun, cdb: read(8 * at, 8), dataInLength: 4096 });
            assert.equal(Buffer.from(dataIn), dataOut);
          }),
        ),
      );
    }));

  test(`${execution}: XDWRITEREAD answers in place without spoiling what it was given`, () =>
    withNexuses(execution, 1, async ([nexus]) => {
      const before = Buffer.alloc(512, 0x0f);
      await nexus?.execute({ cdb: write(1, 1), dataOut: before });
      const dataOut = Buffer.alloc(512, 0xff);
      const result = await nexus?.execute({ cdb: Buffer.from('53000000000100000100', 'hex'), dataOut, dataInLength: 512 });
      assert.equal(Buffer.from(result?.dataIn ?? []), Buffer.alloc(512, 0xf0));
      assert.equal(dataOut, Buffer.alloc(512, 0xff));
    }));
}

test('sense data is a result', () =>
  withNexuses('inline', 1, async ([nexus]) => {
    assert.is(await outcome(nexus as LoopbackNexus, { cdb: read(0xffffff, 1), dataInLength: 512 }), '05/21/00');
    assert.is(await outcome(nexus as LoopbackNexus, { lun: 9 }), '05/25/00');
  }));

test('reservations of one nexus hold for the others', () =>
  withNexuses('inline', 2, async ([one, other]) => {
    assert.ok(one !== undefined && other !== undefined);
    assert.is(await outcome(one, { cdb: Buffer.from('160000000000', 'hex') }), 'status 0');
    assert.is(await outcome(other, { cdb: read(0, 1), dataInLength: 512 }), `status ${ScsiStatus.reservationConflict}`);
    await one.close();
    assert.is(await outcome(other, { cdb: read(0, 1), dataInLength: 512 }), 'status 0');
  }));

test('a logical unit reset is told to every nexus, a nexus reset to its own', () =>
  withNexuses('inline', 2, async ([one, other]) => {
    assert.ok(one !== undefined && other !== undefined);
    await one.manageTasks('logical unit reset', 1);
    assert.equal([await outcome(one, { lun: 1 }), await outcome(other, { lun: 1 }), await outcome(other, { lun: 0 })], ['06/29/03', '06/29/03', 'status 0']);
    await one.manageTasks('i_t nexus reset');
    assert.equal([await outcome(one), await outcome(other)], ['06/29/07', 'status 0']);
  }));

test('a command that waits for its turn can be aborted', () =>
  withNexuses('inline', 1, async ([nexus]) => {
    assert.ok(nexus !== undefined);
    // FORMAT UNIT without IMMED ends when the whole medium is written.
    const format = nexus.execute({ cdb: Buffer.from('040000000000', 'hex') });
    const abort = new AbortController();
    const behind = nexus.execute({ cdb: TEST_UNIT_READY, attribute: 'ordered', signal: abort.signal });
    abort.abort();
    assert.is(await codeOf(behind), 'LOOPBACK_ABORTED');
    assert.is((await format).status, ScsiStatus.good);
    assert.is(await codeOf(nexus.execute({ cdb: TEST_UNIT_READY, signal: abort.signal })), 'LOOPBACK_ABORTED');
  }));

test('ABORT TASK SET stops what is open', () =>
  withNexuses('inline', 1, async ([nexus]) => {
    assert.ok(nexus !== undefined);
    const open = [nexus.execute({ cdb: Buffer.from('040000000000', 'hex') }), nexus.execute({ cdb: TEST_UNIT_READY, attribute: 'ordered' })].map(codeOf);
    await nexus.manageTasks('abort task set');
    assert.equal(await Promise.all(open), ['LOOPBACK_ABORTED', 'LOOPBACK_ABORTED']);
  }));

test('what is no command is refused, and nothing after the nexus was closed is sent', () =>
  withNexuses('inline', 1, async ([nexus]) => {
    assert.ok(nexus !== undefined);
    assert.is(await codeOf(nexus.execute({ cdb: Buffer.alloc(5) })), 'LOOPBACK_COMMAND');
    assert.is(await codeOf(nexus.execute({ cdb: Buffer.alloc(261) })), 'LOOPBACK_COMMAND');
    assert.is(await codeOf(nexus.execute({ cdb: TEST_UNIT_READY, dataInLength: -1 })), 'LOOPBACK_COMMAND');
    // As JavaScript may: the types do not have them.
    assert.is(await codeOf(nexus.execute({ cdb: TEST_UNIT_READY, attribute: 'toString' as 'simple' })), 'LOOPBACK_COMMAND');
    assert.is(await codeOf(nexus.manageTasks('constructor' as 'clear aca')), 'LOOPBACK_COMMAND');
    assert.is(await codeOf(nexus.manageTasks('logical unit reset', 7)), 'LUN_UNKNOWN');
    await nexus.close();
    assert.is(await codeOf(nexus.execute({ cdb: TEST_UNIT_READY })), 'LOOPBACK_ABORTED');
    assert.is(await codeOf(nexus.manageTasks('logical unit reset')), 'LOOPBACK_ABORTED');
  }));

test('a signal that is given to many commands is let go of by each that ends', () =>
  withNexuses('inline', 1, async ([nexus]) => {
    assert.ok(nexus !== undefined);
    const { signal } = new AbortController();
    for (let count = 0; count < 20; count++) await nexus.execute({ cdb: TEST_UNIT_READY, signal });
    assert.is(getEventListeners(signal, 'abort').length, 0);
  }));

test('the engine closes what was left open', async () => {
  const engine = await Engine.start(configOf('inline'));
  const nexus = openLoopback(engine, { target: NAME, initiatorPortName: 'iqn.2026-11.io.lunloom:script,i,0x000000000001' });
  const open = codeOf(nexus.execute({ cdb: Buffer.from('040000000000', 'hex') }));
  await engine.stop({ immediately: true });
  assert.ok(['LOOPBACK_ABORTED', 'resolved'].includes(await open));
  assert.throws(() => openLoopback(engine), /no target/);
});

test.run();
