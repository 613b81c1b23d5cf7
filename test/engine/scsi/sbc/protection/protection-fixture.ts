import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../../engine/scsi/logical-unit.js';
import { crc16T10 } from '../../../../../engine/scsi/sbc/protection/crc16.js';
import type { CommandSlot } from '../../../../../engine/shm/command-slot.js';
import { ProtectedStore } from '../../../../../engine/store/protected-store.js';
import { MemoryStore } from '../../memory-store.js';
import { assertCheck, BLOCK, informationOf, makeUnit, type UnitOptions } from '../../scsi-fixture.js';

export const PROTECTED_BLOCKS = 1024;
export const PI_BYTES = 8;
export type Type = 1 | 2 | 3;
export const types: readonly Type[] = [1, 2, 3];

/** A unit with protection information, its data and what is stored of the other. */
export interface ProtectedScene {
  readonly unit: LogicalUnit;
  readonly data: MemoryStore;
  readonly beside: MemoryStore;
  readonly store: ProtectedStore;
}

export function makeScene(type: Type, options: UnitOptions & { readonly durability?: 'none' | 'process' } = {}): ProtectedScene {
  const { blockLengthBytes = BLOCK, durability = 'none', ...rest } = options;
  const data = new MemoryStore(PROTECTED_BLOCKS * blockLengthBytes, { durability });
  const beside = new MemoryStore(PROTECTED_BLOCKS * PI_BYTES, { durability });
  beside.bytes.fill(0);
  const store = new ProtectedStore(data, beside, blockLengthBytes);
  return { unit: makeUnit({ ...rest, store, blockLengthBytes, protectionType: type }), data, beside, store };
}

export interface Tags {
  readonly applicationTag: number;
  readonly referenceTag: number;
}

/** Protection information of one block, whose guard may be spoiled. */
export function protectionOf(block: Uint8Array, { applicationTag, referenceTag }: Tags, guardError = 0): Uint8Array {
  const bytes = Buffer.alloc(PI_BYTES);
  bytes.writeUInt16BE(crc16T10(block, 0, block.length) ^ guardError, 0);
  bytes.writeUInt16BE(applicationTag, 2);
  bytes.writeUInt32BE(referenceTag % 2 ** 32, 4);
  return bytes;
}

export const patternBlock = (seed: number, blockLengthBytes = BLOCK) =>
  Uint8Array.from({ length: blockLengthBytes }, (_, at) => (at * 5 + seed * 31 + (at >> 8)) & 0xff);

/** Blocks as they travel, each with the tags that `tagsOf` answers for its index. */
export function travelling(blocks: readonly Uint8Array[], tagsOf: (index: number) => Tags): Uint8Array {
  return Buffer.concat(blocks.flatMap((block, index) => [block, protectionOf(block, tagsOf(index))]));
}

/** What is kept beside a block, as the standard sees it. */
export function keptProtection(scene: ProtectedScene, lba: number, count = 1): Uint8Array {
  const bytes = new Uint8Array(count * PI_BYTES);
  assert.is(scene.store.readProtection(bytes, 0, lba, count), bytes.length);
  return bytes;
}

/** Sets what is kept beside a block. */
export function keepProtection(scene: ProtectedScene, lba: number, protection: Uint8Array): void {
  for (const [at, byte] of protection.entries()) scene.beside.bytes[lba * PI_BYTES + at] = ~byte;
}

const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** Flags with the three bits of a PROTECT field before them. */
export const flagsOf = (protect: number, flags = 0) => hexOf((protect << 5) | flags, 2);
export const cdb10 = (opcode: string, protect: number, lba: number, count: number, flags = 0) =>
  `${opcode} ${flagsOf(protect, flags)} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`;
export const cdb12 = (opcode: string, protect: number, lba: number, count: number, flags = 0) =>
  `${opcode} ${flagsOf(protect, flags)} ${hexOf(lba, 8)} ${hexOf(count, 8)} 00 00`;
export const cdb16 = (opcode: string, protect: number, lba: number, count: number, flags = 0) =>
  `${opcode} ${flagsOf(protect, flags)} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`;

export interface ExpectedTags extends Tags {
  readonly mask: number;
}
export function cdb32(action: string, protect: number, lba: number, count: number, tags: ExpectedTags, flags = 0): string {
  const expectation = `${hexOf(tags.referenceTag, 8)} ${hexOf(tags.applicationTag, 4)} ${hexOf(tags.mask, 4)}`;
  return `7f 00 00 00 00 00 00 18 ${action} ${flagsOf(protect, flags)} 00 ${hexOf(lba, 16)} ${expectation} ${hexOf(count, 8)}`;
}

/** ABORTED COMMAND at this block, because of its `guard`, `application` or `reference` tag. */
export function assertProtectionFault(command: CommandSlot, field: 'guard' | 'application' | 'reference', lba: number, key = '0b'): void {
  assertCheck(command, `${key}/10/${{ guard: '01', application: '02', reference: '03' }[field]}`);
  if (key === '0b') assert.is(informationOf(command), lba);
}
