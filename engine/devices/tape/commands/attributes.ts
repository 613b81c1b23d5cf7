import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { parameterListOf, planParameterList } from '../../../scsi/parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeAttribute } from '../image/tape-service.js';
import { endWithFault } from '../medium/tape-fault.js';
import { AttributeFormat, attributesOf, deviceAttributeIdentifiers, type MediumAttribute } from '../memory/medium-attributes.js';
import { tapeOf } from '../tape-unit.js';
import { admitsWriting, runOnTape, withFreshFacts } from './tape-command.js';

/*
 * READ ATTRIBUTE, SPC-4 "READ ATTRIBUTE command".
 *
 *     0| 0x8c | . SERVICE ACTION (5) | Restricted (3) | LOGICAL VOLUME NUMBER | . | PARTITION NUMBER | FIRST ATTRIBUTE IDENTIFIER (2)
 *    10| ALLOCATION LENGTH (4) | . CACHE | CONTROL |
 */
const READ_ATTRIBUTE = 0x8c;
const VOLUME_AT = 5;
const PARTITION_AT = 7;
const FIRST_IDENTIFIER_AT = 8;
const LENGTH_AT = 10;
const CACHE_BIT = 0x01;
const READ_ONLY_BIT = 0x80;
const ATTRIBUTE_HEADER_LENGTH = 5;
const LIST_HEADER_LENGTH = 4;

const usage = (serviceAction: number) => [
  READ_ATTRIBUTE,
  serviceAction,
  0x00,
  0x00,
  0x00,
  ALL_BITS,
  0x00,
  ALL_BITS,
  ALL_BITS,
  ALL_BITS,
  ALL_BITS,
  ALL_BITS,
  ALL_BITS,
  ALL_BITS,
  CACHE_BIT,
  CONTROL_UNUSED,
];

const readCommon = {
  runsOn: 'main',
  reservation: 'always',
  opcode: READ_ATTRIBUTE,
  clause: 'SPC-4 "READ ATTRIBUTE command"',
  cdbLength: 16,
} as const;

/** Attributes as the CDB selects them, or null when the command has ended. */
function select(command: CommandSlot, unit: LogicalUnit): MediumAttribute[] | null {
  if (!isOfVolume(command, unit)) return null;
  const first = command.cdbView.getUint16(FIRST_IDENTIFIER_AT);
  const all = attributesOf(unit, command.cdb[PARTITION_AT] as number);
  const selected = all.filter(({ identifier }) => identifier >= first);
  // SPC-4: one that is asked for by its identifier has to be there.
  if (first === 0 || selected[0]?.identifier === first) return selected;
  invalidFieldInCdb(command, FIRST_IDENTIFIER_AT);
  return null;
}

/** There is one logical volume, and the partitions that it has. */
function isOfVolume(command: CommandSlot, unit: LogicalUnit): boolean {
  const partitionCount = tapeOf(unit).facts?.partitions.length ?? 1;
  if (command.cdb[VOLUME_AT] !== 0) invalidFieldInCdb(command, VOLUME_AT);
  else if ((command.cdb[PARTITION_AT] as number) >= partitionCount) invalidFieldInCdb(command, PARTITION_AT);
  else return true;
  return false;
}

function encodeAttribute({ identifier, isReadOnly, format, value }: MediumAttribute): Uint8Array {
  const bytes = new Uint8Array(ATTRIBUTE_HEADER_LENGTH + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, identifier);
  bytes[2] = (isReadOnly ? READ_ONLY_BIT : 0) | format;
  view.setUint16(3, value.length);
  bytes.set(value, ATTRIBUTE_HEADER_LENGTH);
  return bytes;
}

function returnList(command: CommandSlot, parts: readonly Uint8Array[]): void {
  const body = Buffer.concat(parts);
  const header = new Uint8Array(LIST_HEADER_LENGTH);
  new DataView(header.buffer).setUint32(0, body.length);
  returnData(command, Buffer.concat([header, body]), command.cdbView.getUint32(LENGTH_AT));
}

const identifierBytes = (identifier: number) => Uint8Array.of(identifier >> 8, identifier & ALL_BITS);

/** First number and how many: of logical volumes or partitions. */
function returnCount(command: CommandSlot, count: number): void {
  returnData(command, Uint8Array.of(0, 2, 0, count), command.cdbView.getUint32(LENGTH_AT));
}

export const readAttributeRows: readonly UnitCommandRow[] = [
  withFreshFacts({
    ...readCommon,
    serviceAction: 0x00,
    name: 'READ ATTRIBUTE, attribute values',
    cdbUsage: usage(0x00),
    execute(command, unit) {
      const attributes = select(command, unit);
      if (attributes !== null) returnList(command, attributes.map(encodeAttribute));
    },
  }),
  withFreshFacts({
    ...readCommon,
    serviceAction: 0x01,
    name: 'READ ATTRIBUTE, attribute list',
    cdbUsage: usage(0x01),
    execute(command, unit) {
      const attributes = select(command, unit);
      if (attributes !== null)
        returnList(
          command,
          attributes.map(({ identifier }) => identifierBytes(identifier)),
        );
    },
  }),
  {
    ...readCommon,
    serviceAction: 0x02,
    name: 'READ ATTRIBUTE, logical volume list',
    cdbUsage: usage(0x02),
    execute: (command) => returnCount(command, 1),
  },
  {
    ...readCommon,
    serviceAction: 0x03,
    name: 'READ ATTRIBUTE, partition list',
    cdbUsage: usage(0x03),
    execute: (command, unit) => returnCount(command, tapeOf(unit).facts?.partitions.length ?? 0),
  },
  {
    ...readCommon,
    serviceAction: 0x05,
    name: 'READ ATTRIBUTE, supported attributes',
    cdbUsage: usage(0x05),
    execute(command) {
      const identifiers = [...deviceAttributeIdentifiers, ...hostFields.map(({ identifier }) => identifier)];
      returnList(command, identifiers.map(identifierBytes));
    },
  },
];

