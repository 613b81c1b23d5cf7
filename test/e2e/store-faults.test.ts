// test-timeout: 180 s
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ResidualFlag } from '../../engine/pdu/index.js';
import { Asc, SenseKey } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { cdb, LogicalUnitClient, type ParsedSense, ScsiCommandError, Session } from '../../initiator/index.js';
import { peerPath } from '../support/debian-packages.js';
import { withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { COULD_NOT_RUN } from '../support/uvu-output.js';
import { CliChild } from './cli-child.js';
import { withStrace } from './strace.js';

const BLOCK_LENGTH_BYTES = 4096;
const LBA_COUNT = 1024;
const SIZE_BYTES = LBA_COUNT * BLOCK_LENGTH_BYTES;
const executions = ['inline', 'pool'] as const;

const test = suite<{ folder: string }>('store-faults');
/** The folder of the test that runs: `peerTest` hands on no context. */
let folder = '';
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'lunloom-faults-'));
});
test.after.each(() => rmSync(folder, { recursive: true }));

async function login(host: string, port: number, targetName: string): Promise<LogicalUnitClient> {
  const unit = new LogicalUnitClient(await Session.login({ host, port, targetName }), 0);
  await unit.clearUnitAttentions();
  return unit;
}

/** The sense data that a command ends with; fails when it succeeds or ends in any other way. */
async function senseOf(command: Promise<unknown>): Promise<ParsedSense> {
  try {
    await command;
  } catch (error) {
    if (error instanceof ScsiCommandError && error.sense !== null) return error.sense;
    throw error;
  }
  return assert.unreachable('the command succeeded') as never;
}

function assertSense(sense: ParsedSense, key: number, ascAscq: number, information: bigint | null): void {
  assert.equal([sense.key, sense.ascAscq, sense.information, sense.deferred], [key, ascAscq, information, false]);
}

const blocks = (lbaCount: number, fill: number) => Buffer.alloc(lbaCount * BLOCK_LENGTH_BYTES, fill);

/** Serves a file while `use` runs; the process must still be well at the end and stop cleanly. */
async function onFile(execution: string, use: (unit: LogicalUnitClient, image: string, pid: number) => Promise<void>, extra = ''): Promise<void> {
  const image = join(folder, 'disk.img');
  const lun = `0=file:${image},size=${SIZE_BYTES},block-size=${BLOCK_LENGTH_BYTES}${extra}`;
  await withLunloom({ args: ['--lun', lun, '--execution', execution] }, async (lunloom) => {
    const unit = await login(lunloom.address, lunloom.port, lunloom.targetName);
    await use(unit, image, lunloom.pid);
    await unit.session.logout();
  });
}

/** The target has survived: the same session writes and reads. */
async function assertGoesOn(unit: LogicalUnitClient, lba: number): Promise<void> {
  const data = blocks(4, 0xa0 + (lba & 0x0f));
  await unit.write(lba, data, BLOCK_LENGTH_BYTES, { fua: true });
  assert.ok((await unit.read(lba, 4, BLOCK_LENGTH_BYTES)).equals(data));
}

/** What can be read of LBAs 500 to 563 comes with the sense data that says where it ends. RFC 7143 §11.4. */
async function assertBlocksBefore512(unit: LogicalUnitClient): Promise<void> {
  const dataInLength = 64 * BLOCK_LENGTH_BYTES;
  const result = await unit.session.command({ lun: unit.lun, cdb: cdb.readCdb(10, 500, 64), dataInLength });
  assert.is(result.status, ScsiStatus.checkCondition);
  assert.ok(result.dataIn.equals(blocks(12, 0x11)), `${result.dataIn.length} bytes came`);
  assert.equal([result.residualFlags, result.residualCount], [ResidualFlag.underflow, dataInLength - 12 * BLOCK_LENGTH_BYTES]);
}

