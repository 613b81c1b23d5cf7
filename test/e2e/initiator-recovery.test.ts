import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { Opcode } from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { assertBytes } from '../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { type Direction, type Mischief, type PassingPdu, PduProxy } from './pdu-proxy.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:recovery';
const SEED = 20_261_123;
const BLOCK = 512;
const SLICE_BLOCKS = 64;
const PARALLEL = 8;
const ROUNDS = 4;
const CRC32C = { header: 'CRC32C', data: 'CRC32C' } as const;
/** Small segments and bursts, so that each command is many PDUs. */
const smallKeys = { maxRecvDataSegmentLength: 2048, maxBurstLength: 8192, firstBurstLength: 2048, maxOutstandingR2T: 2 } as const;

const defects: unknown[] = [];
let engine: Engine;
let proxy: PduProxy;

test.before(async () => {
  engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: TARGET_NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 4 * 1024 * 1024 }, blockLengthBytes: BLOCK, readOnly: false }] }],
      execution: 'inline',
      workerCount: 0,
      insecure: false,
      limits: { defaultTime2WaitSecondsMin: 0, dataOutRecoveryMs: 300 },
    },
    { onDefect: (error) => defects.push(error) },
  );
  proxy = await PduProxy.start(engine.portals[0]?.port ?? 0);
});
test.before.each(() => {
  proxy.mischief = () => 'pass';
});
test.after(async () => {
  proxy.close();
  await engine.stop({ immediately: true });
});

async function login(options: Partial<SessionOptions>): Promise<Session> {
  const keys = { defaultTime2Wait: 0, ...smallKeys, ...options.keys };
  const session = await Session.login({ host: '127.0.0.1', port: proxy.port, targetName: TARGET_NAME, ...options, keys });
  await becomeReady(session);
  return session;
}

async function becomeReady(session: Session): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    if ((await session.command({ lun: 0, cdb: testUnitReadyCdb(), retry: true })).status === 0) return;
  }
}

/** Several at a time write and read slices of their own, over and over; what is read must be what was written last. */
async function exercise(session: Session, random: SeededRandom): Promise<void> {
  const worker = async (index: number): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) {
      const blockCount = 1 + random.below(SLICE_BLOCKS - 1);
      const bytes = Buffer.from(random.bytes(blockCount * BLOCK));
      const lba = index * SLICE_BLOCKS;
      await untilGood(() => session.command({ lun: 0, cdb: writeCdb(10, lba, blockCount), dataOut: bytes, retry: true }));
      const { dataIn } = await untilGood(() => session.command({ lun: 0, cdb: readCdb(10, lba, blockCount), dataInLength: bytes.length, retry: true }));
      assertBytes(dataIn, bytes);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, (_, index) => worker(index)));
}

/** A nexus that is new has a unit attention for us. */
async function untilGood(run: () => ReturnType<Session['command']>): ReturnType<Session['command']> {
  for (let attempt = 0; ; attempt++) {
    const result = await run();
    if (result.status === 0 || attempt === 5) {
      assert.is(result.status, 0);
      return result;
    }
  }
}

/** Does `what` to every so-manieth PDU of a kind. */
function every(count: number, direction: Direction, opcode: number, what: Mischief): (pdu: PassingPdu) => Mischief {
  let seen = 0;
  return (pdu) => {
    if (pdu.direction !== direction || pdu.opcode !== opcode || (what === 'damage' && pdu.dataLength === 0)) return 'pass';
    return ++seen % count === 0 ? what : 'pass';
  };
}

function snackCount(session: Session): number {
  return session.connections.reduce((sum, { snackCounts }) => sum + (snackCounts === null ? 0 : snackCounts.dataOrR2T + snackCounts.status), 0);
}

for (const [name, mischief, asks] of [
  ['Data-In damaged', () => every(7, 'to-initiator', Opcode.dataIn, 'damage'), true],
  ['Data-In lost', () => every(11, 'to-initiator', Opcode.dataIn, 'drop'), true],
  ['SCSI Responses lost', () => every(5, 'to-initiator', Opcode.scsiResponse, 'drop'), true],
  ['R2Ts lost', () => every(9, 'to-initiator', Opcode.readyToTransfer, 'drop'), true],
  ['Data-Out damaged', () => every(7, 'to-target', Opcode.dataOut, 'damage'), false],
  ['Data-Out lost', () => every(13, 'to-target', Opcode.dataOut, 'drop'), false],
  ['commands lost', () => every(40, 'to-target', Opcode.scsiCommand, 'drop'), false],
  ['immediate data damaged', () => every(6, 'to-target', Opcode.scsiCommand, 'damage'), false],
] as [string, () => (pdu: PassingPdu) => Mischief, boolean][]) {
  test(`ErrorRecoveryLevel 1, ${name}: every command ends well and data is right`, async () => {
    const session = await login({ digests: CRC32C, keys: { errorRecoveryLevel: 1 } });
    assert.is(session.negotiated.errorRecoveryLevel, 1);
    proxy.mischief = mischief();
    await exercise(session, seededRandom(SEED));
    proxy.mischief = () => 'pass';
    if (asks) assert.ok(snackCount(session) > 0, 'SNACKs were needed');
    await session.logout();
  });
}

for (const count of [1, 3]) {
  for (const connectionRecovery of ['reinstate', 'logout'] as const) {
    test(`ErrorRecoveryLevel 2, ${count} connections, by ${connectionRecovery}: connections are cut, tasks go on`, async () => {
      const recovered: number[] = [];
      const events = { onConnectionRecovered: (cid: number) => recovered.push(cid) };
      const session = await login({ connectionRecovery, events, keys: { errorRecoveryLevel: 2, maxConnections: 4 } });
      assert.is(session.negotiated.errorRecoveryLevel, 2);
      for (let i = 1; i < count; i++) await session.addConnection();
      let cuts = 0;
      proxy.mischief = ({ index }) => (index % 97 === 96 && cuts++ < 4 ? 'cut' : 'pass');
      await exercise(session, seededRandom(SEED));
      proxy.mischief = () => 'pass';
      assert.ok(recovered.length > 0, 'connections were recovered');
      await session.logout();
    });
  }
}

test('ErrorRecoveryLevel 0: the session is cut, comes back, and what may be made again is', async () => {
  let reconnects = 0;
  const session = await login({ reconnect: { attemptCountMax: 5, delayMs: 5 }, events: { onReconnected: () => reconnects++ } });
  let cuts = 0;
  proxy.mischief = ({ index }) => (index % 151 === 150 && cuts++ < 4 ? 'cut' : 'pass');
  await exercise(session, seededRandom(SEED));
  proxy.mischief = () => 'pass';
  assert.ok(reconnects > 0);
  await session.logout();
});

test('four connections: data is right, one leaves, the others go on', async () => {
  const session = await login({ digests: CRC32C, keys: { maxConnections: 4 } });
  for (let i = 1; i < 4; i++) await session.addConnection();
  await exercise(session, seededRandom(SEED));
  await session.logout(1, { cid: 2 });
  assert.is(session.connections.length, 3);
  await exercise(session, seededRandom(SEED + 1));
  await session.logout();
});

test('nothing is left in the engine, and it found no defect in itself', async () => {
  assert.equal(defects, []);
  const usage = engine.usage();
  for (const [name, count] of Object.entries(usage)) assert.is(count, 0, name);
});

test.run();
