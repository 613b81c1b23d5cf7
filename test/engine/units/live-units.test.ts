import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineConfig, TargetConfig } from '../../../engine/config/engine-config.js';
import { Engine } from '../../../engine/engine.js';
import { TargetError } from '../../../engine/errors.js';
import { WELL_KNOWN_REPORT_LUNS } from '../../../engine/pdu/index.js';
import { type CommandResult, Session } from '../../../initiator/index.js';

const MIB = 1024 * 1024;
const NAME = 'iqn.2025-01.dev.lunloom:live';
const INITIATOR = 'iqn.2025-01.dev.lunloom:restricted';

const ram = (lun: number) => ({ lun, store: { kind: 'ram', sizeBytes: 4 * MIB }, blockLengthBytes: 512, readOnly: false, execution: 'pool' }) as const;

interface Live {
  readonly engine: Engine;
  /** Logs in by the portal of this index and takes the first unit attention of LUN 0. */
  login(options?: { readonly portal?: number; readonly initiatorName?: string }): Promise<Session>;
}

async function withEngine(target: Partial<TargetConfig>, body: (live: Live) => Promise<void>, config: Partial<EngineConfig> = {}): Promise<void> {
  const defects: unknown[] = [];
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: NAME, luns: [ram(0)], ...target }],
      execution: 'auto',
      workerCount: 1,
      insecure: false,
      limits: {},
      ...config,
    },
    { onDefect: (error) => defects.push(error) },
  );
  const sessions: Session[] = [];
  const login: Live['login'] = async ({ portal = 0, initiatorName } = {}) => {
    const port = engine.portals[portal]?.port as number;
    const session = await Session.login({ host: '127.0.0.1', port, targetName: NAME, ...(initiatorName === undefined ? {} : { initiatorName }) });
    sessions.push(session);
    return session;
  };
  try {
    await body({ engine, login });
    await Promise.all(sessions.map((session) => session.logout()));
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const TEST_UNIT_READY = bytes('00 00 00 00 00 00');
const READ = bytes('28 00 00000000 00 0008 00');
const WRITE = bytes('2a 00 00000000 00 0008 00');

/** GOOD, or key/ASC/ASCQ. */
function outcomeOf({ status, sense }: CommandResult): string {
  if (status !== 2) return status === 0 ? 'good' : `status ${status}`;
  return [sense.readUInt8(2) & 0x0f, sense.readUInt8(12), sense.readUInt8(13)].map((value) => value.toString(16).padStart(2, '0')).join('/');
}

const ask = async (session: Session, lun: number, cdb: Buffer = TEST_UNIT_READY, dataInLength = 0) =>
  outcomeOf(await session.command({ lun, cdb, ...(dataInLength === 0 ? {} : { dataInLength }) }));

async function drainAttentions(session: Session, lun: number): Promise<string[]> {
  const told: string[] = [];
  for (let outcome = await ask(session, lun); outcome !== 'good'; outcome = await ask(session, lun)) told.push(outcome);
  return told;
}

async function lunsOf(session: Session, lun = 0, select = '00'): Promise<string[]> {
  const { dataIn } = await session.command({ lun, cdb: bytes(`a0 00 ${select} 000000 00001000 00 00`), dataInLength: 4096 });
  return Array.from({ length: dataIn.readUInt32BE(0) / 8 }, (_, at) => dataIn.subarray(8 + 8 * at, 10 + 8 * at).toString('hex'));
}

async function blockCountOf(session: Session, lun: number): Promise<number> {
  const { dataIn } = await session.command({ lun, cdb: bytes('9e 10 0000000000000000 00000020 00 00'), dataInLength: 32 });
  return Number(dataIn.readBigUInt64BE(0)) + 1;
}

async function codeOf(failing: () => unknown): Promise<string> {
  try {
    await failing();
  } catch (error) {
    if (error instanceof TargetError) return error.code;
    throw error;
  }
  return 'none';
}

/** Descriptors of this process that lead to a file. */
function openCountOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

test('a LUN that is added is told to all who are there, once REPORT LUNS was asked to nobody again, and serves at once', () =>
  withEngine({ luns: [ram(0), ram(1)] }, async ({ engine, login }) => {
    const [one, two] = [await login(), await login()];
    for (const session of [one, two]) for (const lun of [0, 1]) await drainAttentions(session, lun);
    await engine.units.add(NAME, { lun: 5, store: 'ram:1MiB' });
    assert.is(await ask(one, 0), '06/3f/0e');
    assert.is(await ask(two, 1), '06/3f/0e');
    assert.equal(await lunsOf(one), ['0000', '0001', '0005']);
    assert.is(await ask(one, 1), 'good', 'told by REPORT LUNS at another unit');
    assert.equal(await drainAttentions(one, 5), ['06/29/00']);
    assert.is(outcomeOf(await one.command({ lun: 5, cdb: WRITE, dataOut: Buffer.alloc(4096, 7) })), 'good');
    const { dataIn } = await one.command({ lun: 5, cdb: READ, dataInLength: 4096 });
    assert.ok(dataIn.every((byte) => byte === 7));
  }));

test('what is added is held against the rules of the file and what is served already', () =>
  withEngine({}, async ({ engine }) => {
    const add = (lun: Record<string, unknown>) => codeOf(() => engine.units.add(NAME, lun));
    assert.is(await add({ lun: 0, store: 'ram:1MiB' }), 'LUN_EXISTS');
    assert.is(await add({ lun: 1, store: 'ram:1000' }), 'CONFIG_INVALID');
    assert.is(await add({ lun: 1, stroe: 'ram:1MiB' }), 'CONFIG_INVALID');
    assert.is(await add({ lun: 1, store: 'file:/nowhere/at/all.img' }), 'STORE_NOT_FOUND');
    assert.is(await codeOf(() => engine.units.add('iqn.2025-01.dev.lunloom:other', ram(1))), 'TARGET_UNKNOWN');
    assert.is(await add({ lun: 1, store: 'null:1MiB', block_size: 512 }), 'CONFIG_INVALID');
    await engine.units.add(NAME, ram(1));
    assert.equal(
      engine.units.list()[0]?.luns.map(({ lun }) => lun),
      [0, 1],
    );
  }));

test('a LUN that is removed is gone at once, and its file is closed when its last command has ended', () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'disk.img');
    await withEngine({ luns: [ram(0)] }, async ({ engine, login }) => {
      const session = await login();
      await engine.units.add(NAME, { lun: 3, store: `file:${path}`, size: '4MiB', execution: 'pool' });
      await drainAttentions(session, 0);
      await lunsOf(session);
      await drainAttentions(session, 3);
      const writes = Array.from({ length: 200 }, () => session.command({ lun: 3, cdb: WRITE, dataOut: Buffer.alloc(4096, 7) }));
      await writes[10];
      assert.ok(openCountOf(path) > 0);
      const removed = engine.units.remove(NAME, 3);
      assert.is(await codeOf(() => engine.units.remove(NAME, 3)), 'LUN_UNKNOWN');
      const outcomes = new Set((await Promise.all(writes)).map(outcomeOf));
      await removed;
      assert.is(openCountOf(path), 0);
      outcomes.delete('good');
      outcomes.delete('05/25/00');
      assert.equal([...outcomes], [], 'each write was done or found no unit');
      assert.is(await ask(session, 0), '06/3f/0e');
      assert.equal(await lunsOf(session), ['0000']);
      assert.is(await ask(session, 3), '05/25/00');
      // The same LUN may come again.
      await engine.units.add(NAME, { lun: 3, store: `file:${path}`, execution: 'pool' });
      assert.equal(await drainAttentions(session, 3), ['06/29/00']);
      const { dataIn } = await session.command({ lun: 3, cdb: READ, dataInLength: 4096 });
      assert.ok(dataIn.every((byte) => byte === 7));
    });
    assert.is(openCountOf(path), 0);
  }));

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lunloom-live-'));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const kind of ['ram', 'file'] as const) {
  test(`${kind}: a LUN grows with what is on it, tells its new capacity, and shrinks when it is forced to`, () =>
    withDirectory((directory) =>
      withEngine({}, async ({ engine, login }) => {
        const path = join(directory, 'disk.img');
        const store = kind === 'ram' ? { store: 'ram:1MiB' } : { store: `file:${path}`, size: '1MiB' };
        await engine.units.add(NAME, { lun: 1, execution: 'pool', ...store });
        const session = await login();
        await drainAttentions(session, 1);
        await session.command({ lun: 1, cdb: WRITE, dataOut: Buffer.alloc(4096, 7) });
        assert.is(await codeOf(() => engine.units.resize(NAME, 1, MIB + 1)), 'CONFIG_INVALID');
        await engine.units.resize(NAME, 1, 3 * MIB);
        assert.equal(await drainAttentions(session, 1), ['06/2a/09']);
        assert.is(await blockCountOf(session, 1), (3 * MIB) / 512);
        if (kind === 'file') assert.is(statSync(path).size, 3 * MIB);
        const last = bytes('2a 00 000017f8 00 0008 00');
        assert.is(outcomeOf(await session.command({ lun: 1, cdb: last, dataOut: Buffer.alloc(4096, 9) })), 'good');
        const { dataIn } = await session.command({ lun: 1, cdb: READ, dataInLength: 4096 });
        assert.ok(dataIn.every((byte) => byte === 7));
        assert.is(await codeOf(() => engine.units.resize(NAME, 1, 2 * MIB)), 'LUN_SHRINKS');
        await engine.units.resize(NAME, 1, 2 * MIB, { force: true });
        assert.equal(await drainAttentions(session, 1), ['06/2a/09']);
        assert.is(outcomeOf(await session.command({ lun: 1, cdb: last, dataOut: Buffer.alloc(4096, 9) })), '05/21/00');
        await engine.units.resize(NAME, 1, 3 * MIB);
        await drainAttentions(session, 1);
        const grown = await session.command({ lun: 1, cdb: bytes('28 00 000017f8 00 0008 00'), dataInLength: 4096 });
        assert.ok(
          grown.dataIn.every((byte) => byte === 0),
          'what was cut off does not come back',
        );
        assert.is(engine.units.list()[0]?.luns.find(({ lun }) => lun === 1)?.sizeBytes, 3 * MIB);
      }),
    ));
}

