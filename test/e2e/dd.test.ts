// test-timeout: 240 s
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { programPath, withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { peerOutput } from '../support/run-peer.js';
import { CliChild, type CliEnd, runCli } from './cli-child.js';
import { makeDiskImage } from './disk-image.js';
import { TGT_LUN, Tgtd } from './tgtd.js';

/** `lunloom dd` as somebody types it, against Lunloom, against Debian's tgtd and beside qemu-img. */

const SEED = 20_261_123;
const WAIT_MS_MAX = 20_000;
const MIB = 1024 * 1024;
/** No multiple of a megabyte, so that the last block is a short one. */
const IMAGE_BYTES = 12 * MIB + 4096;
const TGT_TARGET = 'iqn.2026-11.io.lunloom:tgt-dd';
const folder = mkdtempSync(join(tmpdir(), 'lunloom-dd-'));
const imagePath = join(folder, 'image.raw');
const image = makeDiskImage(IMAGE_BYTES, SEED);
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const imageDigest = digestOf(image);

test.before(() => writeFileSync(imagePath, image));
test.after(() => rmSync(folder, { recursive: true }));

async function dd(...args: string[]): Promise<CliEnd> {
  const end = await runCli(['dd', ...args]);
  assert.is(end.exitCode, 0, `dd ${args.join(' ')}: ${end.stderr}`);
  return end;
}

function digestOfFile(path: string): string {
  const digest = digestOf(readFileSync(path));
  rmSync(path);
  return digest;
}

/** Runs the program with bytes on its standard input, and digests what it wrote; no shell is between. */
async function through(args: readonly string[], input: Uint8Array = new Uint8Array(0)): Promise<{ digest: string; stderr: string; exitCode: number | null }> {
  const inputPath = join(folder, 'stdin.raw');
  const outputPath = join(folder, 'stdout.raw');
  writeFileSync(inputPath, input);
  writeFileSync(outputPath, '');
  const end = await new CliChild(args, ['sh', '-c', `cat "${inputPath}" | "$@" > "${outputPath}"`, 'sh']).ended;
  rmSync(inputPath);
  return { digest: digestOfFile(outputPath), stderr: end.stderr, exitCode: end.exitCode };
}

/** Fails with what `words` answers when it takes too long. */
async function waitFor(isThere: () => boolean, words: () => string): Promise<void> {
  for (const until = performance.now() + WAIT_MS_MAX; !isThere(); ) {
    if (performance.now() > until) assert.unreachable(`waited for ${WAIT_MS_MAX} ms: ${words()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Out and back again by file, by pipe and between units; `url` and `other` are overwritten. */
async function copies(url: string, other: string): Promise<void> {
  const back = join(folder, 'back.raw');
  const out = await dd(`if=${imagePath}`, `of=${url}`, 'conv=fsync');
  assert.match(out.stderr, /^12\+1 records in\n12\+1 records out\n12587008 bytes \(13 MB, 12\.0 MiB\) copied, \S+ s, [\d.]+ [kMG]B\/s\n$/);
  await dd(`if=${url}`, `of=${back}`, `count=${IMAGE_BYTES}B`);
  assert.is(digestOfFile(back), imageDigest, 'to a file');

  // Other block sizes and depths, CRC32C, unit to unit.
  await dd(`if=${url}`, `of=${other}`, 'bs=64k', '--depth', '32', '--digests');
  await dd(`if=${other}`, `of=${back}`, 'bs=32k', `count=${IMAGE_BYTES}B`, '--depth', '1');
  assert.is(digestOfFile(back), imageDigest, 'unit to unit');

  const piped = await through(['dd', `if=${other}`, 'bs=100k', `count=${IMAGE_BYTES}B`]);
  assert.is(piped.digest, imageDigest, 'to standard output');

  // skip and seek in the middle, then everything must be where it was, shifted.
  await dd(`if=${imagePath}`, `of=${other}`, 'bs=4k', 'skip=256', 'seek=16', 'count=1024');
  await dd(`if=${other}`, `of=${back}`, 'bs=4k', 'skip=16', 'count=1024');
  assert.is(digestOfFile(back), digestOf(image.subarray(MIB, 5 * MIB)), 'skip and seek');
}

test('files, pipes and units: every byte arrives, against Lunloom', async () => {
  const args = ['--lun', '0=ram:16MiB', '--lun', '1=ram:16MiB,block-size=4096'];
  await withLunloom({ args }, (served) => copies(served.url(0), served.url(1)));
});

peerTest('files, pipes and units: every byte arrives, against tgtd', ['tgtd', 'tgtadm'], async () => {
  const digests = { HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C,None' };
  const names = [TGT_TARGET, `${TGT_TARGET}-other`] as const;
  const tgtd = await Tgtd.start(
    names.map((targetName) => ({ targetName, keys: digests })),
    16 * MIB,
  );
  try {
    const [url, other] = names.map((name) => `iscsi://127.0.0.1:${tgtd.port}/${name}/${TGT_LUN}`) as [string, string];
    await copies(url, other);
    const inquired = await runCli(['inquire', url]);
    assert.match(inquired.stdout, /vendor +IET\n.*product +VIRTUAL-DISK\n/s);
    const pages = await runCli(['inquire', '--vpd', 'all', '--json', url]);
    assert.is(pages.exitCode, 0, pages.stderr);
    await withLunloom({ args: ['--lun', '0=ram:16MiB'] }, async (served) => {
      await dd(`if=${url}`, `of=${served.url()}`);
      const back = join(folder, 'from-tgt.raw');
      await dd(`if=${served.url()}`, `of=${back}`, `count=${IMAGE_BYTES}B`);
      assert.is(digestOfFile(back), imageDigest, 'from tgtd to Lunloom');
    });
  } finally {
    await tgtd.stop();
  }
});

peerTest('tgtd asks for a secret: from the URL and from the environment, mutual too', ['tgtd', 'tgtadm'], async () => {
  const [incoming, outgoing] = [
    { user: 'alice', secret: 'secret-of-alice' },
    { user: 'tgt', secret: 'secret-of-the-target' },
  ];
  const tgtd = await Tgtd.start([{ targetName: TGT_TARGET, incoming, outgoing }], MIB);
  try {
    const place = `127.0.0.1:${tgtd.port}/${TGT_TARGET}/${TGT_LUN}`;
    const copied = (url: string) => runCli(['dd', `if=${url}`, 'of=/dev/null']);
    assert.is((await copied(`iscsi://alice%secret-of-alice@${place}?chap_algorithm=md5`)).exitCode, 0);
    const mutual = `target_user=tgt&target_password=secret-of-the-target&chap_algorithm=md5`;
    assert.is((await copied(`iscsi://alice%secret-of-alice@${place}?${mutual}`)).exitCode, 0);
    const measured = await runCli(['turs', '--json', `iscsi://alice%secret-of-alice@${place}?chap_algorithm=md5`]);
    assert.is(measured.exitCode, 0, measured.stderr);
    assert.match(measured.stdout, /"iscsi:\/\/alice%\*\*\*@127/);
    const wrong = await copied(`iscsi://alice%not-her-secret@${place}?chap_algorithm=md5`);
    assert.is(wrong.exitCode, 6);
    assert.match(wrong.stderr, /alice%\*\*\*@.*login was refused/);
    assert.not.match(wrong.stderr, /not-her-secret/);
    const env = ['env', 'LIBISCSI_CHAP_USERNAME=alice', 'LIBISCSI_CHAP_PASSWORD=secret-of-alice'];
    const fromEnvironment = await new CliChild(['dd', `if=iscsi://${place}?chap_algorithm=md5`, 'of=/dev/null'], env).ended;
    assert.is(fromEnvironment.exitCode, 0, fromEnvironment.stderr);
  } finally {
    await tgtd.stop();
  }
});

peerTest('qemu-img reads what dd wrote, and writes the bytes that dd reads', ['qemu-img', 'qemu-block-iscsi'], async () => {
  const size = 12 * MIB;
  const whole = image.subarray(0, size);
  const wholePath = join(folder, 'whole.raw');
  writeFileSync(wholePath, whole);
  await withLunloom({ args: ['--lun', `0=ram:${size}`, '--lun', `1=ram:${size}`] }, async (served) => {
    await dd(`if=${wholePath}`, `of=${served.url(0)}`);
    assert.match(await peerOutput('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', wholePath, served.url(0)]), 'Images are identical.');
    const byQemu = join(folder, 'qemu.raw');
    await peerOutput('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', served.url(0), byQemu]);
    const byDd = join(folder, 'dd.raw');
    await dd(`if=${served.url(0)}`, `of=${byDd}`, 'conv=sparse');
    assert.is(digestOfFile(byQemu), digestOf(whole));
    assert.is(digestOfFile(byDd), digestOf(whole));
    await peerOutput('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', wholePath, served.url(1)]);
    const read = join(folder, 'read.raw');
    await dd(`if=${served.url(1)}`, `of=${read}`);
    assert.is(digestOfFile(read), digestOf(whole));
  });
});

