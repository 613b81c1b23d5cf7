import type { CommandSlot } from '../../shm/command-slot.js';
import type { StoreExtent } from '../../store/provisioning.js';
import { CONTROL_UNUSED, readUint64, writeUint64 } from '../cdb.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { allBits } from './extent.js';

/*
 * GET LBA STATUS, SBC-3 "GET LBA STATUS command".
 *
 *     0| 0x9e | . 0x12 | Starting LBA (8) | Allocation Length (4) | Reserved | Control |
 *
 * Its parameter data:
 *
 *     0| Parameter Data Length (4) | Reserved (4) |
 *     8| LBA (8) | Number of Logical Blocks (4) | . Provisioning Status | Reserved (3) | ...
 */
const LBA_AT = 2;
const ALLOCATION_LENGTH_AT = 10;
const HEADER_LENGTH = 8;
const DESCRIPTOR_LENGTH = 16;
const COUNT_AT = 8;
const STATUS_AT = 12;
/** NUMBER OF LOGICAL BLOCKS is 32 bits wide: a longer run is told in several descriptors. */
const RUN_BLOCKS_MAX = 0xffffffff;
/** More runs are asked for by another command: the standard lets us tell as few as one. */
const DESCRIPTOR_COUNT_MAX = 256;
/** Stretches that the store may tell for one command: it may cut a run into any number of them. */
const EXTENT_COUNT_MAX = 4 * DESCRIPTOR_COUNT_MAX;

/** PROVISIONING STATUS. A store that cannot tell anchored blocks from mapped ones has no anchored ones: see `supportsAnchor`. */
const ProvisioningStatus = { mapped: 0x0, deallocated: 0x1, anchored: 0x2 } as const;
type ProvisioningStatus = (typeof ProvisioningStatus)[keyof typeof ProvisioningStatus];

/** Asks the store, which may have to ask a device: not on the main thread. It claims no blocks, as it tells what is so at some moment only. */
export const getLbaStatusRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'read',
  reservation: 'read',
  opcode: 0x9e,
  serviceAction: 0x12,
  name: 'GET LBA STATUS',
  clause: 'SBC-3 "GET LBA STATUS command"',
  cdbLength: 16,
  cdbUsage: [0x9e, 0x12, ...allBits(12), 0x00, CONTROL_UNUSED],
  buildsDataIn: true,
  plan(command, medium) {
    const lba = readUint64(command.cdbView, LBA_AT);
    if (lba >= medium.blockCount) return checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
    command.lba = lba;
    command.plannedDataInLength = Math.min(command.cdbView.getUint32(ALLOCATION_LENGTH_AT), HEADER_LENGTH + DESCRIPTOR_COUNT_MAX * DESCRIPTOR_LENGTH);
  },
  execute: executeGetLbaStatus,
};

function executeGetLbaStatus(command: CommandSlot, medium: Medium): void {
  // At least one run is told, and cut where the allocation length is less.
  const descriptorCount = Math.max(1, Math.floor((command.plannedDataInLength - HEADER_LENGTH) / DESCRIPTOR_LENGTH));
  const data = new Uint8Array(HEADER_LENGTH + descriptorCount * DESCRIPTOR_LENGTH);
  const view = new DataView(data.buffer);
  let at = HEADER_LENGTH;
  for (const { lba, lbaCount, status } of runsOf(medium, command.lba)) {
    writeUint64(view, at, lba);
    view.setUint32(at + COUNT_AT, lbaCount);
    data[at + STATUS_AT] = status;
    at += DESCRIPTOR_LENGTH;
    if (at === data.length) break;
  }
  view.setUint32(0, at - 4);
  const lengthBytes = Math.min(at, command.plannedDataInLength);
  command.dataIn.set(data.subarray(0, Math.min(lengthBytes, command.dataInCapacity)), command.dataInStart);
  command.dataInLength = lengthBytes;
}

interface Run {
  readonly lba: number;
  readonly lbaCount: number;
  readonly status: ProvisioningStatus;
}

/** The runs of blocks with the same status from `start` to the end of the medium, or until the store has told enough. */
function* runsOf(medium: Medium, start: number): Generator<Run> {
  let run = runAt(medium, start);
  for (let count = 1; count < EXTENT_COUNT_MAX; count++) {
    const lba = run.lba + run.lbaCount;
    if (lba >= medium.blockCount) break;
    const next = runAt(medium, lba);
    const joinedCount = run.lbaCount + next.lbaCount;
    if (next.status === run.status && joinedCount <= RUN_BLOCKS_MAX) {
      run = { ...run, lbaCount: joinedCount };
      continue;
    }
    yield run;
    run = next;
  }
  yield run;
}

/** A block with any byte that was written is mapped, and one with any other byte that has space is anchored. */
function runAt(medium: Medium, lba: number): Run {
  const { blockLengthBytes, blockCount } = medium;
  const leftCount = Math.min(blockCount - lba, RUN_BLOCKS_MAX);
  const provisioning = medium.thin ? medium.store.provisioning : null;
  if (provisioning === null) return { lba, lbaCount: leftCount, status: ProvisioningStatus.mapped };
  const startBytes = lba * blockLengthBytes;
  const first = provisioning.extentAt(startBytes, leftCount * blockLengthBytes, true);
  let status = statusOf(first);
  if (status === ProvisioningStatus.mapped) return { lba, lbaCount: Math.min(leftCount, Math.ceil(first.lengthBytes / blockLengthBytes)), status };
  const wholeCount = Math.floor(first.lengthBytes / blockLengthBytes);
  if (wholeCount > 0) return { lba, lbaCount: Math.min(leftCount, wholeCount), status };
  // The store changes its mind within the block.
  for (let at = first.lengthBytes; at < blockLengthBytes && status !== ProvisioningStatus.mapped; ) {
    const extent = provisioning.extentAt(startBytes + at, blockLengthBytes - at, true);
    if (extent.allocated) status = statusOf(extent);
    at += extent.lengthBytes;
  }
  return { lba, lbaCount: 1, status };
}

function statusOf({ allocated, anchored }: StoreExtent): ProvisioningStatus {
  if (!allocated) return ProvisioningStatus.deallocated;
  return anchored === true ? ProvisioningStatus.anchored : ProvisioningStatus.mapped;
}
