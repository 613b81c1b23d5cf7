import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreConfig } from '../../engine/config/engine-config.js';
import { TargetError } from '../../engine/errors.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { summarize } from '../compare/statistics.js';
import type { LunRow, ScaleSettings, SizeRow } from './model.js';
import { BLOCK_LENGTH_BYTES, configOf, type ScaleTarget, TARGET_NAME, withTarget } from './scale-target.js';
import { SessionGroup } from './session-group.js';

const SMALL_STORE_BYTES = 64 * 1024;
const READ_LENGTH_BYTES = 4096;
const LOGIN_COUNT = 20;
const REPEAT_COUNT = 20;
const READ_COUNT = 200;

const median = (values: readonly number[]): number => summarize(values)?.median ?? 0;

async function timed<T>(count: number, run: () => Promise<T>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await run();
    took.push(performance.now() - from);
  }
  return median(took);
}

/** Memory of an engine with many small logical units, and what they cost a session that comes. */
export async function measureLuns({ lunCounts }: ScaleSettings, failures: string[]): Promise<LunRow[]> {
  const rows: LunRow[] = [];
  for (const store of ['null', 'ram'] as const) {
    for (const lunCount of lunCounts) {
      const config = configOf(Array.from({ length: lunCount }, (): StoreConfig => ({ kind: store, sizeBytes: SMALL_STORE_BYTES })));
      rows.push(await withTarget(config, failures, `${lunCount} ${store} LUNs`, (target) => measureLunsOf(target, store, lunCount)));
    }
  }
  return rows;
}

async function measureLunsOf(target: ScaleTarget, store: LunRow['store'], lunCount: number): Promise<LunRow> {
  const { rssBytes, heapBytes } = await target.state();
  const group = new SessionGroup(target);
  try {
    const loginMs = median(await group.growTo(LOGIN_COUNT));
    const unit = new LogicalUnitClient(group.sessions[0] as Session, 0);
    const reportLunsMs = await timed(REPEAT_COUNT, async () => {
      const { length } = await unit.reportLuns();
      if (length !== lunCount) throw new TargetError('BENCH_RUN', `REPORT LUNS tells of ${length} LUNs, not ${lunCount}`);
    });
    await touchLast(group, lunCount);
    await group.logout();
    return { store, lunCount, rssBytes, heapBytes, loginMs, reportLunsMs };
  } finally {
    group.destroy();
  }
}

/** The last unit of many answers as the first does. */
async function touchLast(group: SessionGroup, lunCount: number): Promise<void> {
  const last = new LogicalUnitClient(group.sessions[0] as Session, lunCount - 1);
  await last.clearUnitAttentions();
  const data = await last.read(0, 1, BLOCK_LENGTH_BYTES);
  if (data.some((byte) => byte !== 0)) throw new TargetError('BENCH_RUN', `LUN ${lunCount - 1} is not zeros`);
}

/** Start, memory and reads by the size of the one logical unit: all should be the same. */
export async function measureSizes({ sizes, fileSizes }: ScaleSettings, failures: string[], say: (line: string) => void): Promise<SizeRow[]> {
  const rows: SizeRow[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-scale-'));
  try {
    for (const sizeBytes of sizes) rows.push(await measureSize({ kind: 'null', sizeBytes }, sizeBytes, failures));
    for (const sizeBytes of fileSizes) {
      const path = join(folder, `${sizeBytes}.img`);
      try {
        rows.push(await measureSize({ kind: 'file', path, sizeBytes, direct: false }, sizeBytes, failures));
      } catch (error) {
        // How large a file can be is the file system's business.
        if (!(error instanceof TargetError) || error.code !== 'BENCH_CONTENDER') throw error;
        say(`sparse file of ${sizeBytes} bytes left out: ${error.message}`);
      }
      rmSync(path, { force: true });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measureSize(store: Exclude<StoreConfig, { kind: 'ram' }>, sizeBytes: number, failures: string[]): Promise<SizeRow> {
  const from = performance.now();
  return withTarget(configOf([store]), failures, `${store.kind} of ${sizeBytes} bytes`, async (target) => {
    const startMs = performance.now() - from;
    const { rssBytes } = await target.state();
    const session = await Session.login({ host: '127.0.0.1', port: target.port, targetName: TARGET_NAME });
    try {
      const readMs = await readAtEnd(new LogicalUnitClient(session, 0), store.kind, sizeBytes);
      await session.logout();
      return { store: store.kind, sizeBytes, startMs, rssBytes, readMs };
    } finally {
      session.destroy();
    }
  });
}

async function readAtEnd(unit: LogicalUnitClient, store: SizeRow['store'], sizeBytes: number): Promise<number> {
  await unit.clearUnitAttentions();
  const { lbaCount } = await unit.readCapacity16();
  if (lbaCount * BigInt(BLOCK_LENGTH_BYTES) !== BigInt(sizeBytes)) throw new TargetError('BENCH_RUN', `${sizeBytes} bytes are told as ${lbaCount} blocks`);
  const count = READ_LENGTH_BYTES / BLOCK_LENGTH_BYTES;
  const lba = lbaCount - BigInt(count);
  const expected = Buffer.alloc(READ_LENGTH_BYTES, store === 'file' ? 0xa5 : 0);
  if (store === 'file') await unit.write(lba, expected, BLOCK_LENGTH_BYTES);
  return timed(READ_COUNT, async () => {
    if (!(await unit.read(lba, count, BLOCK_LENGTH_BYTES)).equals(expected)) throw new TargetError('BENCH_RUN', `wrong data at the end of ${sizeBytes} bytes`);
  });
}
