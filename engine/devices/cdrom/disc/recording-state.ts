import type { ProfileName } from './profile.js';

/** A track that initiators have given a size, or have begun to write, or have closed. */
export interface TrackState {
  readonly start: number;
  /** Blocks that were reserved for it or, of one that is closed, that it has; null while it is the open one at the end, which takes what there is. */
  readonly size: number | null;
  /** Blocks that have been written, from the start on. */
  readonly written: number;
  readonly closed: boolean;
}

export interface SessionState {
  readonly tracks: readonly TrackState[];
  readonly closed: boolean;
}

/** Background formatting, MMC-6 "Background Format": what is under way stops with the drive. */
export type BackgroundFormat = 'running' | 'stopped' | 'complete';

export interface FormatState {
  readonly blockCount: number;
  /** FORMAT TYPE of the FORMAT UNIT that made it. */
  readonly type: number;
  readonly background: BackgroundFormat;
}

/** All that is known of a recordable disc beside its data: what the sidecar file keeps. A value that is never changed in place. */
export interface RecordingState {
  readonly profile: ProfileName;
  readonly blockCount: number;
  /** Told by READ DISC INFORMATION. */
  readonly discId: number;
  /** Of a disc that is written in sequence; the last one is open unless the disc is finalized. */
  readonly sessions: readonly SessionState[];
  readonly finalized: boolean;
  /** Of a disc that is written anywhere; null while it is not formatted. */
  readonly format: FormatState | null;
}

const noTracks: SessionState = { tracks: [], closed: false };

export function blankState(profile: ProfileName, blockCount: number, discId: number): RecordingState {
  return { profile, blockCount, discId, sessions: [noTracks], finalized: false, format: null };
}
