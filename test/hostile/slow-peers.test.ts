// test-alone: it measures how soon stalled peers are dropped
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EngineProcess } from './engine-process.js';
import type { HostileInitiator, HostileLoginOptions } from './hostile-initiator.js';
import { FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, usageAtRest } from './scene.js';

const MIB = 1024 * 1024;
const ARENA_BYTES = 64 * MIB;
const STALL_MS = 1_000;
/** The engine looks once a second. */
const DROPPED_MS_MAX = STALL_MS + 1_900;
/** How long a command of the bystander may take: two cores are shared with the attackers and with other tests. */
const AT_ONCE_MS_MAX = 700;
/** Attackers that leave a share of the arena free, as one connection may hold a quarter of it. */
const FEW = 3;
/** Attackers that can hold all of it: then others may have to wait until they are dropped. */
const MANY = 12;
/** Arena, kernel-independent queues and the heap's own ups and downs. */
const RSS_GROWTH_BYTES_MAX = ARENA_BYTES + 64 * MIB;
const OBSERVE_PAUSE_MS = 50;
const solicitedOnly = { InitialR2T: 'Yes', ImmediateData: 'No' } as const;
const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN, RAM_POOL_LUN];

const engine = await EngineProcess.start({
  limits: { arenaBytes: ARENA_BYTES, transferLengthBytesMax: MIB, sendStallMsMax: STALL_MS, sendBacklogBytesMax: 4 * MIB, nopInIntervalMs: 600_000 },
});
test.after(() => engine.stop());

/** Keeps saying things that ask for no answer, so that the connection is never silent. */
async function chatter(attackers: readonly HostileInitiator[], say: (attacker: HostileInitiator) => Buffer): Promise<void> {
  while (attackers.some((attacker) => !attacker.raw.isClosed)) {
    for (const attacker of attackers) if (!attacker.raw.isClosed) attacker.send(say(attacker));
    await sleep(100);
  }
}

/**
 * Lets `attackers` be as they are until the engine has dropped them: meanwhile the bystander is served at once and memory is
 * bounded, afterwards everything is given back although no attacker has closed its end.
 */
async function outlast(attackers: readonly HostileInitiator[], restRssBytes: number, say?: (attacker: HostileInitiator) => Buffer): Promise<void> {
  const waitMsMax = attackers.length <= FEW ? AT_ONCE_MS_MAX : DROPPED_MS_MAX;
  // Of many, some are not even read until others are gone: they have their time after those.
  const droppedMsMax = attackers.length <= FEW + 1 ? DROPPED_MS_MAX : 2 * DROPPED_MS_MAX;
  const from = performance.now();
  engine.bystander.slowestMs = 0;
  const talking = say === undefined ? Promise.resolve() : chatter(attackers, say);
  let peakRssBytes = 0;
  let connectionCount = Number.POSITIVE_INFINITY;
  while (connectionCount > usageAtRest.connectionCount && performance.now() - from < droppedMsMax) {
    const { rssBytes, usage } = await engine.observe();
    peakRssBytes = Math.max(peakRssBytes, rssBytes);
    connectionCount = usage?.connectionCount ?? 0;
    await engine.bystander.rounds(1);
    await sleep(OBSERVE_PAUSE_MS);
  }
  assert.ok(connectionCount <= usageAtRest.connectionCount, `the engine dropped them after ${STALL_MS} ms: ${connectionCount} connections are left`);
  assert.ok(performance.now() - from > STALL_MS / 2, 'they were given their time');
  assert.ok(engine.bystander.slowestMs < waitMsMax, `the bystander waited ${engine.bystander.slowestMs} ms`);
  assert.ok(peakRssBytes - restRssBytes < RSS_GROWTH_BYTES_MAX, `the engine grew by ${(peakRssBytes - restRssBytes) / MIB} MiB`);
  // Whoever does not read sees no FIN either.
  for (const attacker of attackers) attacker.raw.resumeReading();
  await talking;
  await engine.assertAtRest();
  engine.destroyAttackers();
}

function slowTest(name: string, body: (restRssBytes: number) => Promise<void>): void {
  test(name, async () => {
    const { rssBytes } = await engine.observe();
    engine.bystander.start();
    try {
      await body(rssBytes);
    } finally {
      engine.destroyAttackers();
      await engine.bystander.rest();
    }
  });
}

function logins(count: number, options?: HostileLoginOptions): Promise<HostileInitiator[]> {
  return Promise.all(Array.from({ length: count }, () => engine.login(options)));
}

/** Stops reading and asks for `count` MiB. */
function readSlowly(attacker: HostileInitiator, lun: number, count = 100): void {
  attacker.raw.pauseReading();
  attacker.send(...Array.from({ length: count }, (_, i) => attacker.read(8192 + 2048 * (i % 24), MIB, { lun })));
}

