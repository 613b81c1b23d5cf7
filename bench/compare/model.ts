/**
 * What a comparison is made of: contenders (targets), initiators (who asks) and workloads (what is asked), each a row of data in a file of
 * its own. Everything behind this file works on any number of them.
 */

export type Operation = 'read' | 'write' | 'test-unit-ready';

/** A foreign program that a row needs. */
export type ProgramName = 'tgtd' | 'tgtadm' | 'iscsi-perf';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly initiator: InitiatorName;
  readonly operation: Operation;
  /** Bytes that one command moves; 0 for commands that move none. */
  readonly lengthBytes: number;
  /** Commands outstanding at once. */
  readonly depth: number;
  /** When it runs without being named by `--only`: always, not with `--quick`, or never. */
  readonly runs: 'always' | 'at-leisure' | 'when-named';
}

/** A target that runs and can be asked. */
export interface RunningContender {
  /** `iscsi://host:port/target-name/lun`. */
  readonly url: string;
  /** Process whose CPU time and memory are counted; null when it is not ours to look at. */
  readonly pid: number | null;
  /** Stops it and removes what it left. Never rejects. */
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  readonly programs: readonly ProgramName[];
  /** False: its medium belongs to somebody, so nothing is written to it and what it answers is not verified. */
  readonly mayOverwrite: boolean;
  /** Rejects with a `TargetError` `BENCH_CONTENDER` that says why it does not run. */
  start(): Promise<RunningContender>;
}

/** The logical unit behind a contender, as its READ CAPACITY tells it. */
export interface Medium {
  readonly capacityBytes: number;
  readonly blockLengthBytes: number;
}

/** One run of one workload against one contender. */
export interface LoadJob {
  readonly url: string;
  readonly medium: Medium;
  readonly workload: Workload;
  readonly seconds: number;
  /** Of the addresses and of the data that are written. */
  readonly seed: number;
  readonly targetPid: number | null;
}

export interface Measurement {
  readonly iops: number;
  /** Commands that completed while it was measured. */
  readonly operationCount: number;
  /** CPU time that the target took meanwhile, all of its threads, user and system; null without a process to ask. */
  readonly cpuSeconds: number | null;
}

export type InitiatorName = 'iscsi-perf' | 'core';

export interface Initiator {
  readonly name: InitiatorName;
  readonly title: string;
  readonly programs: readonly ProgramName[];
  /** Rejects with a `TargetError` `BENCH_RUN` when a command failed, data was wrong, or the figure cannot be read. */
  run(job: LoadJob): Promise<Measurement>;
}

/** A run as it goes into the report. */
export interface RunRecord {
  readonly workload: string;
  readonly contender: string;
  /** From 1; 0 is the warm-up, which does not count. */
  readonly round: number;
  readonly measurement: Measurement | null;
  /** Why there is no measurement. */
  readonly error: string | null;
}
