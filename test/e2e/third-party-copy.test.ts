import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { startRecordingProxy } from '../support/recording-proxy.js';
import { peerOutput } from '../support/run-peer.js';
import { makeDiskImage } from './disk-image.js';

const MIB = 1024 * 1024;
const IMAGE_LENGTH = 32 * MIB;
/** Far more than the commands of a copy take, and far less than what is copied. */
const COPY_BYTES_MAX = 64 * 1024;
const SEED = 20_261_123;

const folder = mkdtempSync(join(tmpdir(), 'lunloom-copy-'));
const imagePath = join(folder, 'image.raw');

test.before(() => writeFileSync(imagePath, makeDiskImage(IMAGE_LENGTH, SEED)));
test.after(() => rmSync(folder, { recursive: true }));

const qemuImg = (...args: string[]) => peerOutput('qemu-img', args, { timeMsMax: 60_000 });

for (const [execution, blockLengthBytes] of [
  ['inline', 512],
  ['pool', 512],
  ['pool', 4096],
] as const) {
  peerTest(`qemu-img copies from LUN to LUN by EXTENDED COPY: ${blockLengthBytes}-byte blocks, ${execution}`, ['qemu-img', 'qemu-block-iscsi'], async () => {
    const luns = [0, 1].flatMap((lun) => ['--lun', `${lun}=ram:${IMAGE_LENGTH},block-size=${blockLengthBytes},execution=${execution}`]);
    await withLunloom({ args: luns }, async (lunloom) => {
      await qemuImg('convert', '-n', '-f', 'raw', '-O', 'raw', imagePath, lunloom.url(0));
      const proxy = await startRecordingProxy(lunloom.port);
      const proxied = (lun: number) => `iscsi://${proxy.portal}/${lunloom.targetName}/${lun}`;
      try {
        await qemuImg('convert', '-n', '-C', '-f', 'raw', '-O', 'raw', proxied(0), proxied(1));
      } finally {
        await proxy.close();
      }
      const travelled = proxy.connections.flatMap(({ fromInitiator, fromTarget }) => [fromInitiator.length, fromTarget.length]);
      assert.ok(travelled.length > 0 && travelled.every((length) => length < COPY_BYTES_MAX), `bytes that travelled: ${travelled.join(' ')}`);
      const outPath = join(folder, 'out.raw');
      await qemuImg('convert', '-f', 'raw', '-O', 'raw', lunloom.url(1), outPath);
      assert.ok(readFileSync(outPath).equals(readFileSync(imagePath)), `the image of seed ${SEED} came to LUN 1 changed`);
      rmSync(outPath);
    });
  });
}

test.run();