function writeSlowly(attacker: HostileInitiator, lun: number, count = 100): void {
  attacker.send(...Array.from({ length: count }, (_, i) => attacker.write(8192 + 2048 * (i % 24), MIB, { lun })));
}

for (const lun of LUNS) {
  slowTest(`one reader that never drains its Data-In is dropped, and others are served at once (LUN ${lun})`, async (rest) => {
    const [attacker] = (await logins(1)) as [HostileInitiator];
    readSlowly(attacker, lun);
    await outlast([attacker], rest);
  });
}

for (const [name, count, lunOf] of [
  ['a few readers of a file', FEW, () => FILE_POOL_LUN],
  ['a few readers of all LUNs', FEW, (i: number) => LUNS[i % LUNS.length] as number],
  ['many readers of a file', MANY, () => FILE_POOL_LUN],
] as const) {
  slowTest(`${name} that never drain their Data-In are dropped, and others are served ${count === FEW ? 'at once' : 'on'}`, async (rest) => {
    const attackers = await logins(count);
    attackers.forEach((attacker, i) => void readSlowly(attacker, lunOf(i)));
    await outlast(attackers, rest);
  });
}

slowTest('readers that drain nothing but never stop talking are dropped all the same', async (rest) => {
  const attackers = await logins(2);
  attackers.forEach((attacker, i) => void readSlowly(attacker, [FILE_POOL_LUN, RAM_INLINE_LUN][i] as number, 12));
  await outlast(attackers, rest, (attacker) => attacker.ping(new Uint8Array(0), { immediate: true, initiatorTaskTag: 0xffffffff }));
});

slowTest('readers that ask for echoes and never drain them are no longer read, and dropped', async (rest) => {
  const attackers = await logins(4);
  for (const attacker of attackers) {
    attacker.raw.pauseReading();
    const echo = attacker.ping(Buffer.alloc(65_536, 0x55), { immediate: true });
    for (let n = 0; n < 1000; n++) attacker.send(echo);
  }
  await outlast(attackers, rest);
});

for (const [name, count] of [
  ['a few', FEW],
  ['many', MANY],
] as const) {
  slowTest(`${name} writers that never send the Data-Out they owe are dropped, and others are served ${count === FEW ? 'at once' : 'on'}`, async (rest) => {
    const attackers = await logins(count, { offers: solicitedOnly });
    attackers.forEach((attacker, i) => void writeSlowly(attacker, LUNS[i % LUNS.length] as number));
    await outlast(attackers, rest);
  });
}

slowTest('writers that announce unsolicited data and never send it are dropped', async (rest) => {
  const attackers = await logins(3, { offers: { InitialR2T: 'No' } });
  attackers.forEach((attacker, i) => {
    const fields = { lun: LUNS[i] as number, data: Buffer.alloc(512), final: false };
    attacker.send(...Array.from({ length: 50 }, (_, n) => attacker.write(8192 + 2048 * (n % 24), MIB, fields)));
  });
  await outlast(attackers, rest, (attacker) => attacker.ping(new Uint8Array(0), { immediate: true, initiatorTaskTag: 0xffffffff }));
});

slowTest('a writer that sends empty Data-Out for ever is dropped', async (rest) => {
  const attacker = await engine.login({ offers: solicitedOnly });
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.write(8192, MIB, { lun: FILE_POOL_LUN, initiatorTaskTag }));
  const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
  let dataSN = 0;
  const say = () => attacker.dataOut({ lun: FILE_POOL_LUN, initiatorTaskTag, targetTransferTag, dataSN: dataSN++, data: Buffer.alloc(0), final: false });
  await outlast([attacker], rest, say);
});

slowTest('initiators that leave a gap in CmdSN and fill the window behind it are dropped', async (rest) => {
  const attackers = await logins(4);
  attackers.forEach((attacker, i) => {
    const data = Buffer.alloc(65_536, i);
    const base = attacker.cmdSN;
    for (let n = 1; n < 100; n++) attacker.send(attacker.write(8192 + 128 * n, data.length, { lun: FILE_POOL_LUN, cmdSN: base + n, data }));
  });
  await outlast(attackers, rest, (attacker) => attacker.ping(new Uint8Array(0), { immediate: true, initiatorTaskTag: 0xffffffff }));
});

slowTest('an initiator that sends a command byte by byte holds nothing but its connection', async () => {
  const attacker = await engine.login();
  const bytes = attacker.write(8192, 65_536, { lun: FILE_POOL_LUN, data: Buffer.alloc(65_536) });
  for (let i = 0; i < 40; i++) {
    attacker.send(bytes.subarray(i, i + 1));
    await sleep(1);
  }
  await engine.bystander.rest();
  const { usage } = await engine.observe();
  assert.equal({ ...usage }, { ...usageAtRest, sessionCount: 2, connectionCount: 2 });
});

test.run();
