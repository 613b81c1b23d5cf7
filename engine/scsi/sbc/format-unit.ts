import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { Medium, ProtectionType } from '../medium.js';
import { parameterListOf } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../sense.js';
import { fillBlock, isWritable, LateAnswer } from './background-work.js';
import { FormatOperation } from './format-operation.js';
import type { RewriteContent } from './rewrite-medium.js';

/*
 * FORMAT UNIT, SBC-3 "FORMAT UNIT command".
 *
 *     0| 0x04 | FMTPINFO (2) . LONGLIST . FMTDATA . CMPLST . DEFECT LIST FORMAT (3) |
 *     2| Vendor specific | Obsolete (2) | Control                                   |
 */
const FMTPINFO_SHIFT = 6;
const FMTPINFO_BIT = 7;
const LONGLIST_BIT = 0x20;
const FMTDATA_BIT = 0x10;
const DEFECT_LIST_FORMAT_BITS = 0x07;
const DEFECT_LIST_FORMAT_BIT = 2;
/** Short block, long block, bytes from index and physical sector: all of them can say that there is no defect. */
const DEFECT_LIST_FORMATS: readonly number[] = [0b000, 0b011, 0b100, 0b101];

/*
 * Parameter list, SBC-3 "FORMAT UNIT parameter list": its header, an initialization pattern descriptor where IP is set, and the defect list.
 *
 *     0| Reserved . PROTECTION FIELD USAGE (3) | FOV DPRY DCRT STPF IP . IMMED . | short: DEFECT LIST LENGTH (2)                              |
 *     2| Reserved                              | P_I_INFORMATION . PROTECTION INTERVAL EXPONENT | long: DEFECT LIST LENGTH (4)               |
 */
const SHORT_HEADER_LENGTH = 4;
const LONG_HEADER_LENGTH = 8;
const PROTECTION_FIELD_USAGE_BITS = 0x07;
const FOV_BIT = 0x80;
const OPTIONS_BITS = 0x78;
const OPTIONS_BIT = 6;
const IP_BIT = 0x08;
const IMMED_BIT = 0x02;
const KNOWN_OPTIONS_BITS = 0xfb;
const OBSOLETE_BIT = 2;
const PROTECTION_INTERVAL_AT = 3;

/*
 * Initialization pattern descriptor, SBC-3 "Initialization pattern descriptor".
 *
 *     0| Obsolete (2) . SI . Reserved | INITIALIZATION PATTERN TYPE | INITIALIZATION PATTERN LENGTH | pattern
 */
const PATTERN_HEADER_LENGTH = 4;
const SECURITY_INITIALIZE_BIT = 0x20;
const PATTERN_DEFAULT = 0x00;
const PATTERN_REPEAT = 0x01;

const HOURS_SECONDS = 3600;
const ZEROS: RewriteContent = { kind: 'erased' };

interface FormatRequest {
  readonly content: RewriteContent;
  readonly answersAtOnce: boolean;
}

export const formatUnitRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x04,
  name: 'FORMAT UNIT',
  clause: 'SBC-3 "FORMAT UNIT command"',
  cdbLength: 6,
  cdbUsage: [0x04, ALL_BITS, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  // The vendor's own byte and what was the interleave once: whatever they say, the format is the same.
  cdbIgnored: [0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, 0x00],
  timeoutSeconds: { nominal: HOURS_SECONDS, recommended: 24 * HOURS_SECONDS },
  plan(command, unit) {
    if (!isWritable(command, unit)) return;
    const flags = command.cdb[1] as number;
    const hasParameters = (flags & FMTDATA_BIT) !== 0;
    const defectListFormat = flags & DEFECT_LIST_FORMAT_BITS;
    if (hasParameters ? !DEFECT_LIST_FORMATS.includes(defectListFormat) : defectListFormat !== 0) {
      return invalidFieldInCdb(command, 1, DEFECT_LIST_FORMAT_BIT);
    }
    if (!hasParameters) return;
    // The CDB tells no length: the list is as long as what comes, and a pattern is a block at most.
    const lengthBytesMax = LONG_HEADER_LENGTH + PATTERN_HEADER_LENGTH + (unit.medium?.blockLengthBytes ?? 0);
    command.plannedDataOutLength = Math.min(command.expectedDataOutLength, lengthBytesMax);
  },
  execute(command, unit, _nexus, deferral) {
    const { medium } = unit;
    if (medium === null) return;
    const request = readRequest(command, medium);
    if (request === null) return;
    const operation = unit.part(FormatOperation);
    // Where the answer has been given already, an abort finds nothing to stop.
    const answer = new LateAnswer(deferral, () => operation.cancel());
    const onStarted = () => {
      if (request.answersAtOnce) answer.give(() => {});
    };
    void operation.start(request.content, onStarted).then((outcome) =>
      answer.give(() => {
        if (outcome === 'unsaved') checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
        else if (outcome === 'failed') checkCondition(command, SenseKey.mediumError, Asc.formatCommandFailed);
      }),
    );
  },
};

