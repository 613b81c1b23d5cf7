import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineConfig, LunConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';
import { TargetError } from '../../engine/errors.js';
import type { LimitName } from '../../engine/limits.js';
import { type LoopbackCommand, type LoopbackNexus, openLoopback } from '../../engine/loopback/index.js';
import { BHS_LENGTH, Opcode } from '../../engine/pdu/index.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type Mischief, type PassingPdu, PduProxy } from '../e2e/pdu-proxy.js';
import { type SeededRandom, seededRandom } from '../support/random.js';

/**
 * A passthrough unit before a target that says anything: wrong residuals and statuses, sense data of 60 KiB, PDUs twice, in pieces, as noise or not at all.
 * Whatever it says, commands end, the engine stays whole, and the unit is there again when the target has come to its senses.
 */

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const SECONDS = Number(process.env['LUNLOOM_HOSTILE_SECONDS'] ?? 4);
const MIB = 1024 ** 2;
const BACK = 'iqn.2026-11.io.lunloom:back';
const FRONT = 'iqn.2026-11.io.lunloom:front';
const COMMAND_MS_MAX = 15_000;
const PATIENCE_MS = 150;
const RETURN_MS_MAX = 5000;
const STOP_MS_MAX = 4000;
const LANE_COUNT = 6;
const TEST_UNIT_READY = new Uint8Array(6);

const common = { execution: 'inline', workerCount: 0, insecure: false, control: 'off', portals: [{ address: '127.0.0.1', port: 0 }] } as const;

async function startEngine(name: string, luns: readonly LunConfig[], limits: EngineConfig['limits'], defects: unknown[]): Promise<Engine> {
  return Engine.start({ ...common, targets: [{ name, luns }], limits }, { onDefect: (error) => defects.push(error), onNotice: () => {} });
}

const quickly: Partial<Record<LimitName, number>> = {
  passthroughRetryMsMin: 20,
  passthroughRetryMsMax: 100,
  passthroughPingMs: 200,
  passthroughQueryMsMax: 200,
  passthroughAbortMsMax: 200,
};

interface Scene {
  readonly front: Engine;
  readonly back: Engine;
  readonly proxy: PduProxy;
  readonly defects: unknown[];
}

async function withScene(session: 'nexus' | 'shared', use: (scene: Scene) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const onUnhandled = (error: unknown) => defects.push(error);
  process.on('unhandledRejection', onUnhandled);
  const disk = { lun: 0, store: { kind: 'ram', sizeBytes: 4 * MIB }, blockLengthBytes: 512, readOnly: false } as const;
  const back = await startEngine(BACK, [disk], {}, []);
  const proxy = await PduProxy.start(back.portals[0]?.port ?? 0);
  const device = { kind: 'passthrough', source: `iscsi://127.0.0.1:${proxy.port}/${BACK}/0`, options: { session } };
  const front = await startEngine(FRONT, [{ lun: 0, device, readOnly: false }], quickly, defects);
  try {
    await use({ front, back, proxy, defects });
  } finally {
    proxy.close();
    await front.stop({ immediately: true });
    await back.stop({ immediately: true });
    process.off('unhandledRejection', onUnhandled);
  }
  assert.equal(defects, [], 'no defects');
}

/** Any of the things that a target should not do; `one in` so many PDUs. */
function tamperer(random: SeededRandom, oneIn: number): (pdu: PassingPdu, bytes: Buffer) => Buffer {
  const numberField = [20, 24, 28, 36, 40, 44];
  const tricks: readonly ((bytes: Buffer) => Buffer)[] = [
    (bytes) => changed(bytes, random.below(BHS_LENGTH), random.below(256)),
    // Flags of residuals, and counts of everything.
    (bytes) => withLong(changed(bytes, 1, 0x80 | random.below(32)), 44, random.below(2 ** 32)),
    (bytes) => withLong(changed(bytes, 1, 0x80 | random.below(32)), 40, random.below(2 ** 32)),
    (bytes) => withLong(bytes, numberField[random.below(numberField.length)] as number, random.below(2 ** 32)),
    (bytes) => changed(bytes, 3, random.below(256)),
    (bytes) => withLong(bytes, 16, random.below(64)),
    (bytes) => Buffer.concat([bytes, bytes]),
    (bytes) => Buffer.from(bytes.map(() => random.below(256))),
    (bytes) => withData(bytes, senseOf(random.below(60_000), random)),
    (bytes) => withData(bytes, Buffer.alloc(random.below(4), 0xff)),
    // Another device type, when it is INQUIRY that this answers.
    (bytes) => (bytes.length > BHS_LENGTH ? changed(bytes, BHS_LENGTH, random.below(256)) : bytes),
  ];
  return ({ direction }, bytes) => {
    if (direction === 'to-target' || random.below(oneIn) !== 0) return bytes;
    return (tricks[random.below(tricks.length)] as (typeof tricks)[number])(Buffer.from(bytes));
  };
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  bytes[at] = value;
  return bytes;
}

function withLong(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32BE(value, at);
  return bytes;
}

/** A SCSI Response with CHECK CONDITION and this data. */
function withData(bytes: Buffer, data: Buffer): Buffer {
  if (((bytes[0] as number) & 0x3f) !== Opcode.scsiResponse) return bytes;
  const header = Buffer.from(bytes.subarray(0, BHS_LENGTH));
  header[3] = ScsiStatus.checkCondition;
  header.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([header, data, Buffer.alloc(-data.length & 3)]);
}

function senseOf(length: number, random: SeededRandom): Buffer {
  const sense = Buffer.alloc(length + 2);
  sense.writeUInt16BE(length);
  for (let at = 2; at < Math.min(sense.length, 300); at++) sense[at] = random.below(256);
  if (length > 0) sense[2] = 0x70 + random.below(4);
  return sense;
}

