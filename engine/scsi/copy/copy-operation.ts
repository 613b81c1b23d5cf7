import type { CopyFailure } from './copy-failure.js';

/** COPY OPERATION STATUS, SPC-4 "RECEIVE COPY STATUS(LID4) command". */
export const CopyStatus = { completed: 0x01, failed: 0x02, inForeground: 0x11, inBackground: 0x12, aborted: 0x60 } as const;
export type CopyStatus = (typeof CopyStatus)[keyof typeof CopyStatus];

export interface CopyOperationOptions {
  readonly nexusId: number;
  readonly listIdentifier: number;
  /** Of the third-party copy command that began it. */
  readonly serviceAction: number;
  readonly isImmediate: boolean;
  /** False when no list identifier names it, LIST ID USAGE 11b: nobody can ask for it. */
  readonly isNamed: boolean;
  /** Sense data has the descriptor format. */
  readonly descriptorSense: boolean;
}

/** One copy from its command to the time when its result is forgotten. */
export class CopyOperation {
  readonly nexusId: number;
  readonly listIdentifier: number;
  readonly serviceAction: number;
  readonly isImmediate: boolean;
  readonly isNamed: boolean;
  readonly descriptorSense: boolean;
  /** Bytes that have reached the destination, or that a token stands for. */
  transferredBytes = 0;
  segmentsProcessed = 0;
  /** Commands that were given to sources and destinations, modulo 2^16: that it moves on shows that the copy does. */
  operationCounter = 0;
  /** Null while it runs, and when it went well. */
  failure: CopyFailure | null = null;
  /** The ROD token that it made. */
  token: Uint8Array | null = null;
  #isAborted = false;
  #isDone = false;
  readonly #waiting: (() => void)[] = [];

  constructor(options: CopyOperationOptions) {
    this.nexusId = options.nexusId;
    this.listIdentifier = options.listIdentifier;
    this.serviceAction = options.serviceAction;
    this.isImmediate = options.isImmediate;
    this.isNamed = options.isNamed;
    this.descriptorSense = options.descriptorSense;
  }

  /** It stops when the pieces that are on their way are done. */
  abort(): void {
    if (!this.#isDone) this.#isAborted = true;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get status(): CopyStatus {
    if (!this.#isDone) return this.isImmediate ? CopyStatus.inBackground : CopyStatus.inForeground;
    if (this.#isAborted) return CopyStatus.aborted;
    return this.failure === null ? CopyStatus.completed : CopyStatus.failed;
  }

  end(failure: CopyFailure | null): void {
    this.#isDone = true;
    this.failure = this.#isAborted ? null : failure;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Calls `tell` when it is over, perhaps at once. */
  whenDone(tell: () => void): void {
    if (this.#isDone) tell();
    else this.#waiting.push(tell);
  }
}
