import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, realpathSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { StateLock } from '../../../state/state-lock.js';
import { systemErrorCode } from '../../../store/file-io.js';
import { syncDirectory } from '../../../store/file-open.js';
import { ImageFile } from './image-file.js';
import {
  checkCreation,
  decodeImageHeader,
  encodeImageHeader,
  HEADER_BYTES,
  hasImageMagic,
  IMAGE_ID_BYTES,
  type ImageHeader,
  imageError,
  isImageHeaderWhole,
} from './image-header.js';
import { DATA_OFFSET, HEADER_COPY_OFFSET, SUPERBLOCK_OFFSETS } from './image-layout.js';
import { ImageLock } from './image-lock.js';
import { isCheckpointGood, recoverLog } from './log-recovery.js';
import { MediumMemory } from './medium-memory.js';
import { PartitionLog } from './partition-log.js';
import { decodeSuperblock, encodeSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_COUNT_COUNT, type Superblock, superblockOffset } from './superblock.js';
import { emptyRows, TapeImage } from './tape-image.js';
import type { TapeCreation, TapeImageCode, TapeLoadRequest, TapeServiceOptions } from './tape-service.js';

export interface OpenedImage {
  readonly image: TapeImage;
  readonly wasCreated: boolean;
  readonly wasRecovered: boolean;
  readonly notices: readonly string[];
}

/** An image holds what initiators stored: nobody else's business on this host. */
const IMAGE_MODE = 0o600;
/** Beyond any generation of records that a lost superblock could have known of. */
const GENERATION_MARGIN = 1024;

/** Opens an image, or makes one. Throws `TargetError` with a `TapeImageCode`; then no file was changed. */
export function openImage(request: TapeLoadRequest, options: TapeServiceOptions): OpenedImage {
  const { path, create, readOnly } = request;
  try {
    const wasCreated = !exists(path) && create !== null && makeImage(path, create, options.limits.tapeCapacityBytesMax);
    const realPath = realpathSync(path);
    if (!statSync(realPath).isFile()) throw imageError('TAPE_IMAGE_NOT_A_FILE', `${path} is not a regular file`);
    if (readOnly) ImageLock.assertFree(realPath, options.owner);
    const lock = readOnly ? null : ImageLock.take(realPath, options.owner);
    try {
      return { ...openFile(path, lock, options), wasCreated };
    } catch (error) {
      lock?.release();
      throw error;
    }
  } catch (error) {
    throw openFailure(error, path);
  }
}