function commandOf(random: SeededRandom): LoopbackCommand {
  const lba = random.below(1024);
  const blocks = 1 + random.below(64);
  const data = Buffer.alloc(blocks * 512, lba);
  const rest = [0, 0, 0, lba >> 8, lba & 0xff, 0, 0, blocks, 0];
  switch (random.below(7)) {
    case 0:
      return { cdb: TEST_UNIT_READY };
    case 1:
      return { cdb: Uint8Array.of(0x12, 0, 0, 0, 255, 0), dataInLength: 255 };
    case 2:
      return { cdb: Uint8Array.of(0x28, ...rest), dataInLength: data.length };
    case 3:
      return { cdb: Uint8Array.of(0x2a, ...rest), dataOut: data };
    case 4:
      return { cdb: Uint8Array.of(0x53, ...rest), dataOut: data, dataInLength: data.length };
    case 5:
      return { cdb: Uint8Array.of(0x03, 0, 0, 0, 252, 0), dataInLength: 252 };
    default:
      return { cdb: Uint8Array.of(0x1a, 0, 0x3f, 0, 255, 0), dataInLength: 255 };
  }
}

/** An initiator that loses its patience. */
async function runOne(nexus: LoopbackNexus, random: SeededRandom): Promise<void> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  const command = commandOf(random);
  try {
    const { dataIn, sense } = await within(nexus.execute({ ...command, signal: abort.signal }), Buffer.from(command.cdb).toString('hex'));
    assert.ok(dataIn.length <= (command.dataInLength ?? 0) && sense.length <= 252);
  } catch (error) {
    if (!(error instanceof TargetError) || error.code !== 'LOOPBACK_ABORTED') throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function within<T>(work: Promise<T>, text: string, ms = COMMAND_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TargetError('TEST_TIME', `${text} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function untilReady(nexus: LoopbackNexus): Promise<void> {
  const until = performance.now() + RETURN_MS_MAX;
  for (;;) {
    const { status, sense } = await within(nexus.execute({ cdb: TEST_UNIT_READY }), 'TEST UNIT READY');
    if (status === ScsiStatus.good) return;
    assert.ok(performance.now() < until, `still ${status}, ${Buffer.from(sense).toString('hex')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const session of ['nexus', 'shared'] as const) {
  test(`session=${session}: a remote target may say what it wants (LUNLOOM_SEED=${SEED})`, () =>
    withScene(session, async ({ front, proxy }) => {
      const random = seededRandom(SEED);
      const nexuses = [openLoopback(front), openLoopback(front)];
      for (const nexus of nexuses) await untilReady(nexus);
      proxy.tamper = tamperer(random, 12);
      const others: readonly Mischief[] = ['drop', 'cut'];
      proxy.mischief = ({ direction }) => (direction === 'to-initiator' && random.below(60) === 0 ? (others[random.below(2)] as Mischief) : 'pass');
      const until = performance.now() + SECONDS * 1000;
      const lane = async (nexus: LoopbackNexus) => {
        while (performance.now() < until) {
          if (random.below(100) === 0) await within(nexus.manageTasks('logical unit reset', 0), 'a reset');
          await runOne(nexus, random);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all(Array.from({ length: LANE_COUNT }, (_, at) => lane(nexuses[at % 2] as LoopbackNexus)));
      proxy.tamper = (_pdu, bytes) => bytes;
      proxy.mischief = () => 'pass';
      // What had been lost under way is over, or is noticed.
      for (const nexus of nexuses) await untilReady(nexus);
      for (const nexus of nexuses) await within(nexus.close(), 'the loss of a nexus');
      const { openTaskCount, slotsInUse, arenaBytesInUse } = front.usage();
      assert.equal({ openTaskCount, slotsInUse, arenaBytesInUse }, { openTaskCount: 0, slotsInUse: 0, arenaBytesInUse: 0 });
    }));

  test(`session=${session}: the engine stops while the remote target answers nothing`, () =>
    withScene(session, async ({ front, proxy }) => {
      const nexuses = Array.from({ length: 4 }, () => openLoopback(front));
      for (const nexus of nexuses) await untilReady(nexus);
      proxy.mischief = ({ direction }) => (direction === 'to-initiator' ? 'drop' : 'pass');
      const random = seededRandom(SEED);
      const ends = nexuses.flatMap((nexus) =>
        Array.from({ length: 8 }, () =>
          nexus.execute(commandOf(random)).then(
            () => 'answered',
            () => 'aborted',
          ),
        ),
      );
      const startedAt = performance.now();
      await within(front.stop({ immediately: true }), 'the stop', STOP_MS_MAX);
      await within(Promise.all(ends), 'the commands');
      assert.ok(performance.now() - startedAt < STOP_MS_MAX);
    }));
}

test('64 nexuses: each has a session, all come back after an outage, and none is left when they have gone', () =>
  withScene('nexus', async ({ front, back, proxy }) => {
    const nexuses = Array.from({ length: 64 }, () => openLoopback(front));
    await Promise.all(nexuses.map(untilReady));
    assert.is(back.usage().sessionCount, 65);
    for (let round = 0; round < 3; round++) {
      proxy.cutAll();
      await Promise.all(nexuses.map(untilReady));
    }
    assert.is(back.usage().sessionCount, 65, 'sessions that were lost unseen have made way');
    await Promise.all(nexuses.map((nexus) => nexus.close()));
    const until = performance.now() + RETURN_MS_MAX;
    while (back.usage().sessionCount > 1 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(back.usage().sessionCount, 1);
  }));

test.run();
