import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BoundThread, DeviceDefect } from '../../../engine/devices/bound-thread.js';
import { stuckThreads } from '../../../engine/devices/stuck-threads.js';
import { TargetError } from '../../../engine/errors.js';
import type { CountingService } from './counting-service.js';

const moduleUrl = new URL('./counting-service.js', import.meta.url);

function start(isBound: boolean, start: number, onLost?: () => void): Promise<BoundThread<CountingService>> {
  return BoundThread.start<CountingService>({ moduleUrl, options: { start }, isBound, ...(onLost === undefined ? {} : { onLost }) });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) =>
      error instanceof TargetError ? error.code : error instanceof DeviceDefect ? 'defect' : error instanceof RangeError ? 'defect' : String(error),
  );
}

for (const isBound of [true, false]) {
  const where = isBound ? 'on its own thread' : 'on this thread';

  test(`${where}: calls run in order on one state`, async () => {
    const thread = await start(isBound, 10);
    assert.equal(await Promise.all([thread.call('add', 1), thread.call('add', 5), thread.call('add', -2)]), [11, 16, 14]);
    await thread.close();
    assert.ok(thread.isLost);
  });

  test(`${where}: shared memory is written in place`, async () => {
    const thread = await start(isBound, 0);
    const bytes = new Uint8Array(new SharedArrayBuffer(16), 4, 8);
    await thread.call('fill', bytes, 7);
    assert.equal(Array.from(bytes), new Array(8).fill(7));
    assert.is(new Uint8Array(bytes.buffer)[0], 0);
    await thread.close();
  });

  test(`${where}: what is thrown arrives, and the service goes on`, async () => {
    const thread = await start(isBound, 1);
    assert.is(await codeOf(thread.call('refuse')), 'COUNTING_REFUSED');
    assert.is(await codeOf(thread.call('fail')), 'defect');
    assert.is(await thread.call('add', 1), 2);
    await thread.close();
  });

  test(`${where}: a service that cannot be made says why`, async () => {
    assert.is(await codeOf(start(isBound, 13)), 'COUNTING_UNLUCKY');
  });

  test(`${where}: closing tells what the service's own close threw`, async () => {
    const thread = await start(isBound, -1);
    assert.is(await codeOf(thread.close()), 'COUNTING_NEGATIVE');
    assert.ok(thread.isLost);
    assert.is(await codeOf(thread.call('add', 1)), 'DEVICE_THREAD_LOST');
  });
}

test('a thread that ends rejects what it was asked, says so once, and can be started again', async () => {
  let lostCount = 0;
  const thread = await start(true, 1, () => lostCount++);
  const calls = [thread.call('end'), thread.call('add', 1)].map(codeOf);
  assert.equal(await Promise.all(calls), ['DEVICE_THREAD_LOST', 'DEVICE_THREAD_LOST']);
  assert.ok(thread.isLost);
  assert.is(await codeOf(thread.call('add', 1)), 'DEVICE_THREAD_LOST');
  await thread.restart({ start: 100 });
  assert.is(lostCount, 1);
  assert.is(await thread.call('add', 1), 101);
  await thread.close();
  assert.is(lostCount, 1);
});

test('a thread that does not come out of a call keeps nobody from closing it for ever', async () => {
  const thread = await BoundThread.start<CountingService>({ moduleUrl, options: { start: 1 }, isBound: true, closeMsMax: 50 });
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const stuck = thread.call('wait', gate);
  assert.is(await codeOf(thread.close()), 'DEVICE_THREAD_STUCK');
  assert.is(stuckThreads.count, 1);
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  await stuck;
  for (let count = 0; stuckThreads.count > 0 && count < 200; count++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(stuckThreads.count, 0, 'it has ended after all');
});

test('a thread that is killed is told of, and closing it then does nothing', async () => {
  const lost = new Promise<void>((resolve) => {
    void start(true, 1, resolve).then(async (thread) => {
      await thread.call('add', 1);
      await thread.thread?.terminate();
      await codeOf(thread.call('add', 1));
      await thread.close();
    });
  });
  await lost;
});

test('a thread that was lost and is closed before another has come does not come back', async () => {
  let onLost = (): void => {};
  const wasLost = new Promise<void>((resolve) => {
    onLost = resolve;
  });
  const thread = await start(true, 1, () => onLost());
  await thread.thread?.terminate();
  await wasLost;
  const restarted = codeOf(thread.restart());
  const closed = thread.close();
  assert.is(await restarted, 'DEVICE_THREAD_LOST');
  await closed;
  assert.is(thread.thread, undefined);
  assert.ok(thread.isLost);
});

test('a thread that dies before it has made its service again has another come', async () => {
  let onLost = (): void => {};
  let lostCount = 0;
  const wasLost = new Promise<void>((resolve) => {
    onLost = resolve;
  });
  const thread = await start(true, 7, () => {
    lostCount++;
    onLost();
  });
  await thread.thread?.terminate();
  await wasLost;
  const restarted = thread.restart();
  while (thread.thread === undefined) await new Promise((resolve) => setImmediate(resolve));
  await thread.thread.terminate();
  await restarted;
  assert.is(await thread.call('add', 1), 8);
  assert.is(lostCount, 1);
  await thread.close();
});

test('a thread whose service could not be made says so to who started it, and is not lost besides', async () => {
  let lostCount = 0;
  assert.is(await codeOf(start(true, 13, () => lostCount++)), 'COUNTING_UNLUCKY');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(lostCount, 0);
});

test.run();