function openFile(path: string, lock: StateLock | null, { limits }: TapeServiceOptions): Omit<OpenedImage, 'wasCreated'> {
  const file = ImageFile.open(path, lock === null);
  try {
    const notices: string[] = [];
    const header = readHeader(file, path, limits.tapeCapacityBytesMax, notices);
    const { superblock, isNewest } = readSuperblock(file, path, header, notices);
    const found = readLogs(file, header, superblock, isNewest, notices);
    const memory = new MediumMemory(file, header.imageId);
    if (memory.isDamaged) notices.push('the attributes that hosts wrote are damaged and gone');
    const image = new TapeImage({ path, file, lock, header, limits, memory, logs: found.logs, superblock: { ...superblock, generation: found.generation } });
    // A damaged image stays as it is, until it is written to. A full file system keeps nobody from reading.
    if (lock !== null && !found.isDamaged && isNewest) image.countLoad();
    return { image, wasRecovered: !superblock.isClean, notices };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readHeader(file: ImageFile, path: string, capacityBytesMax: number, notices: string[]): ImageHeader {
  const [first, copy] = [0, HEADER_COPY_OFFSET].map((offset) => readBytes(file, offset, HEADER_BYTES)) as [Uint8Array, Uint8Array];
  if (isImageHeaderWhole(first)) return decodeImageHeader(first, path, capacityBytesMax);
  if (isImageHeaderWhole(copy)) {
    notices.push('the header is damaged; its copy stands in');
    return decodeImageHeader(copy, path, capacityBytesMax);
  }
  if (hasImageMagic(first))
    throw imageError(
      'TAPE_IMAGE_DAMAGED',
      `the header of the tape image ${path} is damaged, and so is its copy: put a copy of the image back. Nothing was changed`,
    );
  const what = first.length === 0 ? 'is empty' : 'has other content';
  throw imageError('TAPE_IMAGE_UNKNOWN', `${path} is no tape image: it ${what}. Nothing was changed; name a new file and a capacity to have one made`);
}

function readSuperblock(file: ImageFile, path: string, header: ImageHeader, notices: string[]): { superblock: Superblock; isNewest: boolean } {
  const found = SUPERBLOCK_OFFSETS.map((offset) => decodeSuperblock(readBytes(file, offset, SUPERBLOCK_BYTES), header.imageId, header.capacityBytes));
  const whole = found.filter((each) => each !== null).sort((a, b) => b.sequence - a.sequence);
  const [superblock] = whole;
  if (superblock === undefined) {
    throw imageError('TAPE_IMAGE_DAMAGED', `both superblocks of the tape image ${path} are damaged: put a copy of the image back. Nothing was changed`);
  }
  const isNewest = whole.length === found.length;
  if (!isNewest) notices.push('a superblock is damaged; the image is read from its beginning to find its end');
  return { superblock, isNewest };
}

function readLogs(
  file: ImageFile,
  { imageId }: ImageHeader,
  superblock: Superblock,
  isNewest: boolean,
  notices: string[],
): { logs: PartitionLog[]; generation: number; isDamaged: boolean } {
  let generation = superblock.generation + (isNewest ? 0 : GENERATION_MARGIN);
  let isDamaged = false;
  const logs = superblock.partitions.map((row, partition) => {
    const isTrusted = isNewest && isCheckpointGood(file, imageId, partition, row);
    if (isTrusted && superblock.isClean) return new PartitionLog(file, imageId, partition, row);
    const recovered = recoverLog(file, imageId, partition, row, !isTrusted);
    const { end, lostObjectCount, isTorn } = recovered;
    generation = Math.max(generation, recovered.generation);
    const missingCount = row.checkpoint.objectCount - end.objectCount;
    isDamaged ||= missingCount > 0 || lostObjectCount > 0;
    if (missingCount > 0) notices.push(`partition ${partition} ends at object ${end.objectCount}: ${missingCount} behind it are gone, the file is cut or torn`);
    else if (isTorn) notices.push(`partition ${partition} ends at object ${end.objectCount}: the one behind it was not written whole`);
    if (lostObjectCount > 0) notices.push(`${lostObjectCount} objects of partition ${partition} are damaged and cannot be read`);
    return new PartitionLog(file, imageId, partition, row, end);
  });
  return { logs, generation, isDamaged };
}

/**
 * Makes an image under another name and gives it its own when it is whole. Answers false when somebody else made one meanwhile.
 * Throws `TargetError` and what `node:fs` throws.
 */
function makeImage(path: string, creation: TapeCreation, capacityBytesMax: number): boolean {
  checkCreation(creation, capacityBytesMax);
  const folder = dirname(resolve(path));
  const imageId = randomBytes(IMAGE_ID_BYTES);
  const draft = join(folder, `.${basename(path)}.${imageId.toString('hex')}.new`);
  const fd = openSync(draft, 'wx', IMAGE_MODE);
  try {
    writeSync(fd, newImage({ ...creation, imageId, createdAtMs: Date.now() }), 0, DATA_OFFSET, 0);
    fsyncSync(fd);
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    closeSync(fd);
    unlinkSync(draft);
    syncDirectory(folder);
  }
}

function newImage(header: ImageHeader): Uint8Array {
  const bytes = new Uint8Array(DATA_OFFSET);
  const encodedHeader = encodeImageHeader(header);
  bytes.set(encodedHeader);
  bytes.set(encodedHeader, HEADER_COPY_OFFSET);
  const { capacityBytes } = header;
  const superblock = {
    isClean: true,
    generation: 1,
    loadCount: 0,
    capacityBytes,
    counts: new Array<number>(SUPERBLOCK_COUNT_COUNT).fill(0),
    partitions: emptyRows([capacityBytes], 1),
  };
  for (const sequence of SUPERBLOCK_OFFSETS.keys()) bytes.set(encodeSuperblock({ ...superblock, sequence }, header.imageId), superblockOffset(sequence));
  return bytes;
}

function readBytes(file: ImageFile, offset: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  return bytes.subarray(0, file.read(bytes, 0, lengthBytes, offset));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

const openErrors: Readonly<Record<string, readonly [TapeImageCode, string]>> = {
  ENOENT: ['TAPE_IMAGE_NOT_FOUND', 'does not exist; with a capacity it is made'],
  ENOTDIR: ['TAPE_IMAGE_NOT_FOUND', 'does not exist'],
  EACCES: ['TAPE_IMAGE_ACCESS_DENIED', 'may not be opened by this user'],
  EPERM: ['TAPE_IMAGE_ACCESS_DENIED', 'may not be opened by this user'],
  EROFS: ['TAPE_IMAGE_ACCESS_DENIED', 'can only be read; load it read-only'],
  ENOSPC: ['TAPE_IMAGE_NO_SPACE', 'does not fit its file system'],
  EDQUOT: ['TAPE_IMAGE_NO_SPACE', 'does not fit the quota'],
};

function openFailure(error: unknown, path: string): unknown {
  const systemCode = systemErrorCode(error);
  if (systemCode === undefined) return error;
  const [code, text] = openErrors[systemCode] ?? ['TAPE_IMAGE_OPEN_FAILED', 'cannot be opened'];
  return imageError(code, `the tape image ${path} ${text} (${systemCode})`, error);
}
