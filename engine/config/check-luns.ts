import { deviceKindNamed, deviceKinds } from '../devices/registry.js';
import { formatByteSize } from './byte-size.js';
import { DEFAULT_BLOCK_LENGTH_BYTES } from './lun-document.js';
import { type ConfigPath, type ConfigProblem, formatPath } from './problem.js';
import type { Draft, DraftLun, DraftTarget } from './read-draft.js';
import { diskLunShape } from './schema.js';

/** The rules that tie the keys of one LUN together, and the LUNs of one target. */

/** Protection types that the disk serves. Whoever asks for another is refused before anything is opened. */
const PROTECTION_TYPES_SERVED: readonly number[] = [1, 2, 3];
/** SBC-3 "READ CAPACITY (16) parameter data": the exponent has four bits. */
const PHYSICAL_BLOCK_RATIO_MAX = 2 ** 15;
const EXACT_INTEGER_MAX = 2 ** 53;

export function checkLuns(target: DraftTarget, targetPath: ConfigPath, problems: ConfigProblem[]): void {
  const firstIndex = new Map<number, number>();
  for (const [index, lun] of (target.luns ?? []).entries()) {
    if (lun === undefined) continue;
    const path = [...targetPath, 'luns', index];
    if (lun.lun !== undefined) {
      const first = firstIndex.get(lun.lun);
      if (first === undefined) firstIndex.set(lun.lun, index);
      else invalid(problems, [...path, 'lun'], `LUN ${lun.lun} is there twice, first as ${formatPath([...targetPath, 'luns', first])}`);
    }
    if (lun.store?.kind === 'device') {
      checkDevice(lun, lun.store, path, problems);
      continue;
    }
    checkDiskKeys(lun, path, problems);
    checkStore(lun, path, problems);
    checkPhysicalBlocks(lun, path, problems);
    checkProvisioning(lun, path, problems);
    checkProtection(lun, path, problems);
  }
}

/** Initiators take what has the same name for the same disk over another path, and mix the two. */
export function checkUnitNames(draft: Draft, problems: ConfigProblem[]): void {
  const firstUses = new Map<string, ConfigPath>();
  for (const [targetIndex, target] of (draft.targets ?? []).entries()) {
    for (const [lunIndex, lun] of (target?.luns ?? []).entries()) {
      if (lun?.naa === undefined) continue;
      const path = ['targets', targetIndex, 'luns', lunIndex];
      const first = firstUses.get(lun.naa);
      if (first === undefined) firstUses.set(lun.naa, path);
      else invalid(problems, [...path, 'naa'], `${lun.naa} names ${formatPath(first)} already; two disks must not have one name`);
    }
  }
}

function invalid(problems: ConfigProblem[], path: ConfigPath, message: string): void {
  problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message });
}

const COMMON_KEYS: readonly string[] = ['lun', 'store', 'readonly', 'execution', 'naa', 'serial', 'vendor', 'product'];

/** Options of a device are those of its kind and nothing else. */
function checkDevice(lun: DraftLun, { device, source }: { device: string; source: string }, path: ConfigPath, problems: ConfigProblem[]): void {
  const kind = deviceKindNamed(device);
  for (const key of Object.keys(lun)) {
    if (COMMON_KEYS.includes(key) || Object.hasOwn(kind.options, key)) continue;
    const own = Object.keys(kind.options).join(', ');
    invalid(problems, [...path, key], `${key} is no option of ${kind.form}${own === '' ? '' : `, which has ${own}`}`);
  }
  for (const { key, message } of kind.check?.({ kind: device, source, options: lun }, lun.readonly === true) ?? []) invalid(problems, [...path, key], message);
}

/** What only other kinds of devices have is told here, where it is known that this is a disk. */
function checkDiskKeys(lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  for (const key of Object.keys(lun)) {
    if (Object.hasOwn(diskLunShape, key)) continue;
    const owners = deviceKinds.filter(({ options }) => Object.hasOwn(options, key)).map(({ name }) => `${name}:`);
    invalid(problems, [...path, key], `${key} belongs to ${owners.join(' and ')} LUNs; this one is a disk`);
  }
}

