import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { cdb, parseSense } from '../../initiator/index.js';
import { type FaultRig, withRig } from './fault-rig.js';

const BLOCK_LENGTH_BYTES = 4096;
const LBA_COUNT = 1024;
const SIZE_BYTES = 4 * LBA_COUNT * BLOCK_LENGTH_BYTES;
/**
 * The end of a thread is noticed in some ten milliseconds. An answer that nobody flushes leaves with the tick of the engine, up to
 * a second later. The middle of several counts, as the machine may be busy with something else.
 */
const MEDIAN_ANSWER_MS_MAX = 300;
const LOSS_COUNT = 6;
const ATTEMPT_COUNT_MAX = 60;

function onFile(folder: string) {
  const store = { kind: 'file', path: join(folder, 'disk.img'), sizeBytes: SIZE_BYTES, direct: false } as const;
  return { execution: 'pool', luns: [{ lun: 0, store, blockLengthBytes: BLOCK_LENGTH_BYTES, readOnly: false }] } as const;
}

/** Kills whatever thread holds the command on its way; resolves once there was one. */
async function killHolder(rig: FaultRig): Promise<void> {
  while (rig.engine.usage().ringCommandCount === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const thread of rig.engine.workerThreads) void thread.terminate();
}

test('the answer of a command that died with its thread leaves at once, with ABORTED COMMAND', async () => {
  await withRig(onFile, async (rig) => {
    const unit = await rig.login(0);
    const dataOut = Buffer.alloc(LBA_COUNT * BLOCK_LENGTH_BYTES, 0x5a);
    const answerMs: number[] = [];
    for (let i = 0; i < ATTEMPT_COUNT_MAX && answerMs.length < LOSS_COUNT; i++) {
      const pending = unit.session.submit({ lun: 0, cdb: cdb.writeCdb(16, 0, LBA_COUNT, true), dataOut });
      await killHolder(rig);
      const killedAt = performance.now();
      const { sense } = await pending.result;
      if (sense.length === 0) continue;
      answerMs.push(Math.round(performance.now() - killedAt));
      assert.is(parseSense(sense)?.key, SenseKey.abortedCommand);
    }
    answerMs.sort((a, b) => a - b);
    console.log(`commands that died with their thread were answered after ${answerMs.join(', ')} ms`);
    assert.is(answerMs.length, LOSS_COUNT, 'the threads died too late or too early');
    assert.ok((answerMs[LOSS_COUNT >> 1] as number) < MEDIAN_ANSWER_MS_MAX, 'answers were kept back');
    await rig.assertIdle();
    await rig.logoutAll();
  });
});
test('a thread that dies idle is replaced before it is missed', async () => {
  await withRig(onFile, async (rig) => {
    const unit = await rig.login(0);
    for (let i = 0; i < 10; i++) {
      const dataOut = Buffer.alloc(BLOCK_LENGTH_BYTES, i);
      for (const thread of rig.engine.workerThreads) await thread.terminate();
      await unit.write(i, dataOut, BLOCK_LENGTH_BYTES);
      assert.ok((await unit.read(i, 1, BLOCK_LENGTH_BYTES)).equals(dataOut));
    }
    await rig.assertIdle();
    await rig.logoutAll();
  });
});

test.run();
