import { LatencyTally } from '../../load/tally.js';
import { cpuSecondsOf } from '../compare/process-cost.js';
import { CoreConnection } from './core-connection.js';
import type { LoadAnswer } from './job.js';
import { type LoadJob, type LoadStream, type RunState, TestUnitReadyStream, TransferStream } from './random-streams.js';
import { readBackStream } from './verify.js';

/** Before anything counts: the code of both processes becomes hot. */
const LEAD_IN_MS = 250;
/** Of the blocks that a session wrote, as many bytes of them as this at most are read back and compared. */
const CHECKED_COUNT_MAX = 1024;
const CHECKED_BYTES_MAX = 64 * 1024 * 1024;

function streamOf(connection: CoreConnection, job: LoadJob, sessionIndex: number, state: RunState): LoadStream {
  return job.operation === 'test-unit-ready' ? new TestUnitReadyStream(connection, 0, state) : new TransferStream(connection, job, sessionIndex, state);
}

/** Reads back a part of what a session wrote; answers how many places. */
async function check(stream: LoadStream, { lengthBytes, medium, sessionCount = 1 }: LoadJob): Promise<number> {
  if (!(stream instanceof TransferStream) || stream.pattern === null) return 0;
  const countMax = Math.ceil(Math.min(CHECKED_COUNT_MAX, CHECKED_BYTES_MAX / lengthBytes) / sessionCount);
  const addresses = stream.writtenAddresses(countMax);
  await stream.connection.run(readBackStream(stream.connection, stream.pattern, addresses, lengthBytes, medium));
  return addresses.length;
}

/** Keeps `depth` commands of each session on their way for `seconds`; then reads back a part of what was written, when something was. */
export async function runLoad(job: LoadJob): Promise<LoadAnswer> {
  const connections = await Promise.all(Array.from({ length: job.sessionCount ?? 1 }, () => CoreConnection.open(job.url, job.depth, job.digests)));
  const state: RunState = { tally: null, completedCount: 0, isStopped: false };
  const streams = connections.map((connection, index) => streamOf(connection, job, index, state));
  const cpuSeconds = () => (job.targetPid === null ? null : cpuSecondsOf(job.targetPid));
  cpuSeconds();
  const tally = new LatencyTally();
  const taken = { operationCount: 0, elapsedSeconds: 0, cpuSeconds: null as number | null };
  const start = (): void => {
    const from = { at: performance.now(), count: state.completedCount, cpu: cpuSeconds() };
    state.tally = tally;
    setTimeout(() => {
      taken.elapsedSeconds = (performance.now() - from.at) / 1000;
      taken.operationCount = state.completedCount - from.count;
      const cpu = cpuSeconds();
      taken.cpuSeconds = cpu === null || from.cpu === null ? null : cpu - from.cpu;
      state.tally = null;
      state.isStopped = true;
    }, job.seconds * 1000);
  };
  setTimeout(start, LEAD_IN_MS);
  await Promise.all(streams.map((stream) => stream.connection.run(stream)));
  let checkedCount = 0;
  for (const stream of streams) checkedCount += await check(stream, job);
  await Promise.all(connections.map((connection) => connection.close()));
  const { p50, p99, p999 } = tally.figures();
  return { ...taken, checkedCount, latency: { p50, p99, p999 } };
}
