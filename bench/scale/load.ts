import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreConfig } from '../../engine/config/engine-config.js';
import { TargetError } from '../../engine/errors.js';
import { defaultLimits } from '../../engine/limits.js';
import { peakRssBytesOf } from '../compare/process-cost.js';
import { runLoad } from '../load/run-load.js';
import { imageOf, LoadSession, PLACE_COUNT } from './load-session.js';
import type { DepthRow, LoadRow, ScaleSettings } from './model.js';
import { BLOCK_LENGTH_BYTES, configOf, type ScaleTarget, withTarget } from './scale-target.js';

const DEPTH_MEDIUM_BYTES = 64 * 1024 * 1024;
const DEPTH_LENGTH_BYTES = 4096;
const SEED = 1;

/** 4 KiB reads of one session by the commands that are outstanding. */
export async function measureDepths({ depths, depthSeconds }: ScaleSettings, failures: string[]): Promise<DepthRow[]> {
  const rows: DepthRow[] = [];
  const medium = { capacityBytes: DEPTH_MEDIUM_BYTES, blockLengthBytes: BLOCK_LENGTH_BYTES };
  await withTarget(configOf([{ kind: 'ram', sizeBytes: DEPTH_MEDIUM_BYTES }]), failures, 'depth', async (target) => {
    for (const depth of depths) {
      await target.watch();
      const job = { kind: 'load', url: target.url(), medium, operation: 'read', lengthBytes: DEPTH_LENGTH_BYTES, seed: SEED, targetPid: target.pid } as const;
      const { operationCount, elapsedSeconds, cpuSeconds } = await runLoad({ ...job, depth, seconds: depthSeconds });
      const peakRssBytes = peakRssBytesOf(target.pid) ?? 0;
      await target.state();
      const cpuMicros = cpuSeconds === null ? null : (cpuSeconds * 1e6) / Math.max(1, operationCount);
      rows.push({ depth, iops: operationCount / elapsedSeconds, cpuMicros, peakRssBytes });
    }
  });
  return rows;
}

/** Memory while many sessions have many large commands outstanding on one logical unit whose commands run in the pool. */
export async function measureMemory(settings: ScaleSettings, failures: string[]): Promise<LoadRow[]> {
  const sizeBytes = PLACE_COUNT * settings.load.lengthBytes;
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-scale-'));
  try {
    const rows: LoadRow[] = [];
    for (const store of settings.load.stores) {
      const config: StoreConfig = store === 'ram' ? { kind: store, sizeBytes } : { kind: store, path: join(folder, 'load.img'), sizeBytes, direct: false };
      rows.push(...(await measureLoad(store, config, settings, failures)));
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measureLoad(store: LoadRow['store'], storeConfig: StoreConfig, settings: ScaleSettings, failures: string[]): Promise<LoadRow[]> {
  const { sessionCount, depth, lengthBytes } = settings.load;
  const label = `${store}, ${sessionCount} × ${depth} × ${lengthBytes} bytes`;
  return withTarget(configOf([storeConfig], { execution: 'pool' }), failures, label, async (target) => {
    const image = imageOf(lengthBytes);
    const sessions: LoadSession[] = [];
    try {
      for (let i = 0; i < sessionCount; i++) sessions.push(await LoadSession.open(target.port, depth));
      // Touches the medium, so that its pages do not count as growth.
      await (sessions[0] as LoadSession).run('write', image, PLACE_COUNT, 0);
      const write = await loadOnce(target, sessions, 'write', image, settings);
      const read = await loadOnce(target, sessions, 'read', image, settings);
      return [
        { store, ...write },
        { store, ...read },
      ];
    } finally {
      await Promise.all(sessions.map((session) => session.close()));
    }
  });
}

async function loadOnce(
  target: ScaleTarget,
  sessions: readonly LoadSession[],
  direction: LoadRow['direction'],
  image: Uint8Array,
  { load }: ScaleSettings,
): Promise<Omit<LoadRow, 'store'>> {
  const { rssBytes: restRssBytes } = await target.state();
  await target.watch();
  const from = performance.now();
  // All places hold one image, so one landing buffer a session is enough to see that what came last is right.
  const buffers = sessions.map(() => (direction === 'write' ? image : new Uint8Array(image.length)));
  const refused = await Promise.all(sessions.map((session, index) => session.run(direction, buffers[index] as Uint8Array, load.commandCount, index)));
  const seconds = (performance.now() - from) / 1000;
  const peakRssBytes = peakRssBytesOf(target.pid) ?? 0;
  const { peakArenaBytes, peakTaskCount } = await target.state();
  if (buffers.some((buffer) => Buffer.compare(buffer, image) !== 0)) throw new TargetError('BENCH_RUN', 'wrong data was read');
  const commandCount = load.commandCount * sessions.length;
  return {
    direction,
    sessionCount: sessions.length,
    depth: load.depth,
    lengthBytes: load.lengthBytes,
    commandCount,
    taskSetFullCount: refused.reduce((sum, count) => sum + count, 0),
    bytesPerSecond: (commandCount * load.lengthBytes) / seconds,
    restRssBytes,
    peakRssBytes,
    peakArenaBytes,
    arenaBytes: defaultLimits.arenaBytes,
    peakTaskCount,
  };
}
