import { assert } from '../../../errors.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { CommandFlag } from '../../../shm/layout.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import { ALL_BITS } from '../../cdb.js';
import { type MediumCommandRow, VARIABLE_LENGTH_OPCODE } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Medium, MediumProtection } from '../../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { CDB_32_FLAGS_AT, ignoredTags } from '../variable-length.js';
import type { ProtectionChecks } from './protection-checks.js';

/** RDPROTECT, WRPROTECT, VRPROTECT and ORPROTECT: the three bits before the other flags. */
const PROTECT_BITS = 0xe0;
const PROTECT_SHIFT = 5;
const PROTECT_BIT = 7;
const PROTECT_MAX = 0b101;
const FLAGS_AT = 1;
/** Of the 32-byte commands that tell what tags to expect, see `variable-length.ts`. */
const REFERENCE_TAG_AT = 20;
const APPLICATION_TAG_AT = 24;
const APPLICATION_TAG_MASK_AT = 26;

/** The CRC of a block takes as long as so many copies of it, measured on 64 KiB out of shared memory: from some length on it is for workers. */
const COPIES_PER_CHECK = 7;

/** Where a command says what is to be done with protection information. */
export interface ProtectForm {
  /** Null for the 6-byte commands, which cannot say it. */
  readonly flagsAt: number | null;
  /** It tells what tags to expect: type 2 is served by such commands alone, and they serve no other type. */
  readonly hasTags: boolean;
}

function protectFormOf(row: MediumCommandRow): ProtectForm {
  if (row.opcode === VARIABLE_LENGTH_OPCODE) return { flagsAt: CDB_32_FLAGS_AT, hasTags: row.cdbIgnored === ignoredTags };
  return { flagsAt: row.cdbLength === 6 ? null : FLAGS_AT, hasTags: false };
}

/** 000b: no protection information travels. All other values: it follows each block. */
export function protectOf(command: CommandSlot, { flagsAt }: ProtectForm): number {
  return flagsAt === null ? 0 : (command.cdb[flagsAt] as number) >> PROTECT_SHIFT;
}

export function protectionOf(medium: Medium): MediumProtection {
  assert(medium.protection !== null, 'a command of units with protection information has come to one without');
  return medium.protection;
}

/** Bytes of a logical block as this command transfers it. */
export function transferBlockBytes(command: CommandSlot, medium: Medium, form: ProtectForm): number {
  return medium.blockLengthBytes + (protectOf(command, form) === 0 ? 0 : PROTECTION_LENGTH_BYTES);
}

/** Whether the command can be served with what it says of protection information; otherwise it has ended. SBC-3 "Protection types". */
function admits(command: CommandSlot, medium: Medium, form: ProtectForm): boolean {
  const { type } = protectionOf(medium);
  const protect = protectOf(command, form);
  if (form.hasTags ? type !== 2 : type === 2 && protect !== 0) checkCondition(command, SenseKey.illegalRequest, Asc.invalidCommandOperationCode);
  else if (protect > PROTECT_MAX) invalidFieldInCdb(command, form.flagsAt as number, PROTECT_BIT);
  else return true;
  return false;
}

/** What differs for blocks with protection information. */
export interface ProtectedBehaviour {
  /** In place of the row's own plan, for commands that hold the transfer against its expected length. */
  readonly plan?: (command: CommandSlot, medium: Medium, form: ProtectForm, unit: LogicalUnit) => void;
  readonly execute: (command: CommandSlot, medium: Medium, form: ProtectForm) => void;
}

/** A medium command as units with protection information have it. */
export function protectedRow(row: MediumCommandRow, { plan, execute }: ProtectedBehaviour): MediumCommandRow {
  const form = protectFormOf(row);
  const { cdbIgnored, ...common } = row;
  return {
    ...common,
    ...(cdbIgnored === undefined || form.hasTags ? {} : { cdbIgnored }),
    cdbUsage: row.cdbUsage.map((bits, at) => (at === form.flagsAt ? bits | PROTECT_BITS : form.hasTags && isOfTags(at) ? ALL_BITS : bits)),
    ...(form.hasTags ? { isSupported: ({ medium }) => medium === null || medium.protection?.type === 2 } : {}),
    plan(command, medium, unit) {
      if (!admits(command, medium, form)) return;
      if (plan !== undefined) {
        plan(command, medium, form, unit);
        return;
      }
      row.plan(command, medium, unit);
      if (command.status === ScsiStatus.good && protectOf(command, form) !== 0) countProtection(command, medium);
    },
    storeBytes: (command, medium) => command.lbaCount * medium.blockLengthBytes * COPIES_PER_CHECK,
    execute: (command, medium) => execute(command, medium, form),
  };
}

function isOfTags(at: number): boolean {
  return (ignoredTags[at] as number) !== 0;
}

/** What is planned are blocks: each has its protection information behind it. */
function countProtection(command: CommandSlot, { blockLengthBytes }: Medium): void {
  const withProtection = (lengthBytes: number) => (lengthBytes / blockLengthBytes) * (blockLengthBytes + PROTECTION_LENGTH_BYTES);
  command.plannedDataOutLength = withProtection(command.plannedDataOutLength);
  command.plannedDataInLength = withProtection(command.plannedDataInLength);
}

interface CheckedFields {
  readonly guard: boolean;
  readonly applicationTag: boolean;
  readonly referenceTag: boolean;
}

const ALL_FIELDS: CheckedFields = { guard: true, applicationTag: true, referenceTag: true };
const NO_FIELDS: CheckedFields = { guard: false, applicationTag: false, referenceTag: false };

/** Which fields are checked by the value of RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT, whose tables agree. SBC-3 "READ (10) command". */
const checkedFields: readonly CheckedFields[] = [
  ALL_FIELDS,
  ALL_FIELDS,
  { guard: false, applicationTag: true, referenceTag: true },
  NO_FIELDS,
  { guard: true, applicationTag: false, referenceTag: false },
  ALL_FIELDS,
];

/** What blocks of the medium, or blocks that come for it, are held against. */
export function checksOf(command: CommandSlot, medium: Medium, form: ProtectForm, of: 'medium' | 'data-out'): ProtectionChecks {
  const { type } = protectionOf(medium);
  const protect = protectOf(command, form);
  const isUnchecked = protect === 0 && (command.flags & CommandFlag.uncheckedAlone) !== 0;
  const { guard, applicationTag, referenceTag } = isUnchecked ? NO_FIELDS : (checkedFields[protect] as CheckedFields);
  const tellsApplicationTag = applicationTag && form.hasTags;
  return {
    checksGuard: guard,
    referenceTag: referenceTag ? knownReferenceTag(command, type, form) : null,
    applicationTag: tellsApplicationTag ? command.cdbView.getUint16(APPLICATION_TAG_AT) : 0,
    applicationTagMask: tellsApplicationTag ? command.cdbView.getUint16(APPLICATION_TAG_MASK_AT) : 0,
    escapesOf: of === 'medium' ? type : 0,
  };
}

/** With type 1 it is the LBA, with type 2 what the command says, and with type 3 it belongs to initiators. */
function knownReferenceTag(command: CommandSlot, type: MediumProtection['type'], { hasTags }: ProtectForm): number | null {
  if (type === 1) return command.lba;
  return type === 2 && hasTags ? command.cdbView.getUint32(REFERENCE_TAG_AT) : null;
}
