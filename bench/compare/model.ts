/**
 * What a comparison is made of: contenders (targets), initiators (who asks) and workloads (what is asked), each a row of data in a file of
 * its own. Everything behind this file works on any number of them.
 */

/** `mixed` is seven reads to three writes. */
export type Operation = 'read' | 'write' | 'mixed' | 'test-unit-ready';

/** What is behind a contender: memory, a file through the page cache, or a file around it. */
export type MediumKind = 'memory' | 'file' | 'direct';

/** A foreign program that a row needs. */
export type ProgramName = 'tgtd' | 'tgtadm' | 'istgt' | 'iscsi-perf' | 'fio' | 'qemu-img' | 'cc';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly initiator: InitiatorName;
  readonly operation: Operation;
  /** Bytes that one command moves; 0 for commands that move none. */
  readonly lengthBytes: number;
  /** Commands outstanding at once, in each session. */
  readonly depth: number;
  /** Addresses one behind the other; else at random. */
  readonly isSequential?: boolean;
  /** Sessions that ask at once, 1 by default. */
  readonly sessionCount?: number;
  /** CRC32C for headers and data. */
  readonly digests?: boolean;
  /** `memory` by default: contenders over something else sit out. */
  readonly mediumKind?: MediumKind;
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
  readonly mediumKind: MediumKind;
  /** When it takes part without being named: always, or not with `--quick`. */
  readonly runs: 'always' | 'at-leisure';
  readonly programs: readonly ProgramName[];
  /** Without its programs the bench goes on and says so, unless it was named. */
  readonly isOptional?: boolean;
  /** Why it sits a workload out; null when it takes part. */
  abstains?(workload: Workload): string | null;
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
  /** From sending to completion, as far as the initiator tells. */
  readonly latency?: Latency | null;
}

/** Microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export type InitiatorName = 'iscsi-perf' | 'core' | 'fio' | 'qemu-img';

export interface Initiator {
  readonly name: InitiatorName;
  readonly title: string;
  readonly programs: readonly ProgramName[];
  /** Without its programs the bench goes on and says so, unless a workload of its was named. */
  readonly isOptional?: boolean;
  /** What it lacks although its program is there; null when nothing. */
  missing?(): string | null;
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