/** Null when it has ended the command. */
function readRequest(command: CommandSlot, medium: Medium): FormatRequest | null {
  const flags = command.cdb[1] as number;
  const formatProtection = flags >> FMTPINFO_SHIFT;
  if ((flags & FMTDATA_BIT) === 0) return isOfMedium(command, medium, formatProtection, 0) ? { content: ZEROS, answersAtOnce: false } : null;
  const list = parameterListOf(command);
  const headerLength = (flags & LONGLIST_BIT) === 0 ? SHORT_HEADER_LENGTH : LONG_HEADER_LENGTH;
  if (list.length < headerLength) return refused(() => parameterListLengthError(command));
  if (!isOfMedium(command, medium, formatProtection, (list[0] as number) & PROTECTION_FIELD_USAGE_BITS)) return null;
  if (!isHeaderLegal(command, list, headerLength)) return null;
  const options = list[1] as number;
  const content = (options & IP_BIT) === 0 ? ZEROS : readPattern(command, list, headerLength, medium.blockLengthBytes);
  return content === null ? null : { content, answersAtOnce: (options & IMMED_BIT) !== 0 };
}

function isHeaderLegal(command: CommandSlot, list: Uint8Array, headerLength: number): boolean {
  const options = list[1] as number;
  const refuse = (byte: number, bit?: number): false => {
    invalidFieldInParameterList(command, byte, bit);
    return false;
  };
  if ((options & ~KNOWN_OPTIONS_BITS) !== 0) return refuse(1, OBSOLETE_BIT);
  // Options that are said not to be valid have to be zero.
  if ((options & FOV_BIT) === 0 && (options & OPTIONS_BITS) !== 0) return refuse(1, OPTIONS_BIT);
  const isLong = headerLength === LONG_HEADER_LENGTH;
  if (isLong && list[PROTECTION_INTERVAL_AT] !== 0) return refuse(PROTECTION_INTERVAL_AT);
  // A store has no places that could be avoided.
  const lengthAt = isLong ? 4 : 2;
  if (list.subarray(lengthAt, headerLength).some((byte) => byte !== 0)) return refuse(lengthAt);
  return true;
}

/** Null when it has ended the command. */
function readPattern(command: CommandSlot, list: Uint8Array, at: number, blockLengthBytes: number): RewriteContent | null {
  if (list.length < at + PATTERN_HEADER_LENGTH) return refused(() => parameterListLengthError(command));
  // To write what no command can address makes no difference here: there is no such block.
  if (((list[at] as number) & ~SECURITY_INITIALIZE_BIT) !== 0) return refused(() => invalidFieldInParameterList(command, at));
  const type = list[at + 1] as number;
  const lengthBytes = ((list[at + 2] as number) << 8) | (list[at + 3] as number);
  if (type !== PATTERN_DEFAULT && type !== PATTERN_REPEAT) return refused(() => invalidFieldInParameterList(command, at + 1));
  const isLengthLegal = type === PATTERN_DEFAULT ? lengthBytes === 0 : lengthBytes > 0 && lengthBytes <= blockLengthBytes;
  if (!isLengthLegal) return refused(() => invalidFieldInParameterList(command, at + 2));
  if (type === PATTERN_DEFAULT) return ZEROS;
  const patternAt = at + PATTERN_HEADER_LENGTH;
  if (list.length < patternAt + lengthBytes) return refused(() => parameterListLengthError(command));
  return { kind: 'block', block: fillBlock(list.subarray(patternAt, patternAt + lengthBytes), blockLengthBytes) };
}

/**
 * Whether FMTPINFO and PROTECTION FIELD USAGE ask for the protection that the unit was made with, as another cannot be had; otherwise the command has
 * ended. SBC-3 "FMTPINFO field and PROTECTION FIELD USAGE field".
 */
function isOfMedium(command: CommandSlot, medium: Medium, formatProtection: number, usage: number): boolean {
  const type = protectionTypeOf(formatProtection, usage);
  if (type === 'illegal-usage') invalidFieldInParameterList(command, 0, 2);
  else if (type !== (medium.shape.protectionType ?? 0)) invalidFieldInCdb(command, 1, FMTPINFO_BIT);
  else return true;
  return false;
}

function protectionTypeOf(formatProtection: number, usage: number): ProtectionType | 'reserved' | 'illegal-usage' {
  if (formatProtection === 0b01) return 'reserved';
  if (formatProtection === 0b11 && usage === 0b001) return 3;
  if (usage !== 0) return 'illegal-usage';
  if (formatProtection === 0b00) return 0;
  return formatProtection === 0b10 ? 1 : 2;
}

function refused(end: () => void): null {
  end();
  return null;
}
