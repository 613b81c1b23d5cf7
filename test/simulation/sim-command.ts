import type { BlockHistory, WriteRecord } from './block-history.js';
import { BLOCK_BYTES } from './block-history.js';
import type { SimConnection } from './sim-connection.js';
import { must } from './violation.js';

export interface CommandPlan {
  /** An exchange is XDWRITEREAD: it writes, and returns what was there before, combined with what it wrote. */
  readonly kind: 'read' | 'write' | 'exchange' | 'none';
  readonly lun: number;
  readonly lba: number;
  readonly lbaCount: number;
  readonly attribute: number;
}

/** How a command ended; one that is not answered needs an excuse. */
export const CommandEnd = {
  answered: 'answered',
  /** By task management. */
  aborted: 'aborted',
  /** With its session, or with a connection that could not be recovered. */
  lost: 'lost',
} as const;
export type CommandEnd = (typeof CommandEnd)[keyof typeof CommandEnd];

/** A SCSI command of the initiator, from the first time it is sent until it ends. */
export class SimCommand {
  readonly plan: CommandPlan;
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
  readonly immediate: boolean;
  readonly history: BlockHistory;
  readonly write: WriteRecord | null;
  readonly data: Uint8Array;
  readonly startPlace: number;
  /** The connection that it belongs to; where the connection is gone, the one that it belonged to. */
  connection: SimConnection;
  end: CommandEnd | null = null;
  /** Task management that concerns it was sent: it may end without an answer. */
  abortRequested = false;
  /** When a function of another initiator may have stopped it; 0 when none did. */
  riskMicros = 0;
  /** When the target said that there is no such command; 0 when it did not. */
  goneMicros = 0;
  status: number | null = null;
  statSN = 0;
  immediateLength = 0;
  sendsUnsolicited = false;
  /** Its connection is gone, and no other has taken it over yet. */
  isReassigning = false;
  /** Another connection was asked to take it over. */
  wasReassigned = false;
  /** Data-In that it needs not be sent again then. */
  expDataSN = 0;
  /** DataSNs that have come. */
  readonly receivedDataSNs = new Set<number>();
  /** Bytes that have come, by the DataSN that brought them. */
  readonly #pieces = new Map<number, { readonly offset: number; readonly data: Uint8Array }>();
  /** How many Data-In PDUs there are, once the status tells. */
  dataCount: number | null = null;
  /** R2TSNs that have come, and the first one that may be missing. */
  readonly receivedR2TSNs = new Set<number>();
  r2tBase = 0;
  /** Data with the A bit that is not acknowledged: its Target Transfer Tag by the DataSN. */
  readonly acksOwed = new Map<number, number>();

  constructor(plan: CommandPlan, initiatorTaskTag: number, cmdSN: number, immediate: boolean, history: BlockHistory, connection: SimConnection) {
    this.plan = plan;
    this.initiatorTaskTag = initiatorTaskTag;
    this.cmdSN = cmdSN;
    this.immediate = immediate;
    this.history = history;
    this.connection = connection;
    this.write = plan.kind === 'write' || plan.kind === 'exchange' ? history.beginWrite(plan.lba, plan.lbaCount) : null;
    this.startPlace = this.write?.start ?? history.begin();
    this.data = this.write === null ? new Uint8Array(0) : history.contentOf(this.write, plan.lba, plan.lbaCount);
  }

  /** A function of another initiator may stop it without a word. */
  putAtRisk(nowMicros: number): void {
    this.riskMicros ||= nowMicros;
    this.abortRequested = true;
  }

  get isAtRisk(): boolean {
    return this.riskMicros !== 0;
  }

  get expectedLength(): number {
    return this.plan.kind === 'none' ? 0 : this.plan.lbaCount * BLOCK_BYTES;
  }

  /** False when this DataSN has come before. */
  takeData(dataSN: number, offset: number, data: Uint8Array): boolean {
    if (this.receivedDataSNs.has(dataSN)) return false;
    this.receivedDataSNs.add(dataSN);
    this.#pieces.set(dataSN, { offset, data: data.slice() });
    return true;
  }

  get reads(): boolean {
    return this.plan.kind === 'read' || this.plan.kind === 'exchange';
  }