function checkStore(lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  const { store } = lun;
  if (store === undefined || store.kind === 'device') return;
  if (store.kind === 'file') {
    if (lun.size !== undefined) checkSize(lun.size, lun, [...path, 'size'], problems);
    if (lun.direct === true && !isPowerOfTwo(blockLengthOf(lun))) {
      const message = `direct needs blocks that are sectors of a device, of 512 or 4096 bytes; found blocks of ${blockLengthOf(lun)} bytes`;
      invalid(problems, [...path, 'direct'], message);
    }
    return;
  }
  checkSize(store.sizeBytes, lun, [...path, 'store'], problems);
  if (lun.size !== undefined) invalid(problems, [...path, 'size'], `size belongs to file: stores; ${store.kind}:SIZE has its own`);
  if (lun.direct !== undefined) invalid(problems, [...path, 'direct'], `direct belongs to file: stores; ${store.kind}: opens no file`);
}

function blockLengthOf(lun: DraftLun): number {
  return lun['block-size'] ?? DEFAULT_BLOCK_LENGTH_BYTES;
}

function checkSize(sizeBytes: number, lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  const blockLengthBytes = blockLengthOf(lun);
  if (sizeBytes % blockLengthBytes !== 0) {
    const next = formatByteSize(Math.ceil(sizeBytes / blockLengthBytes) * blockLengthBytes);
    invalid(problems, path, `expected a multiple of the block size of ${blockLengthBytes} bytes, found ${BigInt(sizeBytes)} bytes; the next one is ${next}`);
    return;
  }
  const sizeBytesMax = addressableBytes(blockLengthBytes);
  if (sizeBytes <= sizeBytesMax) return;
  const message = `expected at most ${formatByteSize(sizeBytesMax)} of blocks of ${blockLengthBytes} bytes, found ${formatByteSize(sizeBytes)}`;
  invalid(problems, path, `${message}; larger blocks reach further`);
}

/** Every block has a number and a position that are exact as doubles: positions are multiples of the power of two within the block length. */
function addressableBytes(blockLengthBytes: number): number {
  return EXACT_INTEGER_MAX * (blockLengthBytes & -blockLengthBytes);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

function checkPhysicalBlocks(lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  const physicalBytes = lun['physical-block-size'];
  if (physicalBytes === undefined) return;
  const blockLengthBytes = blockLengthOf(lun);
  const ratio = physicalBytes / blockLengthBytes;
  if (ratio >= 1 && ratio <= PHYSICAL_BLOCK_RATIO_MAX && isPowerOfTwo(ratio)) return;
  const message = `expected the block size of ${blockLengthBytes} bytes or a power of two times it, such as ${formatByteSize(8 * blockLengthBytes)}`;
  invalid(problems, [...path, 'physical-block-size'], `${message}; found ${formatByteSize(physicalBytes)}`);
}

function checkProvisioning(lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  const { store, thin } = lun;
  if (thin === true && store?.kind === 'null') invalid(problems, [...path, 'thin'], 'null: keeps nothing, so that there is nothing to give back');
  for (const key of ['space', 'threshold'] as const) {
    if (lun[key] === undefined) continue;
    if (thin === false) invalid(problems, [...path, key], `${key} belongs to thin units; thin is false here`);
    else if (store?.kind === 'null') invalid(problems, [...path, key], `${key} belongs to thin units; null: is none`);
  }
  if (lun.readonly !== true) return;
  for (const key of ['space', 'threshold'] as const) {
    if (lun[key] !== undefined) invalid(problems, [...path, key], `${key} is about what writes take, and the LUN is readonly`);
  }
}

function checkProtection(lun: DraftLun, path: ConfigPath, problems: ConfigProblem[]): void {
  const { pi } = lun;
  if (pi === undefined || PROTECTION_TYPES_SERVED.includes(pi)) return;
  invalid(problems, [...path, 'pi'], `protection information of type ${pi} is not served by this version; leave pi out`);
}