test('a pipe in, a short last block: the rest of the unit’s block stays', async () => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB,block-size=4096'] }, async (served) => {
    await dd('if=/dev/zero', `of=${served.url()}`, 'count=1048576B');
    const filled = Buffer.alloc(MIB, 0x5a);
    assert.is((await through(['dd', `of=${served.url()}`], filled)).exitCode, 0);
    const short = image.subarray(0, 10_001);
    const end = await through(['dd', `of=${served.url()}`, 'bs=8k'], short);
    assert.match(end.stderr, /^1\+1 records in\n1\+1 records out\n10001 bytes/);
    short.copy(filled);
    assert.is((await through(['dd', `if=${served.url()}`])).digest, digestOf(filled));
  });
});

test('sparse leaves holes in a file, and none of the bytes changes', async () => {
  await withLunloom({ args: ['--lun', '0=ram:16MiB'] }, async (served) => {
    const path = join(folder, 'sparse.raw');
    await dd(`if=${imagePath}`, `of=${served.url()}`, 'bs=1M', 'count=1', 'seek=3');
    const end = await dd(`if=${served.url()}`, `of=${path}`, 'conv=sparse');
    assert.match(end.stderr, /15728640 bytes of them zeros that were left out/);
    assert.ok(statSync(path).blocks * 512 < 4 * MIB, 'on the disk it is small');
    const expected = Buffer.alloc(16 * MIB);
    image.copy(expected, 3 * MIB, 0, MIB);
    assert.is(digestOfFile(path), digestOf(expected));
  });
});

