/**
 * The command slot: one fixed-size record in shared memory for each command that executes or waits for data.
 *
 * Words that the main thread writes and words that a worker writes never share a cache line. Offsets are bytes from
 * the start of the slot. `test/engine/shm/layout.test.ts` checks that the fields tile the slot.
 */

/** Raised when the layout changes, and checked by a worker before it serves its first command. */
export const SLOT_LAYOUT_VERSION = 3;
export const SLOT_LENGTH_BYTES = 1024;
export const CACHE_LINE_BYTES = 64;
/** Room for the longest CDB (260 bytes), rounded up to cache lines. */
export const CDB_CAPACITY_BYTES = 260;
/** The most sense data that SPC allows. */
export const SENSE_CAPACITY_BYTES = 252;

export type Writer = 'main' | 'worker' | 'nobody';

interface SlotField {
  readonly at: number;
  readonly width: number;
  readonly writer: Writer;
}

const main = (at: number, width: number): SlotField => ({ at, width, writer: 'main' });
const worker = (at: number, width: number): SlotField => ({ at, width, writer: 'worker' });
const gap = (at: number, width: number): SlotField => ({ at, width, writer: 'nobody' });

export const SLOT = {
  // Line 0: what is to be done.
  /** Counts the uses of this slot, so that a late completion of an earlier use is recognised. */
  generation: main(0, 4),
  logicalUnitHandle: main(4, 4),
  nexusId: main(8, 4),
  taskAttribute: main(12, 4),
  initiatorTaskTag: main(16, 4),
  cdbLength: main(20, 4),
  direction: main(24, 4),
  /** Bytes the initiator offers to send. */
  expectedDataOutLength: main(28, 4),
  /** Bytes the initiator is ready to take. */
  expectedDataInLength: main(32, 4),
  reservedCount: gap(36, 4),
  /** Float64, set by the plan. */
  lba: main(40, 8),
  /** Bytes the command moves by its CDB, before the initiator's lengths cut it: Data-Out and Data-In. */
  plannedDataOutLength: main(48, 4),
  plannedDataInLength: main(52, 4),
  /** Extent in the arena: where Data-Out lies. */
  dataOutOffset: main(56, 4),
  /** Bytes of Data-Out that have arrived. */
  dataOutLength: main(60, 4),
  // Line 1: more of the main thread's, and its stamps (Float64 microseconds).
  /** Extent in the arena that Data-In may be written to. */
  dataInOffset: main(64, 4),
  dataInCapacity: main(68, 4),
  receivedAt: main(72, 8),
  orderedAt: main(80, 8),
  dispatchedAt: main(88, 8),
  completedAt: main(96, 8),
  flushedAt: main(104, 8),
  /** `CommandFlag` bits. */
  flags: main(112, 4),
  reservedMain: gap(116, 4),
  /** Float64, set by the plan of a medium command: blocks. A WRITE SAME or an UNMAP may concern more than 32 bits count. */
  lbaCount: main(120, 8),
  // Lines 2 to 6: the CDB.
  cdb: main(128, CDB_CAPACITY_BYTES),
  reservedCdb: gap(388, 60),
  // Line 7: the outcome. Written by whichever thread executes.
  status: worker(448, 4),
  senseLength: worker(452, 4),
  /** Bytes of Data-In that the device server has for the initiator, which may be more than were transferred. */
  dataInLength: worker(456, 4),
  /** 1 when Data-In lies in the store itself (see `BackingStore.view`), 0 when in the arena. */
  dataInFromStore: worker(460, 4),
  startedAt: worker(464, 8),
  executedAt: worker(472, 8),
  reservedOutcome: gap(480, 32),
  // Lines 8 to 11: sense data, apart from Data-In, because a command can return both.
  sense: worker(512, SENSE_CAPACITY_BYTES),
  reservedSense: gap(764, 4),
  reservedTail: gap(768, 256),
} as const satisfies Record<string, SlotField>;

/** Direction of a command's data, RFC 7143 §11.3.1 (R and W bits). */
export const DataDirection = { none: 0, in: 1, out: 2, bidirectional: 3 } as const;
export type DataDirection = (typeof DataDirection)[keyof typeof DataDirection];

/** What a command has from its logical unit, wherever it runs. */
export const CommandFlag = {
  /** Sense data has the descriptor format: D_SENSE, SPC-4 "Control mode page". */
  descriptorSense: 1,
  /** There is no write cache: every write goes to stable storage. WCE, SBC-3 "Caching mode page". */
  writeThrough: 2,
  /** Protection information is not checked where it does not travel: DPICZ, SPC-4 "Control mode page". */
  uncheckedAlone: 4,
} as const;
export type CommandFlag = (typeof CommandFlag)[keyof typeof CommandFlag];