for (const execution of executions) {
  test(`${execution}: a file that was cut short beneath the target is a medium error, and only where it is short`, async () => {
    await onFile(execution, async (unit, image) => {
      await unit.write(0, blocks(LBA_COUNT, 0x11), BLOCK_LENGTH_BYTES);
      // In the middle of block 512.
      truncateSync(image, 512 * BLOCK_LENGTH_BYTES + 100);
      for (const [lba, lbaCount] of [
        [512, 1],
        [600, 8],
        [500, 64],
        [LBA_COUNT - 1, 1],
      ] as const) {
        const badLba = Math.max(lba, 512);
        assertSense(await senseOf(unit.read(lba, lbaCount, BLOCK_LENGTH_BYTES)), SenseKey.mediumError, Asc.unrecoveredReadError, BigInt(badLba));
      }
      await assertBlocksBefore512(unit);
      assertSense(await senseOf(unit.verify(700, 2)), SenseKey.mediumError, Asc.unrecoveredReadError, 700n);
      assert.ok((await unit.read(0, 512, BLOCK_LENGTH_BYTES)).equals(blocks(512, 0x11)));
      // Writing heals, as it does on a disk: blocks 800 to 803 exist again, and what lies before them reads as zeroes.
      await assertGoesOn(unit, 800);
      assert.ok((await unit.read(520, 8, BLOCK_LENGTH_BYTES)).equals(blocks(8, 0)));
      assertSense(await senseOf(unit.read(LBA_COUNT - 1, 1, BLOCK_LENGTH_BYTES)), SenseKey.mediumError, Asc.unrecoveredReadError, BigInt(LBA_COUNT - 1));
      truncateSync(image, SIZE_BYTES);
      assert.ok((await unit.read(LBA_COUNT - 1, 1, BLOCK_LENGTH_BYTES)).equals(blocks(1, 0)));
    });
  });

  peerTest(
    `${execution}: a file that may not grow (EFBIG) is DATA PROTECT, SPACE ALLOCATION FAILED, until it may`,
    ['prlimit'],
    async () => {
      await onFile(execution, async (unit, image, pid) => {
        await unit.write(0, blocks(LBA_COUNT, 0x22), BLOCK_LENGTH_BYTES);
        setFileSizeLimit(pid, SIZE_BYTES / 2);
        for (const fua of [false, true]) {
          assertSense(await senseOf(unit.write(600, blocks(16, 0x33), BLOCK_LENGTH_BYTES, { fua })), SenseKey.dataProtect, Asc.spaceAllocationFailed, null);
        }
        await assertGoesOn(unit, 100);
        assert.ok((await unit.read(600, 16, BLOCK_LENGTH_BYTES)).equals(blocks(16, 0x22)), 'a refused write changed its blocks');
        // Across the limit: the blocks before it may have been written, each as a whole.
        assertSense(await senseOf(unit.write(508, blocks(8, 0x44), BLOCK_LENGTH_BYTES)), SenseKey.dataProtect, Asc.spaceAllocationFailed, null);
        const edge = await unit.read(508, 8, BLOCK_LENGTH_BYTES);
        for (let i = 0; i < 8; i++) {
          const block = edge.subarray(i * BLOCK_LENGTH_BYTES, (i + 1) * BLOCK_LENGTH_BYTES);
          assert.ok(block.equals(blocks(1, 0x22)) || (i < 4 && block.equals(blocks(1, 0x44))), `block ${508 + i} is neither old nor new`);
        }
        setFileSizeLimit(pid, 'unlimited');
        await assertGoesOn(unit, 600);
        await unit.synchronizeCache();
        assert.is(readFileSync(image).length, SIZE_BYTES);
      });
    },
    test,
  );

  peerTest(
    `${execution}: a full file system (ENOSPC) is DATA PROTECT, SPACE ALLOCATION FAILED, until there is room`,
    ['unshare'],
    async () => {
      await onTinyTmpfs(execution, async (unit, root) => {
        const filled = await writeUntilFull(unit);
        assert.ok(filled > 0 && filled < LBA_COUNT, `${filled} blocks fit`);
        assert.ok((await unit.read(0, filled, BLOCK_LENGTH_BYTES)).equals(blocks(filled, 0x55)), 'what fitted is not there');
        await assertGoesOn(unit, 0);
        // Somebody clears up, and the initiator goes on where it was.
        unlinkSync(join(root, 'ballast'));
        await assertGoesOn(unit, filled);
        await unit.synchronizeCache();
      });
    },
    test,
  );
}

function setFileSizeLimit(pid: number, limit: number | 'unlimited'): void {
  execFileSync(peerPath('prlimit') ?? 'prlimit', ['--pid', String(pid), `--fsize=${limit}:unlimited`]);
}

/** Writes one block after the other until one does not fit; answers how many did. */
async function writeUntilFull(unit: LogicalUnitClient): Promise<number> {
  for (let lba = 0; lba < LBA_COUNT; lba++) {
    try {
      await unit.write(lba, blocks(1, 0x55), BLOCK_LENGTH_BYTES, { fua: lba % 2 === 0 });
    } catch (error) {
      if (!(error instanceof ScsiCommandError) || error.sense === null) throw error;
      assertSense(error.sense, SenseKey.dataProtect, Asc.spaceAllocationFailed, null);
      return lba;
    }
  }
  return LBA_COUNT;
}

/** Enough for a quarter of the LUN, beside a file that can be removed. */
const TMPFS_BYTES = SIZE_BYTES / 2;
const BALLAST_BYTES = SIZE_BYTES / 4;

/**
 * Serves a sparse file from a small tmpfs that only the process sees, so that nothing has to be unmounted. `root` is where we see
 * it. Without the right to mount says so and does nothing.
 */