interface HostField {
  readonly identifier: number;
  readonly lengthMax: number;
  readonly format: AttributeFormat;
}

const { binary, ascii, text } = AttributeFormat;

/** Host type attributes, SPC-4 "Host type attributes", by ascending identifier. */
const hostFields: readonly HostField[] = [
  { identifier: 0x0800, lengthMax: 8, format: ascii },
  { identifier: 0x0801, lengthMax: 32, format: ascii },
  { identifier: 0x0802, lengthMax: 8, format: ascii },
  { identifier: 0x0803, lengthMax: 160, format: text },
  { identifier: 0x0804, lengthMax: 12, format: ascii },
  { identifier: 0x0805, lengthMax: 1, format: binary },
  { identifier: 0x0806, lengthMax: 32, format: ascii },
  { identifier: 0x0807, lengthMax: 80, format: text },
  { identifier: 0x0808, lengthMax: 160, format: text },
  { identifier: 0x0809, lengthMax: 16, format: ascii },
  { identifier: 0x080a, lengthMax: 1, format: binary },
  { identifier: 0x080b, lengthMax: 16, format: ascii },
  { identifier: 0x080c, lengthMax: 1024, format: binary },
  { identifier: 0x0820, lengthMax: 36, format: binary },
  { identifier: 0x0821, lengthMax: 36, format: binary },
];
/** Vendor specific ones of hosts: any format. */
const VENDOR_FIELDS = { from: 0x1400, to: 0x17ff, lengthMax: 1024 } as const;

/*
 * WRITE ATTRIBUTE, SPC-4 "WRITE ATTRIBUTE command".
 *
 *     0| 0x8d | . WTC | Restricted (3) | LOGICAL VOLUME NUMBER | . | PARTITION NUMBER | . (2) | PARAMETER LIST LENGTH (4) | . | CONTROL |
 *
 * The list has a length of four bytes in front of its attributes.
 */
export const writeAttributeRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x8d,
  name: 'WRITE ATTRIBUTE',
  clause: 'SPC-4 "WRITE ATTRIBUTE command"',
  cdbLength: 16,
  cdbUsage: [0x8d, 0x01, 0x00, 0x00, 0x00, ALL_BITS, 0x00, ALL_BITS, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  plan(command, unit) {
    if (!isOfVolume(command, unit) || !admitsWriting(command, unit)) return;
    planParameterList(command, command.cdbView.getUint32(LENGTH_AT), LENGTH_AT);
  },
  execute(command, unit, _nexus, deferral) {
    if (command.plannedDataOutLength === 0) return;
    const changes = readList(command, parameterListOf(command), command.cdb[PARTITION_AT] as number);
    if (changes !== null) write(command, unit, deferral, changes);
  },
};

function write(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, changes: readonly TapeAttribute[]): void {
  runOnTape(command, unit, deferral, async (drive) => {
    const { fault } = await drive.call('writeAttributes', changes);
    if (fault?.kind === 'attributes') checkCondition(command, SenseKey.illegalRequest, Asc.auxiliaryMemoryOutOfSpace);
    else if (fault !== null) endWithFault(command, fault);
  });
}

/** By ascending identifier; null when the command has ended, and then nothing is written. */
function readList(command: CommandSlot, list: Uint8Array, partition: number): TapeAttribute[] | null {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  if (list.length < LIST_HEADER_LENGTH || list.length < command.plannedDataOutLength) return ended(() => parameterListLengthError(command));
  if (view.getUint32(0) !== list.length - LIST_HEADER_LENGTH) return ended(() => invalidFieldInParameterList(command, 0));
  const changes: TapeAttribute[] = [];
  for (let at = LIST_HEADER_LENGTH; at < list.length; ) {
    if (at + ATTRIBUTE_HEADER_LENGTH > list.length) return ended(() => parameterListLengthError(command));
    const identifier = view.getUint16(at);
    const format = (list[at + 2] as number) & 0x03;
    const length = view.getUint16(at + 3);
    const end = at + ATTRIBUTE_HEADER_LENGTH + length;
    const field = fieldOf(identifier, format);
    const isInOrder = identifier > (changes.at(-1)?.identifier ?? -1);
    if (field === undefined || !isInOrder) return ended(() => invalidFieldInParameterList(command, at));
    if (field.format !== format) return ended(() => invalidFieldInParameterList(command, at + 2));
    if (length > field.lengthMax) return ended(() => invalidFieldInParameterList(command, at + 3));
    if (end > list.length) return ended(() => parameterListLengthError(command));
    changes.push({ partition, identifier, format: field.format, value: list.slice(at + ATTRIBUTE_HEADER_LENGTH, end) });
    at = end;
  }
  return changes;
}

function fieldOf(identifier: number, format: number): HostField | undefined {
  if (identifier >= VENDOR_FIELDS.from && identifier <= VENDOR_FIELDS.to) {
    return { identifier, lengthMax: VENDOR_FIELDS.lengthMax, format: Math.min(format, text) as AttributeFormat };
  }
  return hostFields.find((field) => field.identifier === identifier);
}

function ended(end: () => void): null {
  end();
  return null;
}