peerTest('sparse unmaps on a unit that can, and overwrites what was there', ['tgtd', 'tgtadm'], async () => {
  const tgtd = await Tgtd.start([{ targetName: TGT_TARGET, unitParams: 'thin_provisioning=1' }], 16 * MIB);
  try {
    const url = `iscsi://127.0.0.1:${tgtd.port}/${TGT_TARGET}/${TGT_LUN}`;
    assert.is((await through(['dd', `of=${url}`], Buffer.alloc(16 * MIB, 0x5a))).exitCode, 0);
    const data = Buffer.alloc(16 * MIB);
    image.copy(data, 5 * MIB, 0, MIB);
    const end = await through(['dd', `of=${url}`, 'conv=sparse'], data);
    assert.match(end.stderr, /15728640 bytes of them zeros that were left out/);
    assert.is((await through(['dd', `if=${url}`])).digest, digestOf(data));
  } finally {
    await tgtd.stop();
  }
});

test('a target that lets only one initiator in: --initiator-name', async () => {
  const name = 'iqn.2026-11.io.lunloom:only-me';
  const targets = [{ name: TGT_TARGET, access: [{ initiator: name }], luns: [{ lun: 0, store: 'ram:1MiB' }] }];
  await withLunloom({ config: { targets } }, async (served) => {
    const url = served.url(0, TGT_TARGET);
    for (const args of [
      ['dd', `if=${url}`, 'of=/dev/null'],
      ['inquire', url],
    ]) {
      assert.is((await runCli(args)).exitCode, 6);
      assert.is((await runCli([...args, '--initiator-name', name])).exitCode, 0);
    }
    const portal = `127.0.0.1:${served.port}`;
    assert.match((await runCli(['discover', '--luns', portal, '--initiator-name', name])).stdout, /LUN 0 {2}disk {2}1 MiB/);
  });
});