  /** The DataSN of the first byte. R2Ts of a bidirectional command are counted with its data, RFC 7143 §4.2.2.4. */
  get #firstDataSN(): number {
    if (this.plan.kind !== 'exchange') return 0;
    for (const [dataSN, { offset }] of this.#pieces) if (offset === 0) return dataSN;
    return 0;
  }

  /** DataSNs before this one have all come. */
  get contiguousDataCount(): number {
    let count = this.#firstDataSN;
    while (this.receivedDataSNs.has(count)) count++;
    return count;
  }

  /** The first run of Data-In that is known to be missing; null when there is none. */
  get missingData(): { readonly begRun: number; readonly runLength: number } | null {
    if (this.plan.kind === 'exchange') {
      // Nobody can tell which number the first Data-In has: all of them are asked for.
      return this.status !== 0 || this.#receivedBytes === this.expectedLength ? null : { begRun: 0, runLength: 0 };
    }
    const end = this.dataCount ?? Math.max(-1, ...this.receivedDataSNs) + 1;
    const begRun = this.contiguousDataCount;
    if (begRun >= end) return null;
    let runLength = 1;
    while (begRun + runLength < end && !this.receivedDataSNs.has(begRun + runLength)) runLength++;
    return { begRun, runLength };
  }

  get #receivedBytes(): number {
    let sum = 0;
    for (const { data } of this.#pieces.values()) sum += data.length;
    return sum;
  }

  get missingR2T(): { readonly begRun: number; readonly runLength: number } | null {
    const end = Math.max(-1, ...this.receivedR2TSNs) + 1;
    for (let at = this.r2tBase; at < end; at++) if (!this.receivedR2TSNs.has(at)) return { begRun: at, runLength: 1 };
    return null;
  }

  /** R2Ts that have not come are not there any more. */
  waiveR2Ts(): void {
    this.r2tBase = Math.max(this.r2tBase, ...this.receivedR2TSNs);
  }

  /** The status and all of the data are here. */
  get isComplete(): boolean {
    return this.status !== null && this.missingData === null;
  }

  /** Another connection goes on with it: what came behind a gap comes again. Answers the DataSN to go on from. */
  forgetBehindGap(): number {
    const count = this.contiguousDataCount;
    for (const dataSN of Array.from(this.receivedDataSNs)) {
      if (dataSN < count) continue;
      this.receivedDataSNs.delete(dataSN);
      this.#pieces.delete(dataSN);
    }
    this.status = null;
    this.dataCount = null;
    this.acksOwed.clear();
    this.receivedR2TSNs.clear();
    this.r2tBase = Number.POSITIVE_INFINITY;
    return count;
  }

  /** It is sent as if for the first time. */
  restart(): void {
    this.forgetBehindGap();
    this.receivedDataSNs.clear();
    this.#pieces.clear();
    this.r2tBase = 0;
  }

  /** What was read, put together; throws a `Violation` when bytes are missing or come twice. */
  joinData(): Uint8Array {
    const data = new Uint8Array(this.expectedLength);
    for (const piece of this.#pieces.values()) data.set(piece.data, piece.offset);
    const sum = this.#receivedBytes;
    must(sum === data.length, () => `command ${this.initiatorTaskTag.toString(16)} read ${sum} of ${data.length} bytes with GOOD status`);
    if (this.plan.kind === 'exchange') for (let at = 0; at < data.length; at++) data[at] = (data[at] as number) ^ (this.data[at] as number);
    return data;
  }

  /** The latest A bit that may be answered, because all data up to it has come; it stands for those before it. */
  takeAck(): { readonly targetTransferTag: number; readonly begRun: number } | null {
    const count = this.contiguousDataCount;
    let latest = -1;
    for (const dataSN of this.acksOwed.keys()) if (dataSN < count) latest = Math.max(latest, dataSN);
    if (latest === -1) return null;
    const targetTransferTag = this.acksOwed.get(latest) as number;
    for (const dataSN of Array.from(this.acksOwed.keys())) if (dataSN <= latest) this.acksOwed.delete(dataSN);
    return { targetTransferTag, begRun: latest + 1 };
  }
}
