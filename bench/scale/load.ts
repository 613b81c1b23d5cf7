import { TargetError } from '../../engine/errors.js';
import { defaultLimits } from '../../engine/limits.js';
import { peakRssBytesOf } from '../compare/process-cost.js';
import { type CommandStream, CoreConnection, type Fault } from '../load/core-connection.js';
import { runLoad } from '../load/run-load.js';
import type { DepthRow, LoadRow, ScaleSettings } from './model.js';
import { configOf, type ScaleTarget, withTarget } from './scale-target.js';

const BLOCK_LENGTH_BYTES = 512;
const DEPTH_MEDIUM_BYTES = 64 * 1024 * 1024;
const DEPTH_LENGTH_BYTES = 4096;
const SEED = 1;
/** The medium under the large commands: so many of them, side by side. */
const PLACE_COUNT = 64;

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

/** Writes or reads one image over and over at all places of the medium. */
class LargeStream implements CommandStream {
  readonly image: Uint8Array;
  #left: number;
  #place: number;
  readonly #connection: CoreConnection;
  readonly #command: number;
  readonly #lbaCount: number;

  constructor(connection: CoreConnection, direction: LoadRow['direction'], image: Uint8Array, commandCount: number, place: number) {
    this.image = image;
    this.#connection = connection;
    this.#left = commandCount;
    this.#place = place;
    this.#lbaCount = image.length / BLOCK_LENGTH_BYTES;
    this.#command = direction === 'write' ? connection.defineWrite(this.#lbaCount, image.length) : connection.defineRead(this.#lbaCount, image.length);
  }

  submitNext(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.#place = (this.#place + 1) % PLACE_COUNT;
    this.#connection.core.submit(this.#command, this.#place * this.#lbaCount, this.image);
    return true;
  }

  complete(_taskIndex: number, bytes: number): Fault {
    return bytes === this.image.length ? null : `a command moved ${bytes} bytes, not ${this.image.length}`;
  }
}

function imageOf(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
}

/** Memory while many sessions have many large commands outstanding on one logical unit whose commands run in the pool. */
export async function measureMemory(settings: ScaleSettings, failures: string[]): Promise<LoadRow[]> {
  const { sessionCount, depth, lengthBytes } = settings.load;
  const config = configOf([{ kind: 'ram', sizeBytes: PLACE_COUNT * lengthBytes }], { execution: 'pool' });
  const label = `${sessionCount} × ${depth} × ${lengthBytes} bytes`;
  return withTarget(config, failures, label, async (target) => {
    const image = imageOf(lengthBytes);
    const connections: CoreConnection[] = [];
    try {
      for (let i = 0; i < sessionCount; i++) connections.push(await CoreConnection.open(target.url(), depth));
      // Touches the medium, so that its pages do not count as growth.
      await (connections[0] as CoreConnection).run(new LargeStream(connections[0] as CoreConnection, 'write', image, PLACE_COUNT, 0));
      const rows = [await loadOnce(target, connections, 'write', image, settings), await loadOnce(target, connections, 'read', image, settings)];
      for (const connection of connections.splice(0)) await connection.core.close();
      return rows;
    } finally {
      for (const { core } of connections) void core.close().catch(() => undefined);
    }
  });
}

async function loadOnce(
  target: ScaleTarget,
  connections: readonly CoreConnection[],
  direction: LoadRow['direction'],
  image: Uint8Array,
  { load }: ScaleSettings,
): Promise<LoadRow> {
  const { rssBytes: restRssBytes } = await target.state();
  await target.watch();
  const from = performance.now();
  const streams = connections.map((connection, index) => {
    // All places hold one image, so one landing buffer a session is enough to see that what came last is right.
    const buffer = direction === 'write' ? image : new Uint8Array(image.length);
    return new LargeStream(connection, direction, buffer, load.commandCount, index);
  });
  await Promise.all(streams.map((stream, index) => (connections[index] as CoreConnection).run(stream)));
  const seconds = (performance.now() - from) / 1000;
  const peakRssBytes = peakRssBytesOf(target.pid) ?? 0;
  const { peakArenaBytes, peakTaskCount } = await target.state();
  if (streams.some((stream) => Buffer.compare(stream.image, image) !== 0)) throw new TargetError('BENCH_RUN', 'wrong data was read');
  const commandCount = load.commandCount * connections.length;
  return {
    direction,
    sessionCount: connections.length,
    depth: load.depth,
    lengthBytes: load.lengthBytes,
    commandCount,
    bytesPerSecond: (commandCount * load.lengthBytes) / seconds,
    restRssBytes,
    peakRssBytes,
    peakArenaBytes,
    arenaBytes: defaultLimits.arenaBytes,
    peakTaskCount,
  };
}