test('a target that wants to know who we are: discover says so in words', async () => {
  const secret = { file: join(folder, 'secret') };
  writeFileSync(secret.file, 'secret-of-alice', { mode: 0o600 });
  const targets = [{ name: TGT_TARGET, users: [{ name: 'alice', secret }], luns: [{ lun: 0, store: 'ram:1MiB' }] }];
  await withLunloom({ config: { targets } }, async ({ port }) => {
    const found = await runCli(['discover', '--luns', `127.0.0.1:${port}`]);
    assert.match(found.stdout, /logical units unknown: login was refused: authentication failure \(status 0x0201\); it takes the right user%secret@/);
    assert.is(found.exitCode, 0);
    assert.match((await runCli(['discover', '--luns', `iscsi://alice%secret-of-alice@127.0.0.1:${port}`])).stdout, /LUN 0 {2}disk {2}1 MiB/);
  });
});

test('what goes wrong has its exit code and one line', async () => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB', '--lun', '1=ram:1MiB,readonly'] }, async (served) => {
    const fails = async (args: readonly string[], exitCode: number, pattern: RegExp): Promise<void> => {
      const end = await runCli(['dd', ...args]);
      assert.match(end.stderr, pattern);
      assert.is(end.exitCode, exitCode, end.stderr);
      assert.not.match(end.stderr, /^ {4}at /m);
    };
    await fails(['if=a', 'of=b'], 2, /neither if= nor of=/);
    await fails([`if=${imagePath}`, `of=${served.url()}`], 1, /do not fit: the output has room for 1048576; nothing was written/);
    await fails(['if=/dev/zero', `of=${served.url()}`], 1, /no space left/);
    await fails([`if=${imagePath}`, `of=${served.url(1)}`, 'count=1B'], 1, /WRITE .* DATA PROTECT, write protected/);
    await fails([`if=${served.url(7)}`, 'of=/dev/null'], 1, /logical unit not supported/);
    await fails([`if=${served.url(0, 'iqn.x:nobody')}`, 'of=/dev/null'], 6, /login was refused: target not found/);
    await fails([`if=${join(folder, 'missing')}`, `of=${served.url()}`], 1, /cannot open .*missing: ENOENT/);
    await fails([`of=${served.url()}`, 'if=/dev/null', 'bs=1000'], 2, /no multiple of the unit’s block length of 512/);
    await fails(['if=iscsi://127.0.0.1:1/iqn.x:y/0', 'of=/dev/null'], 6, /iscsi:\/\/127\.0\.0\.1:1\/iqn\.x:y\/0: /);
  });
});

test('a signal ends it with the figures of what was done', async () => {
  await withLunloom({ args: ['--lun', '0=null:1TiB'] }, async (served) => {
    const child = new CliChild(['dd', `if=${served.url()}`, 'of=/dev/null', 'bs=64k', '--json', 'status=progress']);
    // Its first line of progress comes after a second.
    await waitFor(
      () => child.stderr.length > 0,
      () => child.stdout,
    );
    assert.match(child.stderr, /bytes .* copied, .* %, .* s left\n$/);
    child.signal('SIGINT');
    const end = await child.ended;
    assert.is(end.exitCode, 130, end.stderr);
    assert.match(end.stderr, /records out\n\d+ bytes .* copied, [^\n]*\nlunloom: stopped by a signal\n$/);
    const figures = JSON.parse(end.stdout) as { event: string; bytes: number; stopped: boolean };
    assert.equal([figures.event, figures.stopped], ['dd', true]);
    assert.ok(figures.bytes > 0);
  });
});

test('a signal ends the wait for a pipe that says nothing, and what it had said is on the unit', async () => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB'] }, async (served) => {
    const child = spawn(process.execPath, [programPath(), 'dd', `of=${served.url()}`, 'bs=4k', 'status=progress'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin.write(image.subarray(0, 16_384));
    await waitFor(
      () => /^16384 bytes/m.test(stderr),
      () => stderr,
    );
    child.kill('SIGINT');
    assert.is(await ended, 130, stderr);
    assert.match(stderr, /4\+0 records in\n4\+0 records out\n16384 bytes/);
    assert.is((await through(['dd', `if=${served.url()}`, 'bs=4k', 'count=4'])).digest, digestOf(image.subarray(0, 16_384)));
  });
});

test.run();
