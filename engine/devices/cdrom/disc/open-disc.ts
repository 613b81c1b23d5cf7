import { randomInt } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { TargetError } from '../../../errors.js';
import type { StateLock } from '../../../state/state-lock.js';
import { createImage, statTarget } from '../../../store/file-open.js';
import { openFileStore } from '../../../store/open-file-store.js';
import type { BackingStore } from '../../../store/store.js';
import { Disc } from './disc.js';
import { DiscLock } from './disc-lock.js';
import { readIsoVolume } from './iso-volume.js';
import { BLOCK_LENGTH_BYTES, type DiscProfile, type ProfileName, profileNamed, profileOfSize } from './profile.js';
import { Recording } from './recording.js';
import { blankState, type RecordingState } from './recording-state.js';
import { sidecarPathOf } from './sidecar.js';
import { codeOf, readSidecar, writeSidecar } from './sidecar-file.js';

export interface DiscOptions {
  readonly path: string;
  /** What the disc is to be; by its record, or else by its size, when left out. */
  readonly profile?: ProfileName;
  /** Of a blank disc that is to be made; that of the profile when left out. */
  readonly sizeBytes?: number;
  readonly readOnly: boolean;
  readonly recordBytesMax: number;
  readonly onNotice: (message: string) => void;
}

/**
 * Opens an image as a disc, or makes a blank one where `profile` is one that can be recorded and nothing is there. Throws `TargetError` `DISC_…` and what
 * `openFileStore` throws, with a sentence; what is there is as it was then.
 */
