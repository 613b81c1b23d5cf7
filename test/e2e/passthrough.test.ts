import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine } from '../../engine/engine.js';
import { readCdb, writeCdb } from '../../initiator/cdb.js';
import type { Session } from '../../initiator/session.js';
import { assertBytes } from '../support/assert-bytes.js';
import { peerTest } from '../support/peer-test.js';
import { seededRandom } from '../support/random.js';
import {
  BACK_NAME,
  backSource,
  defects,
  type EngineAtPort,
  FRONT_NAME,
  freePort,
  login,
  startBack,
  startFront,
  tell,
  tellAll,
  tellBeyond,
} from './passthrough-scene.js';
import { PduProxy } from './pdu-proxy.js';
import { TGT_LUN, Tgtd } from './tgtd.js';

// A passthrough unit in front of real targets: another engine, and tgtd.

const SEED = 20_261_123;
const BLOCK = 512;
const QUEUE_DEPTH = 32;
const KIB = 1024;
const MIB = 1024 * KIB;

const stops: (() => Promise<unknown>)[] = [];
test.after.each(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
  assert.equal(defects.splice(0), []);
});

async function back(port = 0): Promise<EngineAtPort> {
  const started = await startBack(port);
  stops.push(() => started.engine.stop({ immediately: true }));
  return started;
}

async function front(...args: Parameters<typeof startFront>): Promise<EngineAtPort> {
  const started = await startFront(...args);
  stops.push(() => started.engine.stop({ immediately: true }));
  return started;
}

async function initiator(port: number, options: Parameters<typeof login>[1] = {}): Promise<Session> {
  const session = await login(port, options);
  stops.push(async () => session.destroy());
  return session;
}

/** As many at a time as the queue is deep write and read slices of their own of many lengths; what is read is what was written. */
async function assertIntegrity(session: Session): Promise<void> {
  const random = seededRandom(SEED);
  const sliceBlocks = 2 * KIB;
  const lane = async (index: number): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      const lba = index * sliceBlocks;
      const blocks = 1 + random.below(index % 8 === 0 ? sliceBlocks : 64);
      const data = Buffer.alloc(blocks * BLOCK);
      for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(random.below(0x1_0000_0000), at);
      const write = await session.command({ lun: 0, cdb: writeCdb(10, lba, blocks), dataOut: data });
      assert.is(write.status, 0, write.sense.toString('hex'));
      const read = await session.command({ lun: 0, cdb: readCdb(10, lba, blocks), dataInLength: data.length });
      assert.is(read.status, 0, read.sense.toString('hex'));
      assertBytes(read.dataIn, data);
    }
  };
  await Promise.all(Array.from({ length: QUEUE_DEPTH }, (_, index) => lane(index)));
}

async function assertNothingHeld(engine: Engine): Promise<void> {
  const { openTaskCount, arenaBytesInUse, heldRangeCount } = engine.usage();
  assert.equal({ openTaskCount, arenaBytesInUse, heldRangeCount }, { openTaskCount: 0, arenaBytesInUse: 0, heldRangeCount: 0 });
}

