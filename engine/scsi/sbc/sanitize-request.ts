import type { CommandSlot } from '../../shm/command-slot.js';
import { invalidFieldInParameterList, parameterListLengthError } from '../sense.js';
import type { StateValue } from '../unit-host.js';
import { fillBlock } from './background-work.js';
import type { RewriteContent } from './rewrite-medium.js';

/** What a SANITIZE command asks for, as it is kept until it is done. */
export interface SanitizeRequest {
  /** Null erases; otherwise what is written over the data. */
  readonly overwrite: OverwriteRequest | null;
  /** AUSE: when it fails, EXIT FAILURE MODE makes the medium accessible. */
  readonly allowsUnrestrictedExit: boolean;
}

export interface OverwriteRequest {
  readonly pattern: Uint8Array;
  readonly count: number;
  /** The bits change between one pass and the next. */
  readonly invert: boolean;
}

/** How far it is; `passIndex` of as many passes as there are. */
export interface SanitizeMark {
  readonly passIndex: number;
  readonly lba: number;
}

/** What is kept over restarts. */
export interface KeptSanitize {
  readonly request: SanitizeRequest;
  readonly mark: SanitizeMark;
  readonly failed: boolean;
}

/*
 * Parameter list of the OVERWRITE service action, SBC-3 "SANITIZE command with OVERWRITE service action".
 *
 *     0| INVERT . TEST (2) . OVERWRITE COUNT (5) | Reserved | INITIALIZATION PATTERN LENGTH |
 *     4| INITIALIZATION PATTERN                                                             |
 */
export const OVERWRITE_HEADER_LENGTH = 4;
const INVERT_BIT = 0x80;
const TEST_BITS = 0x60;
const TEST_BIT = 6;
const OVERWRITE_COUNT_BITS = 0x1f;
const OVERWRITE_COUNT_BIT = 4;
const OVERWRITE_COUNT_MAX = 31;
const PATTERN_LENGTH_AT = 2;

/** What an OVERWRITE parameter list asks for, or null when it has ended the command. */
export function readOverwriteList(command: CommandSlot, list: Uint8Array, blockLengthBytes: number): OverwriteRequest | null {
  if (list.length <= OVERWRITE_HEADER_LENGTH) return refused(() => parameterListLengthError(command));
  const flags = list[0] as number;
  const count = flags & OVERWRITE_COUNT_BITS;
  const patternLength = ((list[PATTERN_LENGTH_AT] as number) << 8) | (list[PATTERN_LENGTH_AT + 1] as number);
  // Other values are a vendor's own.
  if ((flags & TEST_BITS) !== 0) return refused(() => invalidFieldInParameterList(command, 0, TEST_BIT));
  if (count === 0) return refused(() => invalidFieldInParameterList(command, 0, OVERWRITE_COUNT_BIT));
  if (list[1] !== 0) return refused(() => invalidFieldInParameterList(command, 1));
  if (patternLength === 0 || patternLength > blockLengthBytes) return refused(() => invalidFieldInParameterList(command, PATTERN_LENGTH_AT));
  if (list.length < OVERWRITE_HEADER_LENGTH + patternLength) return refused(() => parameterListLengthError(command));
  const pattern = list.slice(OVERWRITE_HEADER_LENGTH, OVERWRITE_HEADER_LENGTH + patternLength);
  return { pattern: Uint8Array.from(pattern), count, invert: (flags & INVERT_BIT) !== 0 };
}

function refused(end: () => void): null {
  end();
  return null;
}

export function passCountOf({ overwrite }: SanitizeRequest): number {
  return overwrite?.count ?? 1;
}

/** What one pass writes: with INVERT they alternate such that the last leaves the pattern as it was given. */
export function contentOfPass({ overwrite }: SanitizeRequest, passIndex: number, blockLengthBytes: number): RewriteContent {
  if (overwrite === null) return { kind: 'erased' };
  const inverted = overwrite.invert && (overwrite.count - passIndex) % 2 === 0;
  const block = fillBlock(overwrite.pattern, blockLengthBytes);
  return { kind: 'block', block: inverted ? block.map((byte) => ~byte) : block };
}

export function encodeSanitize({ request, mark, failed }: KeptSanitize): StateValue {
  const { overwrite, allowsUnrestrictedExit } = request;
  const kept = overwrite === null ? null : { pattern: Buffer.from(overwrite.pattern).toString('hex'), count: overwrite.count, invert: overwrite.invert };
  return { overwrite: kept, allowsUnrestrictedExit, passIndex: mark.passIndex, lba: mark.lba, failed };
}

/** What was kept, or null when it makes no sense. */
export function decodeSanitize(value: StateValue): KeptSanitize | null {
  if (!isRecord(value)) return null;
  const { allowsUnrestrictedExit, passIndex, lba, failed } = value;
  const overwrite = value['overwrite'] === null ? null : decodeOverwrite(value['overwrite']);
  if (overwrite === undefined || typeof allowsUnrestrictedExit !== 'boolean' || typeof failed !== 'boolean') return null;
  if (!isCount(passIndex) || !isCount(lba) || passIndex >= (overwrite?.count ?? 1)) return null;
  return { request: { overwrite, allowsUnrestrictedExit }, mark: { passIndex, lba }, failed };
}

function decodeOverwrite(value: StateValue | undefined): OverwriteRequest | undefined {
  if (value === undefined || !isRecord(value)) return undefined;
  const { pattern, count, invert } = value;
  if (typeof pattern !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(pattern) || !isCount(count) || typeof invert !== 'boolean') return undefined;
  if (count === 0 || count > OVERWRITE_COUNT_MAX) return undefined;
  return { pattern: Uint8Array.from(Buffer.from(pattern, 'hex')), count, invert };
}

function isRecord(value: StateValue): value is { readonly [key: string]: StateValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: StateValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