export async function openDisc(options: DiscOptions): Promise<Disc> {
  const { path, profile: wanted, readOnly } = options;
  const found = await readRecord(options);
  const profile = wanted === undefined ? undefined : profileNamed(wanted);
  if (found === null && (profile === undefined || profile.recording === 'none')) return openPressed(options, profile);
  if (readOnly) {
    DiscLock.assertFree(path);
    return openRecorded(options, profile, found, null);
  }
  const lock = DiscLock.take(path);
  try {
    // Whoever had it until now may have changed the record.
    return await openRecorded(options, profile, await readRecord(options), lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function readRecord({ path, recordBytesMax }: DiscOptions): Promise<RecordingState | null> {
  return readSidecar(sidecarPathOf(path), recordBytesMax);
}

async function openRecorded(options: DiscOptions, profile: DiscProfile | undefined, state: RecordingState | null, lock: StateLock | null): Promise<Disc> {
  const { path } = options;
  if (state !== null) return openRecordable(options, state, lock);
  const sidecarPath = sidecarPathOf(path);
  if (profile === undefined) throw new TargetError('DISC_NOT_FOUND', `${sidecarPath} has gone`);
  if (statTarget(path) !== null) {
    const message = `${path} is there but not ${sidecarPath}, so that it is no ${profile.name} of Lunloom: serve it without a profile, or name a new file`;
    throw new TargetError('DISC_NOT_BLANK', `${message}. Nothing was changed`);
  }
  if (lock === null) throw new TargetError('DISC_NOT_FOUND', `${path} does not exist, and a disc that is only read is not made`);
  const blank = blankState(profile.name, blankBlocks(options, profile), randomInt(1, 2 ** 32));
  // The record first: a blank disc whose image is missing is made, an image without a record would be somebody's.
  await writeSidecar(sidecarPath, blank);
  return openRecordable(options, blank, lock);
}

function blankBlocks({ sizeBytes, path }: DiscOptions, profile: DiscProfile): number {
  if (sizeBytes === undefined) return profile.blockCountMax;
  const blockCount = Math.floor(sizeBytes / BLOCK_LENGTH_BYTES / profile.eccBlocks) * profile.eccBlocks;
  if (blockCount >= BLANK_BLOCKS_MIN && blockCount <= profile.blockCountMax) return blockCount;
  const range = `${BLANK_BLOCKS_MIN * BLOCK_LENGTH_BYTES} to ${profile.blockCountMax * BLOCK_LENGTH_BYTES} bytes`;
  throw new TargetError('DISC_SIZE_INVALID', `${path} cannot be a ${profile.name} with ${sizeBytes} bytes: one has ${range}`);
}

/** Smaller ones would have no room for a track of any kind. */
const BLANK_BLOCKS_MIN = 512;

async function openRecordable(options: DiscOptions, state: RecordingState, lock: StateLock | null): Promise<Disc> {
  const { path, profile: wanted } = options;
  if (wanted !== undefined && wanted !== state.profile) {
    throw new TargetError('DISC_PROFILE_MISMATCH', `${path} is a ${state.profile} and not a ${wanted}. Nothing was changed`);
  }
  const sizeBytes = state.blockCount * BLOCK_LENGTH_BYTES;
  const stopped = state.format?.background === 'running' ? { ...state, format: { ...state.format, background: 'stopped' as const } } : state;
  const recording = new Recording(stopped);
  const found = statTarget(path);
  if (found === null) {
    if (!recording.isBlank) throw new TargetError('DISC_NOT_FOUND', `${path} does not exist, and ${sidecarPathOf(path)} says that it was written to`);
    if (lock === null) throw new TargetError('DISC_NOT_FOUND', `${path} does not exist, and a disc that is only read is not made`);
    createImage(path, sizeBytes);
  } else if (found.isFile() && found.size !== sizeBytes) {
    const message = `${path} has ${found.size} bytes and ${sidecarPathOf(path)} speaks of ${sizeBytes}: one of them is not of this disc. Nothing was changed`;
    throw new TargetError('DISC_SIZE_MISMATCH', message);
  }
  const store = openFileStore({ path, direct: false, readOnly: true, blockLengthBytes: BLOCK_LENGTH_BYTES });
  try {
    const writer = lock === null ? null : { handle: await openForWriting(path), sidecarPath: sidecarPathOf(path), lock };
    return new Disc({ path, profile: recording.profile, blockCount: state.blockCount, store, recording, writer });
  } catch (error) {
    store.close();
    throw error;
  }
}

async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    throw new TargetError('DISC_READ_ONLY', `${path} cannot be opened for writing (${codeOf(error)}); serve it with readonly`, { cause: error });
  }
}

function openPressed(options: DiscOptions, wanted: DiscProfile | undefined): Disc {
  const { path } = options;
  const stats = statTarget(path);
  if (stats === null) throw new TargetError('DISC_NOT_FOUND', `${path} does not exist; a blank disc is made with profile=dvd+r and its like`);
  if (stats.isFile() && stats.size === 0) throw new TargetError('DISC_EMPTY', `${path} is empty: there is nothing to read. Nothing was changed`);
  const store = openFileStore({ path, direct: false, readOnly: true, blockLengthBytes: BLOCK_LENGTH_BYTES });
  try {
    const blockCount = pressedBlocks(store, options);
    const profile = wanted ?? profileOfSize(blockCount);
    if (blockCount > profile.blockCountMax) {
      const message = `${path} has ${blockCount} blocks of ${BLOCK_LENGTH_BYTES} bytes, and a ${profile.name} has no more than ${profile.blockCountMax}`;
      throw new TargetError('DISC_TOO_LARGE', message);
    }
    return new Disc({ path, profile, blockCount, store, recording: null, writer: null });
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Blocks of the disc: those of the image, or more where the image says that it was longer once. */
function pressedBlocks(store: BackingStore, { path, onNotice }: DiscOptions): number {
  const storedBlocks = Math.floor(store.sizeBytes / BLOCK_LENGTH_BYTES);
  if (storedBlocks === 0) throw new TargetError('DISC_EMPTY', `${path} has ${store.sizeBytes} bytes, which is less than one block of ${BLOCK_LENGTH_BYTES}`);
  const { isKnown, declaredBlocks } = readIsoVolume(store);
  const tailBytes = store.sizeBytes % BLOCK_LENGTH_BYTES;
  const missing = declaredBlocks === null ? 0 : declaredBlocks - storedBlocks;
  if (!isKnown) onNotice(`${path} holds no volume of ISO 9660 or UDF; it is served as it is`);
  if (missing > 0) {
    onNotice(`${path} is cut off: its volume descriptor tells of ${declaredBlocks} blocks and ${storedBlocks} are there; reading the others is a medium error`);
    return declaredBlocks as number;
  }
  if (tailBytes === 0) return storedBlocks;
  onNotice(`${path} is no whole number of blocks: its last ${tailBytes} bytes cannot be read`);
  return storedBlocks + 1;
}
