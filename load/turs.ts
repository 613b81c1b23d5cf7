import { type Clock, systemClock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { parseIscsiUrl } from '../initiator/iscsi-url.js';
import { LoadConnection } from './load-connection.js';
import { type CountedFault, FaultCounter, scsiFaultOf } from './scsi-fault.js';
import { type LatencyFigures, LatencyTally } from './tally.js';
import { asTargetFault } from './target-fault.js';

export interface TursRequest {
  readonly url: string;
  readonly commandCount: number;
  /** Commands outstanding; sg_turs has 1. */
  readonly depth: number;
  /** CRC32C for headers. */
  readonly digests: boolean;
  readonly onStop: (listener: () => void) => () => void;
  readonly clock?: Clock;
}

export interface TursFigures {
  /** Commands that ended, those with errors included. */
  readonly commandCount: number;
  readonly errorCount: number;
  readonly faults: readonly CountedFault[];
  readonly seconds: number;
  readonly operationsPerSecond: number;
  readonly latencyMicros: LatencyFigures;
  /** Taken before the first command that counts. */
  readonly unitAttentionCount: number;
  readonly wasStopped: boolean;
}

/** Sends TEST UNIT READY commands. Rejects with `TargetError` `LOAD_USAGE` or `LOAD_TARGET`; SCSI errors are counted. */
export async function runTurs(request: TursRequest): Promise<TursFigures> {
  const { url, depth, digests } = request;
  let connection: LoadConnection | null = null;
  try {
    connection = await LoadConnection.open(parseIscsiUrl(url), { taskCount: depth, digests });
    return await measure(request, connection);
  } catch (error) {
    throw asTargetFault(url, error);
  } finally {
    await connection?.close();
  }
}

async function measure(request: TursRequest, connection: LoadConnection): Promise<TursFigures> {
  const { clock = systemClock } = request;
  const { core } = connection;
  const command = connection.defineTestUnitReady();
  const startedAt = new Float64Array(core.taskCount);
  const latency = new LatencyTally();
  const faults = new FaultCounter();
  let submittedCount = 0;
  let endedCount = 0;
  let countMax = request.commandCount;
  let wasStopped = false;
  let settle = (): void => {};
  const fill = (): void => {
    while (submittedCount < countMax && core.inFlightCount < core.taskCount) {
      const task = core.submit(command, 0);
      if (task < 0) return;
      startedAt[task] = clock.nowMicros();
      submittedCount++;
    }
    if (submittedCount >= countMax && core.inFlightCount === 0) settle();
  };
  const ended = new Promise<void>((resolve, reject) => {
    settle = resolve;
    connection.attach({
      onComplete: (task, status) => {
        latency.record(clock.nowMicros() - (startedAt[task] as number));
        endedCount++;
        if (status !== ScsiStatus.good) faults.add(scsiFaultOf(status, core.senseData));
        fill();
      },
      onWindowOpen: fill,
      onFailure: reject,
    });
  });
  const forgetStop = request.onStop(() => {
    wasStopped = true;
    countMax = submittedCount;
    fill();
  });
  const began = clock.nowMicros();
  fill();
  try {
    await ended;
  } finally {
    forgetStop();
  }
  assert(endedCount === submittedCount, 'every command has ended');
  const seconds = (clock.nowMicros() - began) / 1e6;
  return {
    commandCount: endedCount,
    errorCount: faults.count,
    faults: faults.kinds,
    seconds,
    operationsPerSecond: endedCount / seconds,
    latencyMicros: latency.figures(),
    unitAttentionCount: connection.unitAttentionCount,
    wasStopped,
  };
}

/** `time to perform commands was 1.210659 secs; 8259.96 operations/sec`, as sg_turs prints it. */
export function timeLine({ seconds, operationsPerSecond }: TursFigures): string {
  return `time to perform commands was ${seconds.toFixed(6)} secs; ${operationsPerSecond.toFixed(2)} operations/sec`;
}

export function completedLine({ commandCount, errorCount }: TursFigures): string {
  return `Completed ${commandCount} Test Unit Ready commands with ${errorCount} errors`;
}