test('a LUN shrinks and grows under load: commands are done, told to come again, or find their blocks gone', () =>
  withEngine(
    {},
    async ({ engine, login }) => {
      const session = await login();
      await drainAttentions(session, 0);
      const outcomes = new Map<string, number>();
      let isOver = false;
      const last = bytes('2a 00 00001ff8 00 0008 00');
      const lane = async () => {
        while (!isOver) {
          const outcome = outcomeOf(await session.command({ lun: 0, cdb: last, dataOut: Buffer.alloc(4096, 7) }));
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      };
      const lanes = Array.from({ length: 32 }, lane);
      for (let count = 0; count < 5; count++) {
        await engine.units.resize(NAME, 0, MIB, { force: true });
        await engine.units.resize(NAME, 0, 4 * MIB);
      }
      await engine.units.resize(NAME, 0, MIB, { force: true });
      await drainAttentions(session, 0);
      assert.is(outcomeOf(await session.command({ lun: 0, cdb: last, dataOut: Buffer.alloc(4096, 7) })), '05/21/00');
      isOver = true;
      await Promise.all(lanes);
      for (const expected of ['good', '05/21/00', '06/2a/09', 'status 8']) outcomes.delete(expected);
      assert.equal([...outcomes], []);
    },
    { limits: { drainMsMax: 1000 } },
  ));

test('a removable medium is ejected and loaded by the operator', () =>
  withEngine({ luns: [{ ...ram(0), removable: true }, ram(1)] }, async ({ engine, login }) => {
    const session = await login();
    await drainAttentions(session, 0);
    await session.command({ lun: 0, cdb: bytes('1e 00 00 00 01 00') });
    assert.is(await codeOf(() => engine.units.eject(NAME, 0)), 'LUN_PREVENTED');
    await session.command({ lun: 0, cdb: bytes('1e 00 00 00 00 00') });
    await engine.units.eject(NAME, 0);
    assert.is(await ask(session, 0, READ, 4096), '02/3a/00');
    assert.is(await codeOf(() => engine.units.resize(NAME, 0, 8 * MIB)), 'LUN_EJECTED');
    await engine.units.load(NAME, 0);
    assert.equal(await drainAttentions(session, 0), ['06/28/00']);
    assert.is(await ask(session, 0, READ, 4096), 'good');
    assert.is(await codeOf(() => engine.units.eject(NAME, 1)), 'LUN_NOT_REMOVABLE');
  }));

test('an initiator that may see some LUNs is told of those that come and go among them, and of no others', () =>
  withEngine({ luns: [ram(0), ram(5)], access: [{ initiators: [INITIATOR], luns: [0, 5] }, { initiators: ['*:other'] }] }, async ({ engine, login }) => {
    const session = await login({ initiatorName: INITIATOR });
    await drainAttentions(session, 0);
    await engine.units.remove(NAME, 5);
    assert.is(await ask(session, 0), '06/3f/0e');
    assert.equal(await lunsOf(session), ['0000']);
    await engine.units.add(NAME, ram(6));
    assert.is(await ask(session, 0), 'good');
    assert.is(await ask(session, 6), '05/25/00');
    await engine.units.add(NAME, ram(5));
    assert.is(await ask(session, 0), '06/3f/0e');
    assert.equal(await lunsOf(session), ['0000', '0005']);
    await drainAttentions(session, 5);
    assert.is(await ask(session, 5, READ, 4096), 'good');
  }));

test('the well-known logical unit answers over the wire, for a target whose LUNs have all gone too', () =>
  withEngine({}, async ({ engine, login }) => {
    const session = await login();
    assert.equal(await drainAttentions(session, WELL_KNOWN_REPORT_LUNS), ['06/29/00']);
    assert.equal(await lunsOf(session, WELL_KNOWN_REPORT_LUNS, '02'), ['0000', 'c101']);
    await engine.units.remove(NAME, 0);
    assert.is(await ask(session, WELL_KNOWN_REPORT_LUNS), '06/3f/0e');
    assert.equal(await lunsOf(session, WELL_KNOWN_REPORT_LUNS), []);
    await engine.units.add(NAME, ram(0));
    assert.equal(await lunsOf(session), ['0000']);
  }));

test('two portal groups with access states of their own: by one the medium is there, by the other in standby', () =>
  withEngine(
    {
      portGroups: [
        { id: 1, portals: [1], state: 'active-optimized', preferred: true },
        { id: 2, portals: [2], state: 'standby', preferred: false },
      ],
    },
    async ({ engine, login }) => {
      const [one, two] = [await login(), await login({ portal: 1 })];
      await drainAttentions(one, 0);
      assert.is(await ask(two, 0), '06/29/00');
      assert.is(await ask(two, 0), '02/04/0b');
      engine.units.setAccessState(NAME, 1, 'standby');
      engine.units.setAccessState(NAME, 2, 'active-optimized', 50);
      assert.is(await ask(two, 0), '06/2a/06', 'group 1 has changed');
      assert.is(await ask(two, 0), '02/04/0a');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await drainAttentions(two, 0), ['06/2a/06']);
      assert.is(await ask(two, 0, READ, 4096), 'good');
      assert.is(await ask(one, 0), '06/2a/06');
      assert.is(await ask(one, 0), '02/04/0b');
      assert.is(await codeOf(() => engine.units.setAccessState(NAME, 3, 'standby')), 'PORT_GROUP_UNKNOWN');
      assert.is(await codeOf(() => engine.units.setAccessState(NAME, 1, 'standby', 1e9)), 'PORT_GROUP_TIME');
    },
    {
      portals: [
        { address: '127.0.0.1', port: 0 },
        { address: '127.0.0.1', port: 0, portalGroupTag: 2 },
      ],
    },
  ));

test.run();
