import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import type { ChapOptions } from '../../initiator/chap.js';
import { InitiatorError, LoginError } from '../../initiator/errors.js';
import { PipelinedCore } from '../../initiator/pipelined-core.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { assertBytes } from '../support/assert-bytes.js';
import { missingPeers } from '../support/debian-packages.js';
import { peerTest } from '../support/peer-test.js';
import { seededRandom } from '../support/random.js';
import { TGT_LUN, Tgtd } from './tgtd.js';

const PEERS = ['tgtd', 'tgtadm'] as const;
const SEED = 20_261_123;
const BLOCK = 512;
const SIZE_BYTES = 8 * 1024 * 1024;
const open = 'iqn.2026-11.io.lunloom:tgt-open';
const strict = 'iqn.2026-11.io.lunloom:tgt-strict';
const oneWay = 'iqn.2026-11.io.lunloom:tgt-one-way';
const mutual = 'iqn.2026-11.io.lunloom:tgt-mutual';
const user = { user: 'initiator', secret: 'initiator-secret' };
const peer = { user: 'target', secret: 'the-targets-secret' };

const digestKeys = { HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C,None' };
const targets = [
  { targetName: open, keys: { ...digestKeys, MaxOutstandingR2T: '8' } },
  // Many PDUs and R2Ts for little data.
  {
    targetName: strict,
    keys: {
      ...digestKeys,
      MaxRecvDataSegmentLength: '512',
      MaxBurstLength: '4096',
      FirstBurstLength: '1024',
      InitialR2T: 'Yes',
      ImmediateData: 'No',
      MaxOutstandingR2T: '8',
    },
  },
  { targetName: oneWay, incoming: user },
  { targetName: mutual, incoming: { ...user, user: 'initiator2' }, outgoing: peer },
];

let tgtd: Tgtd | null = null;
test.before(async () => {
  if (missingPeers(PEERS).length === 0) tgtd = await Tgtd.start(targets, SIZE_BYTES);
});
test.after(async () => tgtd?.stop());

function login(targetName: string, options: Partial<SessionOptions> = {}): Promise<Session> {
  // tgt sends all Data-In of a command as one sequence, whatever MaxBurstLength says.
  return Session.login({ host: '127.0.0.1', port: tgtd?.port ?? 0, targetName, tolerate: ['dataInBurst'], ...options });
}

/** A new nexus is told of what it missed once or twice. */
async function becomeReady(session: Session): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    if ((await session.command({ lun: TGT_LUN, cdb: testUnitReadyCdb() })).status === 0) return;
    await sleep(10);
  }
}

/** Writes and reads with lengths that end inside of PDUs and bursts, several at once; what comes back must be what went. */
async function exerciseData(session: Session): Promise<void> {
  await becomeReady(session);
  const random = seededRandom(SEED);
  const blockCounts = [1, 2, 7, 8, 9, 63, 64, 128, 257, 600];
  let lba = 0;
  const pieces = blockCounts.map((blockCount) => {
    const bytes = Buffer.from(random.bytes(blockCount * BLOCK));
    const piece = { lba, blockCount, bytes };
    lba += blockCount;
    return piece;
  });
  const write = ({ lba: at, blockCount, bytes }: (typeof pieces)[0]) => session.command({ lun: TGT_LUN, cdb: writeCdb(10, at, blockCount), dataOut: bytes });
  for (const { status } of await Promise.all(pieces.map(write))) assert.is(status, 0);
  const read = ({ lba: at, blockCount, bytes }: (typeof pieces)[0]) =>
    session.command({ lun: TGT_LUN, cdb: readCdb(10, at, blockCount), dataInLength: bytes.length });
  for (const [index, { status, dataIn }] of (await Promise.all(pieces.map(read))).entries()) {
    assert.is(status, 0);
    assertBytes(dataIn, pieces[index]?.bytes ?? Buffer.alloc(0));
  }
}

const CRC32C = { header: 'CRC32C', data: 'CRC32C' } as const;
for (const [digestName, digests] of [
  ['no digests', { header: 'None', data: 'None' }],
  ['header digest', { header: 'CRC32C', data: 'None' }],
  ['data digest', { header: 'None', data: 'CRC32C' }],
  ['both digests', CRC32C],
] as const) {
  for (const targetName of [open, strict]) {
    peerTest(`${targetName.split(':')[1]}, ${digestName}: what was written is read`, PEERS, async () => {
      const session = await login(targetName, { digests, keys: { maxOutstandingR2T: 4 } });
      assert.is(session.negotiated.headerDigest, digests.header === 'CRC32C');
      assert.is(session.negotiated.dataDigest, digests.data === 'CRC32C');
      assert.is(session.negotiated.maxOutstandingR2T, 4);
      await exerciseData(session);
      await session.logout();
    });
  }
}

