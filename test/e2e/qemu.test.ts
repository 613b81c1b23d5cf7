import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LunloomProcess, withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { seededRandom } from '../support/random.js';
import { startRecordingProxy } from '../support/recording-proxy.js';
import { peerOutput, runPeer } from '../support/run-peer.js';
import { makeDiskImage } from './disk-image.js';

const SEED = 20_261_123;
const MIB = 1024 * 1024;
const IMAGE_LENGTH = 48 * MIB;
const COPY_MS_MAX = 60_000;
const QEMU_IMG = ['qemu-img', 'qemu-block-iscsi'] as const;
const QEMU_IO = ['qemu-io', 'qemu-block-iscsi'] as const;

const folder = mkdtempSync(join(tmpdir(), 'lunloom-qemu-'));
const imagePath = join(folder, 'image.raw');
let imageDigest = '';

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test.before(() => {
  const image = makeDiskImage(IMAGE_LENGTH, SEED);
  imageDigest = digestOf(image);
  writeFileSync(imagePath, image);
});
test.after(() => rmSync(folder, { recursive: true }));

const qemuImg = (...args: string[]) => peerOutput('qemu-img', args, { timeMsMax: COPY_MS_MAX });

/** Runs qemu-io commands one after the other; fails unless all of them succeed. */
const qemuIo = (url: string, ...commands: string[]) =>
  peerOutput('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), url], { timeMsMax: COPY_MS_MAX });

/** Out and back again; the unit is exactly as long as the image. */
async function roundTrip(url: string): Promise<void> {
  const outPath = join(folder, 'out.raw');
  // Zeros of the image have to be written over what was there.
  await qemuIo(url, `write -q -P 0xee 0 ${IMAGE_LENGTH}`);
  await qemuImg('convert', '-n', '-f', 'raw', '-O', 'raw', imagePath, url);
  assert.match(await qemuImg('compare', '-f', 'raw', '-F', 'raw', imagePath, url), 'Images are identical.');
  await qemuImg('convert', '-f', 'raw', '-O', 'raw', url, outPath);
  const back = readFileSync(outPath);
  rmSync(outPath);
  assert.is(back.length, IMAGE_LENGTH);
  assert.is(digestOf(back), imageDigest, `the image of seed ${SEED} came back changed`);
}

for (const execution of ['inline', 'pool'] as const) {
  for (const blockLengthBytes of [512, 4096] as const) {
    const what = `${blockLengthBytes}-byte blocks, ${execution}`;
    const keys = `block-size=${blockLengthBytes},execution=${execution}`;

    peerTest(`qemu-img copies an image to memory and back: ${what}`, [...QEMU_IMG, 'qemu-io'], async () => {
      await withLunloom({ args: ['--lun', `0=ram:${IMAGE_LENGTH},${keys}`] }, (lunloom) => roundTrip(lunloom.url()));
    });

    peerTest(`qemu-img copies an image to a file and back: ${what}`, [...QEMU_IMG, 'qemu-io'], async () => {
      const storePath = join(folder, 'store.img');
      await withLunloom({ args: ['--lun', `0=file:${storePath},size=${IMAGE_LENGTH},${keys}`] }, (lunloom) => roundTrip(lunloom.url()));
      const stored = readFileSync(storePath);
      rmSync(storePath);
      assert.is(digestOf(stored), imageDigest, 'the file behind the unit holds the image byte for byte');
    });
  }
}

/** An address as QEMU's block layer has it, with header digests asked for. */
const digestOptions = (portal: string, targetName: string) => ({
  driver: 'raw',
  file: { driver: 'iscsi', transport: 'tcp', portal, target: targetName, lun: 0, 'header-digest': 'crc32c' },
});

peerTest('with header digests an image goes out and back', [...QEMU_IMG, 'qemu-io'], async () => {
  await withLunloom({ args: ['--lun', `0=ram:${IMAGE_LENGTH}`] }, async (lunloom) => {
    const proxy = await startRecordingProxy(lunloom.port);
    const url = `json:${JSON.stringify(digestOptions(proxy.portal, lunloom.targetName))}`;
    try {
      await roundTrip(url);
    } finally {
      await proxy.close();
    }
    assert.ok(proxy.connections.length >= 4, `${proxy.connections.length} connections`);
    for (const { fromTarget } of proxy.connections) assert.match(fromTarget.toString('latin1'), 'HeaderDigest=CRC32C\0');
  });
});

const USER = 'alice';
const SECRET = 'secret-of-the-user';

/** A target that wants CHAP, and QEMU's `--object` that holds the secret as a file. */
async function withChap(use: (lunloom: LunloomProcess, secretObject: readonly string[]) => Promise<void>): Promise<void> {
  const file = join(folder, 'secret');
  // QEMU takes an end of line for a part of the secret.
  writeFileSync(file, SECRET, { mode: 0o600 });
  const args = ['--lun', `0=ram:${IMAGE_LENGTH}`, '--chap-user', USER, '--chap-secret-file', file];
  await withLunloom({ args }, (lunloom) => use(lunloom, ['--object', `secret,id=chap,file=${file}`]));
  rmSync(file);
}

peerTest('by CHAP in its URL, qemu-img copies an image out and back', [...QEMU_IMG, 'qemu-io'], () =>
  withChap(async (lunloom) => {
    const url = lunloom.url().replace('iscsi://', `iscsi://${USER}%${SECRET}@`);
    await roundTrip(url);
    await qemuIo(url, 'write -P 0x5a 0 1M', 'flush', 'read -P 0x5a 0 1M');
  }),
);

peerTest('by CHAP with a secret object and header digests, qemu-img copies an image out and qemu-io finds it', [...QEMU_IMG, 'qemu-io'], () =>
  withChap(async (lunloom, secretObject) => {
    const proxy = await startRecordingProxy(lunloom.port);
    const { driver, file } = digestOptions(proxy.portal, lunloom.targetName);
    const url = `json:${JSON.stringify({ driver, file: { ...file, user: USER, 'password-secret': 'chap' } })}`;
    try {
      await qemuImg('convert', ...secretObject, '-n', '-f', 'raw', '-O', 'raw', imagePath, url);
      assert.match(await qemuImg('compare', ...secretObject, '-f', 'raw', '-F', 'raw', imagePath, url), 'Images are identical.');
      const commands = ['write -P 0x3c 1M 64k', 'flush', 'read -P 0x3c 1M 64k'].flatMap((command) => ['-c', command]);
      await peerOutput('qemu-io', [...secretObject, ...commands, url]);
    } finally {
      await proxy.close();
    }
    assert.is(proxy.connections.length, 3);
    for (const { fromInitiator, fromTarget } of proxy.connections) {
      assert.match(fromTarget.toString('latin1'), 'HeaderDigest=CRC32C\0');
      assert.match(fromInitiator.toString('latin1'), `CHAP_N=${USER}\0`);
      assert.not.match(fromInitiator.toString('latin1'), SECRET);
    }
  }),
);

peerTest('by CHAP with a wrong secret, or without one, QEMU gets nothing', [...QEMU_IMG, 'qemu-io'], () =>
  withChap(async (lunloom) => {
    for (const url of [lunloom.url(), lunloom.url().replace('iscsi://', `iscsi://${USER}%wrong-wrong-wrong@`)]) {
      for (const [tool, args] of [
        ['qemu-img', ['info']],
        ['qemu-io', ['-f', 'raw', '-c', 'read 0 512']],
      ] as const) {
        const { exitCode, stderr } = await runPeer(tool, [...args, url]);
        assert.is(exitCode, 1);
        assert.match(stderr, 'Authentication failure');
      }
    }
  }),
);

peerTest('qemu-img info tells the size', QEMU_IMG, async () => {
  await withLunloom({ args: ['--lun', '0=ram:64MiB', '--lun', '1=null:5TiB,block-size=4096,readonly'] }, async (lunloom) => {
    const info = async (lun: number) => JSON.parse(await qemuImg('info', '--output=json', lunloom.url(lun))) as Record<string, unknown>;
    const [ram, large] = [await info(0), await info(1)];
    assert.equal([ram['format'], ram['virtual-size']], ['raw', 64 * MIB]);
    assert.equal([large['format'], large['virtual-size']], ['raw', 5 * 1024 * 1024 * MIB]);
  });
});

for (const execution of ['inline', 'pool'] as const) {
  peerTest(`qemu-io writes with and without FUA, flushes and finds its patterns: ${execution}`, QEMU_IO, async () => {
    const path = join(folder, 'patterns.img');
    await withLunloom({ args: ['--execution', execution, '--lun', '0=ram:16MiB', '--lun', `1=file:${path},size=16MiB`] }, async (lunloom) => {
      for (const lun of [0, 1]) {
        await qemuIo(
          lunloom.url(lun),
          'write -P 0x5a 0 1M',
          'write -f -P 0xa5 1M 64k',
          // Within blocks: QEMU reads, changes and writes them.
          'write -f -P 0x3c 1049577 777',
          'flush',
          'aio_write -P 0x11 4M 8M',
          'aio_write -f -P 0x22 12M 4M',
          'aio_flush',
          'read -P 0x5a 0 1M',
          'read -P 0xa5 1M 1001',
          'read -P 0x3c 1049577 777',
          'read -P 0xa5 1050354 63758',
          'read -P 0 1114112 2031616',
          'read -P 0x11 4M 8M',
          'read -P 0x22 12M 4M',
          'writev -P 0x77 3M 512 4096 65536',
          'readv -P 0x77 3M 65536 512 4096',
          'write -z 4M 2M',
          'read -P 0 4M 2M',
          'read -P 0x11 6M 6M',
        );
      }
      const wrong = await runPeer('qemu-io', ['-f', 'raw', '-c', 'read -P 0x5b 0 1M', lunloom.url(0)]);
      assert.is(wrong.exitCode, 1, 'a pattern that is not there is missed');
      assert.match(wrong.stdout, 'Pattern verification failed');
    });
    rmSync(path);
  });
}

const SECTOR_LENGTH = 512;
const SCATTER_SECTOR_COUNT = (4 * MIB) / SECTOR_LENGTH;

/** Writes at any sector, over each other, and what is then to be read: one byte value a sector. */
function scatteredWrites(seed: number, writeCount: number): { readonly commands: string[]; readonly expected: Uint8Array } {
  const random = seededRandom(seed);
  const expected = new Uint8Array(SCATTER_SECTOR_COUNT);
  const commands = Array.from({ length: writeCount }, (_, index) => {
    const start = random.below(SCATTER_SECTOR_COUNT);
    const count = Math.min(1 + random.below(random.boolean() ? 7 : 600), SCATTER_SECTOR_COUNT - start);
    expected.fill(index + 1, start, start + count);
    return `write -q ${random.boolean() ? '-f ' : ''}-P ${index + 1} ${start * SECTOR_LENGTH} ${count * SECTOR_LENGTH}`;
  });
  return { commands, expected };
}

/** A read for each run of equal sectors. */
function readsOf(expected: Uint8Array): string[] {
  const reads: string[] = [];
  for (let start = 0, end = 1; start < expected.length; start = end++) {
    while (end < expected.length && expected[end] === expected[start]) end++;
    reads.push(`read -q -P ${expected[start]} ${start * SECTOR_LENGTH} ${(end - start) * SECTOR_LENGTH}`);
  }
  return reads;
}

for (const execution of ['inline', 'pool'] as const) {
  peerTest(`qemu-io finds every one of many writes at odd places: ${execution}`, QEMU_IO, async () => {
    const path = join(folder, 'scattered.img');
    const luns = ['--lun', '0=ram:4MiB', '--lun', `1=file:${path},size=4MiB`];
    await withLunloom({ args: ['--execution', execution, ...luns] }, async (lunloom) => {
      for (const lun of [0, 1]) {
        const { commands, expected } = scatteredWrites(SEED + lun, 200);
        const output = await qemuIo(lunloom.url(lun), ...commands, ...readsOf(expected));
        assert.not.match(output, /verification failed/, `LUN ${lun}, seed ${SEED + lun}`);
      }
    });
    rmSync(path);
  });
}

peerTest('what qemu-io wrote with FUA or flushed is there after the process was killed', QEMU_IO, async () => {
  const args = ['--lun', `0=file:${join(folder, 'durable.img')},size=8MiB,execution=pool`];
  const first = await LunloomProcess.start({ args });
  try {
    await qemuIo(first.url(), 'write -f -P 0x41 0 1M', 'write -P 0x42 1M 1M', 'flush');
  } finally {
    await first.kill();
  }
  await withLunloom({ args }, (second) => qemuIo(second.url(), 'read -P 0x41 0 1M', 'read -P 0x42 1M 1M', 'read -P 0 2M 6M'));
});

peerTest('a read-only unit is read and not written', [...QEMU_IO], async () => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB,readonly'] }, async (lunloom) => {
    await peerOutput('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0 0 1M', lunloom.url()]);
    const written = await runPeer('qemu-io', ['-f', 'raw', '-c', 'write -P 1 0 64k', lunloom.url()]);
    assert.is.not(written.exitCode, 0);
    assert.match(written.stdout + written.stderr, /read[- ]only|write[- ]protected/i);
  });
});

test.run();