async function onTinyTmpfs(execution: string, use: (unit: LogicalUnitClient, root: string) => Promise<void>): Promise<void> {
  const mountPoint = join(folder, 'tiny');
  mkdirSync(mountPoint);
  const unshare = peerPath('unshare') ?? 'unshare';
  const mount = `mount -t tmpfs -o size=${TMPFS_BYTES} lunloom "$0"`;
  try {
    execFileSync(unshare, ['-m', 'sh', '-c', mount, mountPoint], { stdio: 'pipe' });
  } catch (error) {
    process.stdout.write(`\n${COULD_NOT_RUN} what needs a tmpfs of its own: ${(error as Error).message.trim().replaceAll('\n', ' ')}\n`);
    return;
  }
  const lun = `0=file:${join(mountPoint, 'disk.img')},size=${SIZE_BYTES},block-size=${BLOCK_LENGTH_BYTES}`;
  const wrapper = [unshare, '-m', 'sh', '-c', `${mount} && exec "$@"`, mountPoint];
  const child = new CliChild(['serve', '--json', '--portal', '127.0.0.1:0', '--lun', lun, '--execution', execution], wrapper);
  try {
    const [line] = await child.printed(/^.*\n/);
    const ready = JSON.parse(line) as { portals: string[]; targets: { name: string }[] };
    const [address, port] = (ready.portals[0] as string).split(':') as [string, string];
    const root = join(`/proc/${child.pid}/root`, mountPoint);
    writeFileSync(join(root, 'ballast'), Buffer.alloc(BALLAST_BYTES, 1));
    const unit = await login(address, Number(port), ready.targets[0]?.name as string);
    await use(unit, root);
    await unit.session.logout();
    child.signal('SIGTERM');
    const { exitCode, stderr } = await child.ended;
    assert.equal([exitCode, stderr], [0, '']);
  } finally {
    await child.kill();
  }
}

interface InjectedFault {
  readonly call: string;
  readonly errno: string;
  readonly run: (unit: LogicalUnitClient) => Promise<unknown>;
  readonly key: number;
  readonly ascAscq: number;
  readonly information: bigint | null;
}

const injectedFaults: readonly InjectedFault[] = [
  {
    call: 'pread64',
    errno: 'EIO',
    run: (unit) => unit.read(33, 8, BLOCK_LENGTH_BYTES),
    key: SenseKey.mediumError,
    ascAscq: Asc.unrecoveredReadError,
    information: 33n,
  },
  {
    call: 'pwrite64',
    errno: 'EIO',
    run: (unit) => unit.write(44, blocks(8, 0x66), BLOCK_LENGTH_BYTES),
    key: SenseKey.mediumError,
    ascAscq: Asc.writeError,
    information: 44n,
  },
  {
    call: 'pwrite64',
    errno: 'EROFS',
    run: (unit) => unit.write(44, blocks(8, 0x66), BLOCK_LENGTH_BYTES, { fua: true }),
    key: SenseKey.dataProtect,
    ascAscq: Asc.writeProtected,
    information: null,
  },
];

for (const execution of executions) {
  peerTest(
    `${execution}: faults of the device (EIO, EROFS) end commands with their sense data, and the next ones succeed`,
    ['strace'],
    async () => {
      await onFile(execution, async (unit, image, pid) => {
        await unit.write(0, blocks(64, 0x11), BLOCK_LENGTH_BYTES);
        for (const { call, errno, run, key, ascAscq, information } of injectedFaults) {
          await withStrace(pid, { calls: [call], path: image, inject: `${call}:error=${errno}` }, async () => {
            assertSense(await senseOf(run(unit)), key, ascAscq, information);
          });
          await assertGoesOn(unit, 200);
        }
        assert.ok((await unit.read(0, 64, BLOCK_LENGTH_BYTES)).equals(blocks(64, 0x11)));
      });
    },
    test,
  );

  peerTest(
    `${execution}: after a flush that failed no later one succeeds, as what was lost stays lost`,
    ['strace'],
    async () => {
      const image = join(folder, 'disk.img');
      const lun = `0=file:${image},size=${SIZE_BYTES},block-size=${BLOCK_LENGTH_BYTES}`;
      const child = new CliChild(['serve', '--json', '--portal', '127.0.0.1:0', '--lun', lun, '--execution', execution]);
      try {
        const [line] = await child.printed(/^.*\n/);
        const ready = JSON.parse(line) as { portals: string[]; targets: { name: string }[] };
        const [address, port] = (ready.portals[0] as string).split(':') as [string, string];
        const unit = await login(address, Number(port), ready.targets[0]?.name as string);
        await unit.write(0, blocks(8, 0x77), BLOCK_LENGTH_BYTES);
        const traced = await withStrace(child.pid, { calls: ['fdatasync'], path: image, inject: 'fdatasync:error=EIO:when=1' }, async () => {
          assertSense(await senseOf(unit.synchronizeCache()), SenseKey.mediumError, Asc.writeError, 0n);
        });
        if (traced === null) return;
        assertSense(await senseOf(unit.synchronizeCache()), SenseKey.mediumError, Asc.writeError, 0n);
        await assertGoesOn(unit, 0);
        await unit.session.logout();
        child.signal('SIGTERM');
        const { exitCode, stderr } = await child.ended;
        assert.is(exitCode, 5, 'a stop that could not flush passed for a clean one');
        assert.match(stderr, /could not be flushed/);
      } finally {
        await child.kill();
      }
    },
    test,
  );
}

test.run();
