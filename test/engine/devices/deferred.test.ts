import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runDeferred } from '../../../engine/devices/deferred.js';
import { TargetError } from '../../../engine/errors.js';
import { assertCheck, assertGood, makeCommand, TestDeferral } from '../scsi/scsi-fixture.js';

class WatchedDeferral extends TestDeferral {
  readonly defects: unknown[] = [];

  tellDefect(error: unknown): void {
    this.defects.push(error);
  }
}

test('a command ends when its work has, and not before', async () => {
  const deferral = new WatchedDeferral();
  const command = makeCommand('00 00 00 00 00 00');
  let finish = () => {};
  let hasEnded = false;
  runDeferred(command, deferral, () => new Promise((resolve) => (finish = resolve)));
  void deferral.done.then(() => (hasEnded = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.not.ok(hasEnded);
  finish();
  await deferral.done;
  assertGood(command);
});

test('work that is aborted is told so', async () => {
  const deferral = new WatchedDeferral();
  let wasAborted = false;
  runDeferred(makeCommand('00 00 00 00 00 00'), deferral, async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    wasAborted = signal.aborted;
  });
  deferral.onAbort?.();
  await deferral.done;
  assert.ok(wasAborted);
});

test('a fault that has a code is HARDWARE ERROR, and so is a defect, which is told of besides', async () => {
  const defect = new TypeError('nobody thought of this');
  for (const [error, told] of [
    [new TargetError('DEVICE_THREAD_LOST', 'the thread is gone'), []],
    [defect, [defect]],
  ] as const) {
    const deferral = new WatchedDeferral();
    const command = makeCommand('00 00 00 00 00 00');
    runDeferred(command, deferral, () => Promise.reject(error));
    await deferral.done;
    assertCheck(command, '04/44/00');
    assert.equal(deferral.defects, [...told]);
  }
});

test.run();