/** Its own questions to the device have been answered. */
async function untilConnected(engine: Engine): Promise<void> {
  for (let count = 0; count < 200 && !JSON.stringify(engine.units.list()).includes('"connected, '); count++)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

for (const session of ['nexus', 'shared'] as const) {
  test(`data written through it at queue depth ${QUEUE_DEPTH}, up to a megabyte a command, is read back; session=${session}`, async () => {
    const { port } = await back();
    const { engine, port: frontPort } = await front({ source: backSource(port), options: { session } });
    const user = await initiator(frontPort);
    await tellAll(user);
    await assertIntegrity(user);
    await assertNothingHeld(engine);
  });
}

peerTest('data written through it to tgtd is read back', ['tgtd'], async () => {
  const tgtd = await Tgtd.start([{ targetName: BACK_NAME }], 64 * MIB);
  stops.push(() => tgtd.stop());
  const { engine, port } = await front({ source: `iscsi://127.0.0.1:${tgtd.port}/${BACK_NAME}/${TGT_LUN}` });
  const user = await initiator(port);
  await tellAll(user);
  await assertIntegrity(user);
  await assertNothingHeld(engine);
});

for (const session of ['nexus', 'shared'] as const) {
  test(`a remote that is killed and comes back is back by itself, and two initiators are told once each; session=${session}`, async () => {
    const fixed = await freePort();
    const first = await startBack(fixed);
    const { engine, port } = await front({ source: backSource(fixed), options: { session } });
    const users = [await initiator(port, { initiatorName: 'iqn.2026-11.test:a' }), await initiator(port, { initiatorName: 'iqn.2026-11.test:b' })];
    for (const user of users) assert.equal(await tellAll(user), ['06/29/00']);
    await first.engine.stop({ immediately: true });
    // What is sent before the end of the connection is seen is lost with it.
    for (const user of users) assert.is(await tellBeyond(user, ['0b/08/00']), '02/04/01');
    await back(fixed);
    for (const user of users) {
      const told = await tellBeyond(user, ['02/04/01']);
      assert.match(told, /^06\/29\/0[0-7]$/, told);
      assert.equal(await tellAll(user), [], 'told once');
    }
    assert.match(JSON.stringify(engine.units.list()), '1 reconnect');
    await assertNothingHeld(engine);
  });
}

test('commands that are out when the remote is killed end with ABORTED COMMAND or NOT READY, and nothing hangs', async () => {
  const fixed = await freePort();
  const first = await startBack(fixed);
  const { engine, port } = await front({ source: backSource(fixed) });
  const user = await initiator(port);
  await tellAll(user);
  const running = Array.from({ length: QUEUE_DEPTH }, (_, at) =>
    user.command({ lun: 0, cdb: writeCdb(10, at * 512, 512), dataOut: Buffer.alloc(512 * BLOCK, at) }),
  );
  await first.engine.stop({ immediately: true });
  const keys = (await Promise.all(running)).map(({ status, sense }) => (status === 0 ? 0 : (sense[2] ?? 0) & 0x0f));
  assert.ok(
    keys.every((key) => [0, 0x02, 0x0b].includes(key)),
    keys.join(),
  );
  await assertNothingHeld(engine);
});

test('a remote that is absent at the start: the unit is NOT READY until it appears', async () => {
  const fixed = await freePort();
  const { port } = await front({ source: backSource(fixed) });
  const user = await initiator(port);
  assert.equal(await tell(user), '06/29/00');
  assert.is(await tell(user), '02/04/01');
  await back(fixed);
  const told = [await tellBeyond(user, ['02/04/01']), ...(await tellAll(user))];
  assert.equal(told, ['06/3f/03', '06/3f/0e']);
});

test('ABORT TASK goes through to the remote; what it had is free again on both sides', async () => {
  const last = await back();
  const middle = await front({ source: backSource(last.port), options: { session: 'shared' } });
  const { engine, port } = await front({ source: `iscsi://127.0.0.1:${middle.port}/${FRONT_NAME}/0` });
  const user = await initiator(port);
  await tellAll(user);
  await untilConnected(engine);
  // The remote of the front does not answer any more.
  await middle.engine.units.operate(FRONT_NAME, 0, 'drop', ['1']);
  const pending = user.submit({ lun: 0, cdb: readCdb(10, 0, 64), dataInLength: 64 * BLOCK });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(middle.engine.usage().openTaskCount, 1, 'it is with the remote');
  assert.is(await user.abortTask(pending), 0);
  await assertNothingHeld(engine);
  await assertNothingHeld(middle.engine);
  const [one, other] = [
    user.submit({ lun: 0, cdb: readCdb(10, 0, 64), dataInLength: 64 * BLOCK }),
    user.submit({ lun: 0, cdb: writeCdb(10, 0, 8), dataOut: Buffer.alloc(8 * BLOCK) }),
  ];
  await new Promise((resolve) => setTimeout(resolve, 50));
  await middle.engine.units.operate(FRONT_NAME, 0, 'drop', ['0']);
  assert.is(await user.logicalUnitReset(0), 0);
  for (const { result } of [one, other])
    assert.is(
      await result.then(
        () => 'ended',
        (error: { code: string }) => error.code,
      ),
      'COMMAND_ABORTED',
    );
  assert.equal(await tellAll(user), ['06/29/03'], 'the reset is told once');
  await assertNothingHeld(engine);
});

test('data both ways in one command, and NACA, go through; CLEAR ACA ends the condition on both sides', async () => {
  const remote = await back();
  const { engine, port } = await front({ source: backSource(remote.port) });
  const user = await initiator(port);
  await tellAll(user);
  const [old, changes] = [Buffer.alloc(BLOCK, 0x0f), Buffer.alloc(BLOCK, 0x3c)];
  await user.command({ lun: 0, cdb: writeCdb(10, 0, 1), dataOut: old });
  const both = await user.command({ lun: 0, cdb: Uint8Array.of(0x53, 0, 0, 0, 0, 0, 0, 0, 1, 0), dataOut: changes, dataInLength: 2 * BLOCK });
  assert.equal([both.status, both.residualFlags, both.bidirectionalReadResidualCount], [0, 0x08, BLOCK]);
  assertBytes(both.dataIn, Buffer.alloc(BLOCK, 0x33));
  await untilConnected(engine);
  const beyondTheEnd = Uint8Array.of(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0x04);
  assert.is((await user.command({ lun: 0, cdb: beyondTheEnd, dataInLength: BLOCK })).status, 0x02);
  assert.is(await tell(user), '30', 'ACA ACTIVE');
  assert.is(await user.clearAca(0), 0);
  assert.is(await tell(user), 'good');
});

test('CDBs of 32 and of 260 bytes are carried, and answered as by the device itself', async () => {
  const remote = await back();
  const { port } = await front({ source: backSource(remote.port) });
  const [user, direct] = [await initiator(port), await initiator(remote.port, { targetName: BACK_NAME })];
  for (const session of [user, direct]) await tellAll(session);
  const read32 = Buffer.alloc(32);
  read32.set([0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x09]);
  const longest = Buffer.alloc(260, 0x11);
  longest.set([0x7f, 0, 0, 0, 0, 0, 0, 0xfc, 0xff, 0xfe]);
  read32.writeUInt32BE(1, 28);
  await direct.command({ lun: 0, cdb: writeCdb(10, 0, 1), dataOut: Buffer.alloc(BLOCK, 0x66) });
  const outcomes: number[] = [];
  for (const cdb of [read32, longest, Buffer.from('c0ffee000000', 'hex')]) {
    const [through, itself] = [await user.command({ lun: 0, cdb, dataInLength: BLOCK }), await direct.command({ lun: 0, cdb, dataInLength: BLOCK })];
    assert.equal([through.status, through.sense.toString('hex')], [itself.status, itself.sense.toString('hex')]);
    assertBytes(through.dataIn, itself.dataIn);
    outcomes.push(through.status);
  }
  assert.equal(outcomes, [0x00, 0x02, 0x02]);
});

test('a target that has vanished without a word is noticed by its silence', async () => {
  const remote = await back();
  const proxy = await PduProxy.start(remote.port);
  stops.push(async () => proxy.close());
  const { port } = await front({ source: backSource(proxy.port), limits: { passthroughPingMs: 150 } });
  const user = await initiator(port);
  await tellAll(user);
  proxy.mischief = () => 'drop';
  assert.is(await tell(user), '0b/08/00');
  assert.is(await tellBeyond(user, ['0b/08/00']), '02/04/01');
  proxy.mischief = () => 'pass';
  assert.match(await tellBeyond(user, ['02/04/01', '0b/08/00']), /^06\/29\/0[07]$/);
});

test('a session that ends takes its session with the remote along', async () => {
  const { engine: remote, port } = await back();
  const { port: frontPort } = await front({ source: backSource(port) });
  const user = await initiator(frontPort);
  await tellAll(user);
  assert.is(remote.usage().sessionCount, 2, 'one of the unit, one of the initiator');
  await user.logout();
  for (let count = 0; count < 100 && remote.usage().sessionCount > 1; count++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(remote.usage().sessionCount, 1);
});

test('a local device that is none is said to be none, and the engine starts', async () => {
  const { port } = await front({ source: '/dev/null' });
  const user = await initiator(port);
  assert.is(await tell(user), '06/29/00');
  assert.is(await tell(user), '02/04/01');
});

test.run();
