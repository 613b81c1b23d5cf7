import type { Latency, Medium, Operation } from '../compare/model.js';

/** What the initiator process is told, as JSON in its only argument. */
export type InitiatorJob =
  | { readonly kind: 'probe'; readonly url: string }
  | {
      readonly kind: 'verify';
      readonly url: string;
      readonly medium: Medium;
      readonly seed: number;
      /** From the start of the medium; as much as there is of it. */
      readonly lengthBytes: number;
    }
  | {
      readonly kind: 'load';
      readonly url: string;
      readonly medium: Medium;
      readonly operation: Operation;
      readonly lengthBytes: number;
      /** In each session. */
      readonly depth: number;
      readonly isSequential?: boolean;
      readonly sessionCount?: number;
      readonly digests?: boolean;
      readonly seconds: number;
      readonly seed: number;
      readonly targetPid: number | null;
    };

export interface VerifyAnswer {
  readonly verifiedBytes: number;
}

export interface LoadAnswer {
  readonly operationCount: number;
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number | null;
  readonly latency: Latency;
  /** Blocks that were written while it was measured, and read back and compared afterwards. */
  readonly checkedCount: number;
}

/** The one line that the process prints: the answer to its job, or why there is none. */
export type InitiatorReply<Answer> = { readonly answer: Answer; readonly error?: never } | { readonly error: string; readonly answer?: never };
