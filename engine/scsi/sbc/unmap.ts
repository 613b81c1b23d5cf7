import type { CommandSlot } from '../../shm/command-slot.js';
import { CONTROL_UNUSED, readUint64 } from '../cdb.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { parameterListOf } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../sense.js';
import { allBits, GROUP_NUMBER_BITS, isInRange } from './extent.js';
import { supportsAnchor, unmapRange } from './unmap-range.js';
import { isWriteThrough } from './write.js';

/*
 * UNMAP, SBC-3 "UNMAP command".
 *
 *     0| 0x42 | . ANCHOR | Reserved (4) | . Group | Parameter List Length (2) | Control |
 *
 * Its parameter list:
 *
 *     0| Unmap Data Length (2) | Unmap Block Descriptor Data Length (2) | Reserved (4) |
 *     8| LBA (8)               | Number of Logical Blocks (4)           | Reserved (4) | ...
 */
const FLAGS_AT = 1;
const ANCHOR_BIT = 0x01;
const ANCHOR_BIT_NUMBER = 0;
const LIST_LENGTH_AT = 7;
const HEADER_LENGTH = 8;
const DESCRIPTORS_LENGTH_AT = 2;
const DESCRIPTOR_LENGTH = 16;
const COUNT_AT = 8;

export const unmapRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'write',
  reservation: 'write',
  opcode: 0x42,
  name: 'UNMAP',
  clause: 'SBC-3 "UNMAP command"',
  cdbLength: 10,
  cdbUsage: [0x42, ANCHOR_BIT, 0x00, 0x00, 0x00, 0x00, GROUP_NUMBER_BITS, ...allBits(2), CONTROL_UNUSED],
  isSupported: (unit) => unit.medium === null || unit.medium.thin,
  plan: planUnmap,
  planFromDataOut: planRanges,
  isDurable: isWriteThrough,
  storeBytes: (command, medium) => command.lbaCount * medium.blockLengthBytes,
  execute: executeUnmap,
};

function planUnmap(command: CommandSlot, medium: Medium): void {
  const lengthBytes = command.cdbView.getUint16(LIST_LENGTH_AT);
  // LBPME is 0: the logical unit does not have the command.
  if (!medium.thin) checkCondition(command, SenseKey.illegalRequest, Asc.invalidCommandOperationCode);
  // SBC-3 "UNMAP command": not with ANC_SUP 0.
  else if (hasAnchor(command) && !supportsAnchor(medium)) invalidFieldInCdb(command, FLAGS_AT, ANCHOR_BIT_NUMBER);
  // No list at all is not an error; one that ends within its header is.
  else if (lengthBytes > 0 && lengthBytes < HEADER_LENGTH) parameterListLengthError(command);
  else command.plannedDataOutLength = lengthBytes;
}

interface Descriptor {
  readonly at: number;
  readonly lba: number;
  readonly lbaCount: number;
}

/** The descriptors that are there as a whole: one that the list cuts off is ignored. SBC-3 "UNMAP parameter list". */
function* descriptorsOf(list: Uint8Array): Generator<Descriptor> {
  if (list.length < HEADER_LENGTH) return;
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  const end = Math.min(list.length, HEADER_LENGTH + view.getUint16(DESCRIPTORS_LENGTH_AT));
  for (let at = HEADER_LENGTH; at + DESCRIPTOR_LENGTH <= end; at += DESCRIPTOR_LENGTH) {
    yield { at, lba: readUint64(view, at), lbaCount: view.getUint32(at + COUNT_AT) };
  }
}

/** All is checked before anything is unmapped. What is claimed reaches from the first block of all ranges to the last. */
function planRanges(command: CommandSlot, medium: Medium): void {
  const list = parameterListOf(command);
  if (command.plannedDataOutLength > 0 && list.length < HEADER_LENGTH) {
    parameterListLengthError(command);
    return;
  }
  let descriptorCount = 0;
  let blockCount = 0;
  let first = medium.blockCount;
  let end = 0;
  for (const { at, lba, lbaCount } of descriptorsOf(list)) {
    descriptorCount++;
    blockCount += lbaCount;
    if (descriptorCount > medium.unmapDescriptorsMax) {
      invalidFieldInParameterList(command, DESCRIPTORS_LENGTH_AT);
      return;
    }
    if (!isInRange(command, medium, lba, lbaCount)) return;
    if (blockCount > medium.unmapBlocksMax) {
      invalidFieldInParameterList(command, at + COUNT_AT);
      return;
    }
    if (lbaCount === 0) continue;
    first = Math.min(first, lba);
    end = Math.max(end, lba + lbaCount);
  }
  if (end === 0) return;
  command.lba = first;
  command.lbaCount = end - first;
}

function hasAnchor(command: CommandSlot): boolean {
  return ((command.cdb[FLAGS_AT] as number) & ANCHOR_BIT) !== 0;
}

function executeUnmap(command: CommandSlot, medium: Medium): void {
  const anchor = hasAnchor(command);
  const durable = isWriteThrough(command);
  for (const { lba, lbaCount } of descriptorsOf(parameterListOf(command))) {
    if (lbaCount > 0 && !unmapRange(command, medium, { lba, lbaCount, anchor, durable })) return;
  }
}
