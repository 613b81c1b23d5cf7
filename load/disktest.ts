import { type Clock, systemClock } from '../engine/clock.js';
import { type IscsiUrl, LogicalUnitClient, loginOptionsOf, parseIscsiUrl, Session } from '../initiator/index.js';
import { namingBlockless } from '../initiator/scsi/blockless.js';
import type { Mismatch } from './block-data.js';
import { LoadConnection } from './load-connection.js';
import { type LoadOptions, type LoadPlan, type MediumSize, planLoad } from './load-plan.js';
import { type CommandFault, LoadRun } from './load-run.js';
import type { CountedFault } from './scsi-fault.js';
import { EMPTY_SAMPLE, type LatencyFigures, type OperationTally, type Rates, ratesBetween, type TallySample } from './tally.js';
import { asTargetFault } from './target-fault.js';

/** One direction of a load from its start to its end. */
export interface DirectionFigures extends Rates {
  readonly latencyMicros: LatencyFigures;
}

export interface DisktestFigures {
  /** Null for a direction that the load does not have. */
  readonly read: DirectionFigures | null;
  readonly write: DirectionFigures | null;
  /** From the first command to the last completion. */
  readonly seconds: number;
  readonly faultCount: number;
  readonly faults: readonly CountedFault[];
  readonly mismatchCount: number;
  readonly comparedBlockCount: number;
  /** Ended by a signal, not by the plan. */
  readonly wasStopped: boolean;
  /** Why the connection broke, or null. */
  readonly brokenBy: unknown;
}

/** What happens during a test, in order: one `start`, one `end`. */
export type DisktestEvent =
  | { readonly kind: 'start'; readonly plan: LoadPlan; readonly medium: MediumSize; readonly unitAttentionCount: number }
  /** Since the last heartbeat; null for a direction that was not under way. */
  | { readonly kind: 'heartbeat'; readonly read: Rates | null; readonly write: Rates | null }
  | { readonly kind: 'fault'; readonly fault: CommandFault }
  | { readonly kind: 'mismatch'; readonly mismatch: Mismatch }
  | { readonly kind: 'end'; readonly figures: DisktestFigures };

export interface DisktestRequest {
  readonly url: string;
  readonly options: LoadOptions;
  readonly heartbeatSeconds: number | null;
  /** CRC32C for headers and data. */
  readonly digests: boolean;
  readonly report: (event: DisktestEvent) => void;
  /** Has the test end early, with its figures, when the listener is called; answers a function that forgets it. */
  readonly onStop: (listener: () => void) => () => void;
  readonly clock?: Clock;
}

export function isPassed(figures: DisktestFigures): boolean {
  return figures.faultCount === 0 && figures.mismatchCount === 0 && figures.brokenBy === null;
}

/**
 * Runs one test against one logical unit. Rejects with `TargetError` `LOAD_USAGE` for options that do not fit the unit and
 * `LOAD_TARGET` when it cannot be reached; whatever happens after `start` is in the figures.
 */
export async function runDisktest(request: DisktestRequest): Promise<DisktestFigures> {
  const { url, report, options } = request;
  const connections: LoadConnection[] = [];
  try {
    const address = parseIscsiUrl(url);
    const medium = await askMediumSize(address);
    const plan = planLoad(options, medium);
    for (let index = 0; index < plan.sessionCount; index++) {
      const taskCount = Math.ceil((plan.threadCount - index) / plan.sessionCount);
      connections.push(await LoadConnection.open(address, { taskCount, digests: request.digests }));
    }
    report({ kind: 'start', plan, medium, unitAttentionCount: connections[0]?.unitAttentionCount ?? 0 });
    const figures = await measure(request, plan, connections);
    report({ kind: 'end', figures });
    return figures;
  } catch (error) {
    throw asTargetFault(url, error);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Asks a logical unit how large it is, in a session of its own. */
async function askMediumSize(url: IscsiUrl): Promise<MediumSize> {
  const { targetName, lun } = url;
  const session = await Session.login({ ...loginOptionsOf(url), targetName });
  try {
    const unit = new LogicalUnitClient(session, lun);
    await unit.clearUnitAttentions();
    const { lbaCount, blockLengthBytes } = await namingBlockless(unit, unit.readCapacity());
    return { lbaCount: Number(lbaCount), blockLengthBytes };
  } finally {
    if (!session.isClosed) await session.logout();
  }
}

async function measure(request: DisktestRequest, plan: LoadPlan, connections: readonly LoadConnection[]): Promise<DisktestFigures> {
  const { report, clock = systemClock } = request;
  const events = {
    onFault: (fault: CommandFault): void => report({ kind: 'fault', fault }),
    onMismatch: (mismatch: Mismatch): void => report({ kind: 'mismatch', mismatch }),
  };
  const run = new LoadRun(plan, connections, events, clock);
  let wasStopped = false;
  const forgetStop = request.onStop(() => {
    wasStopped = true;
    run.stop();
  });
  const stopHeartbeat = startHeartbeat(request, plan, run, clock);
  const startedAt = clock.nowMicros();
  let brokenBy: unknown = null;
  try {
    await run.run();
  } catch (error) {
    brokenBy = asTargetFault(request.url, error);
  }
  const nowMicros = clock.nowMicros();
  stopHeartbeat();
  forgetStop();
  const figuresOf = (tally: OperationTally): DirectionFigures => ({
    ...ratesBetween(EMPTY_SAMPLE, tally.sample(nowMicros)),
    latencyMicros: tally.latency.figures(),
  });
  return {
    read: plan.reads ? figuresOf(run.tally.reads) : null,
    write: plan.writes ? figuresOf(run.tally.writes) : null,
    seconds: (nowMicros - startedAt) / 1e6,
    faultCount: run.faults.count,
    faults: run.faults.kinds,
    mismatchCount: run.mismatchCount,
    comparedBlockCount: run.comparedBlockCount,
    wasStopped,
    brokenBy,
  };
}

/** Reports what happened every so many seconds until the answered function is called. */
function startHeartbeat(request: DisktestRequest, plan: LoadPlan, run: LoadRun, clock: Clock): () => void {
  const { heartbeatSeconds } = request;
  if (heartbeatSeconds === null) return () => {};
  const startedAt = clock.nowMicros();
  let beatCount = 0;
  let reads: TallySample = EMPTY_SAMPLE;
  let writes: TallySample = EMPTY_SAMPLE;
  let cancel = (): void => {};
  const schedule = (): void => {
    beatCount++;
    // From the start on, so that late timers do not add up.
    const dueMicros = startedAt + beatCount * heartbeatSeconds * 1e6;
    cancel = clock.after(Math.max(0, (dueMicros - clock.nowMicros()) / 1000), beat);
  };
  const beat = (): void => {
    const nowMicros = clock.nowMicros();
    const readsNow = run.tally.reads.sample(nowMicros);
    const writesNow = run.tally.writes.sample(nowMicros);
    const read = plan.reads && readsNow.seconds > reads.seconds ? ratesBetween(reads, readsNow) : null;
    const write = plan.writes && writesNow.seconds > writes.seconds ? ratesBetween(writes, writesNow) : null;
    reads = readsNow;
    writes = writesNow;
    request.report({ kind: 'heartbeat', read, write });
    schedule();
  };
  schedule();
  return () => cancel();
}
