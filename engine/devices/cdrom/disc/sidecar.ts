import { createHash } from 'node:crypto';
import { TargetError } from '../../../errors.js';
import { profileNamed } from './profile.js';
import type { BackgroundFormat, FormatState, RecordingState, SessionState, TrackState } from './recording-state.js';

/*
 * What is known of a recordable disc beside its data, in `PATH.disc`: JSON that people can read.
 *
 *     { "format": "lunloom-disc", "version": 1, "profile": "dvd+r", …, "sha256": "…" }
 *
 * The checksum is that of the text in front of it, and a file is whole only when writing what was read from it gives the same bytes. `docs/devices/cdrom.md`
 * describes the fields.
 */
const FORMAT = 'lunloom-disc';
const VERSION = 1;
const INDENT = 2;
const UINT32_MAX = 0xffffffff;
const backgrounds: readonly BackgroundFormat[] = ['running', 'stopped', 'complete'];

export function sidecarPathOf(imagePath: string): string {
  return `${imagePath}.disc`;
}

export function encodeSidecar(state: RecordingState): Buffer {
  const { profile, blockCount, discId, finalized, sessions, format: formatted } = state;
  const text = JSON.stringify({ format: FORMAT, version: VERSION, profile, blockCount, discId, finalized, formatted, sessions }, null, INDENT).slice(
    0,
    -'\n}'.length,
  );
  return Buffer.from(`${text},\n  "sha256": "${createHash('sha256').update(text).digest('hex')}"\n}\n`);
}

/**
 * Throws `TargetError`: `DISC_RECORD_FOREIGN` when it is no such file, `DISC_RECORD_VERSION` when a newer Lunloom wrote it, `DISC_RECORD_CORRUPT` when it is
 * torn or was changed.
 */
export function decodeSidecar(bytes: Uint8Array, path: string): RecordingState {
  const body = parse(bytes, path);
  if (body['format'] !== FORMAT) throw new TargetError('DISC_RECORD_FOREIGN', `${path} is no record of a disc; move it away, or serve another image`);
  const { version } = body;
  if (typeof version === 'number' && version !== VERSION) {
    const message = `${path} has version ${version} and this Lunloom reads version ${VERSION}; serve the disc with the one that wrote it. Nothing was changed`;
    throw new TargetError('DISC_RECORD_VERSION', message);
  }
  const state = stateOf(body);
  if (state === null || !encodeSidecar(state).equals(bytes)) throw corrupt(path);
  return state;
}

function parse(bytes: Uint8Array, path: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (isObject(body)) return body;
  } catch {
    // What is no JSON was cut off or damaged; which byte it was helps nobody.
  }
  throw corrupt(path);
}

function corrupt(path: string): TargetError {
  const message = `${path} is damaged: what it says cannot be trusted. Nothing was changed. Put a copy back, or move it away to read the image`;
  return new TargetError('DISC_RECORD_CORRUPT', message);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

/** The state, in the order of keys in which it is written, or null where something in it cannot be. */
function stateOf(body: Record<string, unknown>): RecordingState | null {
  const { profile: name, blockCount, discId, finalized } = body;
  const profile = typeof name === 'string' ? profileNamed(name) : undefined;
  if (profile === undefined || profile.recording === 'none' || typeof finalized !== 'boolean') return null;
  if (!isCount(blockCount, profile.blockCountMax) || blockCount === 0 || !isCount(discId, UINT32_MAX)) return null;
  const format = formatOf(body['formatted'], blockCount);
  const sessions = sessionsOf(body['sessions'], blockCount, finalized);
  if (format === undefined || sessions === null) return null;
  const isSequential = profile.recording === 'sequential';
  const hasTracks = sessions.some(({ tracks }) => tracks.length > 0);
  if (isSequential ? format !== null : hasTracks || finalized) return null;
  return { profile: profile.name, blockCount, discId, sessions, finalized, format };
}

function formatOf(value: unknown, blockCount: number): FormatState | null | undefined {
  if (value === null) return null;
  if (!isObject(value)) return undefined;
  const { blockCount: formatted, type } = value;
  const background = backgrounds.find((each) => each === value['background']);
  if (!isCount(formatted, blockCount) || formatted === 0 || !isCount(type, 0x3f) || background === undefined) return undefined;
  return { blockCount: formatted, type, background };
}

/** Sessions one behind the other, of which the last is open on a disc that is not finalized and no other is. */
function sessionsOf(value: unknown, blockCount: number, finalized: boolean): SessionState[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const sessions: SessionState[] = [];
  let end = 0;
  for (const [index, each] of (value as readonly unknown[]).entries()) {
    if (!isObject(each) || typeof each['closed'] !== 'boolean' || !Array.isArray(each['tracks'])) return null;
    const isLast = index === value.length - 1;
    if (each['closed'] !== (!isLast || finalized)) return null;
    const tracks = tracksOf(each['tracks'], { from: end, blockCount, closed: each['closed'] });
    if (tracks === null || (each['closed'] && tracks.length === 0)) return null;
    const last = tracks.at(-1);
    if (last !== undefined) end = last.start + (last.size ?? last.written);
    sessions.push({ tracks, closed: each['closed'] });
  }
  return sessions;
}

function tracksOf(values: readonly unknown[], room: { readonly from: number; readonly blockCount: number; readonly closed: boolean }): TrackState[] | null {
  const tracks: TrackState[] = [];
  let end = room.from;
  for (const [index, value] of values.entries()) {
    if (!isObject(value)) return null;
    const { start, size, written, closed } = value;
    if (!isCount(start, room.blockCount) || start < end || !isCount(written, room.blockCount - start) || typeof closed !== 'boolean') return null;
    // The one without a size takes what there is, so that none is behind it.
    if (size === null ? closed || index !== values.length - 1 : !isCount(size, room.blockCount - start) || written > size) return null;
    if ((room.closed && !closed) || (closed && written !== size)) return null;
    tracks.push({ start, size: size as number | null, written, closed });
    end = start + ((size as number | null) ?? written);
  }
  return tracks;
}