peerTest('every way of sending unsolicited data', PEERS, async () => {
  for (const initialR2T of [true, false]) {
    for (const immediateData of [true, false]) {
      const session = await login(open, { keys: { initialR2T, immediateData, firstBurstLength: 2048, maxBurstLength: 8192, maxRecvDataSegmentLength: 1024 } });
      await exerciseData(session);
      await session.logout();
    }
  }
});

function chap(name: string, extra: Partial<ChapOptions> = {}): ChapOptions {
  return { name, secret: user.secret, ...extra };
}

for (const encoding of ['hex', 'base64'] as const) {
  peerTest(`CHAP one way (${encoding}): we prove ourselves, data is right`, PEERS, async () => {
    const session = await login(oneWay, { chap: chap(user.user, { encoding }), digests: { header: ['None'] } });
    await exerciseData(session);
    await session.logout();
  });

  peerTest(`CHAP mutual (${encoding}): so does tgt`, PEERS, async () => {
    const target = { name: peer.user, secret: peer.secret };
    const session = await login(mutual, { chap: chap('initiator2', { encoding, target }) });
    await exerciseData(session);
    await session.logout();
  });
}

async function failureOf(pending: Promise<Session>): Promise<InitiatorError> {
  const outcome = await pending.catch((error: unknown) => error);
  assert.instance(outcome, InitiatorError);
  return outcome as InitiatorError;
}

peerTest('CHAP: a wrong secret of ours, and none at all, are refused by tgt', PEERS, async () => {
  const wrong = await failureOf(login(oneWay, { chap: chap(user.user, { secret: 'not-the-secret' }) }));
  assert.instance(wrong, LoginError);
  assert.is(wrong.code, 'LOGIN_FAILED');
  assert.is((await failureOf(login(oneWay, { security: 'none' }))).code, 'LOGIN_FAILED');
});

peerTest('CHAP: a tgt that knows another secret than ours is not believed', PEERS, async () => {
  const options = { chap: chap('initiator2', { target: { name: peer.user, secret: 'some-other-secret' } }) };
  assert.is((await failureOf(login(mutual, options))).code, 'AUTHENTICATION_FAILED');
});

peerTest('a discovery session lists the targets and where they are', PEERS, async () => {
  const session = await Session.login({ host: '127.0.0.1', port: tgtd?.port ?? 0 });
  const found = await session.sendTargets();
  assert.equal(found.map(({ targetName }) => targetName).sort(), targets.map(({ targetName }) => targetName).sort());
  for (const { targetAddresses } of found) assert.equal(targetAddresses, [`127.0.0.1:${tgtd?.port},1`]);
  await session.logout();
});

peerTest('task management, pings and a session that comes back', PEERS, async () => {
  const session = await login(open, { keys: { defaultTime2Wait: 0 }, reconnect: { attemptCountMax: 5, delayMs: 20 } });
  await becomeReady(session);
  assert.is((await session.ping(Buffer.from('are you there'))).toString(), 'are you there');
  assert.is(await session.logicalUnitReset(TGT_LUN), 0);
  await becomeReady(session);
  const { isid } = session.login;
  session.reset();
  await becomeReady(session);
  assert.is(session.login.isid, isid);
  await exerciseData(session);
  await session.logout();
});

peerTest('the pipelined core logs in with CHAP as well', PEERS, async () => {
  const ended: number[] = [];
  const core = await PipelinedCore.connect({
    host: '127.0.0.1',
    port: tgtd?.port ?? 0,
    targetName: oneWay,
    chap: chap(user.user),
    taskCount: 4,
    onComplete: (_task, status) => ended.push(status),
  });
  const ready = core.defineCommand({ lun: TGT_LUN, cdb: testUnitReadyCdb(), direction: 'none', lengthBytes: 0 });
  // tgt's window begins narrow.
  for (let i = 0; i < 4; i++) {
    core.submit(ready, 0);
    await core.drain();
  }
  assert.is(ended.length, 4);
  await core.close();
});

test.run();
