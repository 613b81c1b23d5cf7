import { assert } from '../../../errors.js';
import { type DiscProfile, profileNamed } from './profile.js';
import { blankState, type FormatState, type RecordingState, type SessionState, type TrackState } from './recording-state.js';

/** Why something cannot be recorded. The commands have the sense data for each. */
export type RecordingFault =
  /** Not at the next writable address of a track. */
  | 'address'
  /** Behind the last block of the disc. */
  | 'range'
  /** More than the track has left. */
  | 'trackFull'
  /** The disc takes no more. */
  | 'finalized'
  | 'unformatted'
  /** A track of the session is still open. */
  | 'incompleteTrack'
  | 'emptyReservedTrack'
  /** There is no such track. */
  | 'noTrack'
  | 'tooManyTracks'
  /** The disc is not of that kind. */
  | 'medium'
  | 'sequence';

/** A track as READ TRACK INFORMATION tells of it. */
export interface TrackView {
  /** From 1, over all sessions. */
  readonly number: number;
  readonly session: number;
  readonly start: number;
  /** Blocks from the start to the end of what belongs to it. */
  readonly size: number;
  readonly written: number;
  readonly closed: boolean;
  /** Null where nothing can be written. */
  readonly nextWritable: number | null;
  readonly freeBlocks: number;
  readonly isReserved: boolean;
  /** The one behind the others that takes what comes next. */
  readonly isOpenEnd: boolean;
}

/** The standard's bounds of a CD; DVD+R has 154 fragments. */
const TRACK_COUNT_MAX = { cd: 99, dvd: 153, bd: 1024 } as const;
const SESSION_COUNT_MAX = { cd: 99, dvd: 153, bd: 100 } as const;

/**
 * What may be written where on a recordable disc, and what can be read of it. Holds one `RecordingState` after the other; knows no files. MMC-6 "Recording
 * on … media", and for the life of a format "DVD+RW" and "BD-RE".
 */
export class Recording {
  readonly profile: DiscProfile;
  #state: RecordingState;

  constructor(state: RecordingState) {
    const profile = profileNamed(state.profile);
    assert(profile !== undefined && profile.recording !== 'none', 'a recording is of a recordable profile');
    this.profile = profile;
    this.#state = state;
  }

  get state(): RecordingState {
    return this.#state;
  }

  get isSequential(): boolean {
    return this.profile.recording === 'sequential';
  }

  /** Nothing was ever written or formatted. */
  get isBlank(): boolean {
    const { sessions, format } = this.#state;
    return this.isSequential ? sessions.length === 1 && (sessions[0] as SessionState).tracks.length === 0 && !this.#state.finalized : format === null;
  }

  get isAppendable(): boolean {
    return this.isSequential && !this.#state.finalized && this.#openStart() < this.#state.blockCount;
  }

  /** Written tracks, reserved ones, and the open end of a session that has room. By ascending start. */
  get tracks(): readonly TrackView[] {
    if (!this.isSequential) return [this.#overwriteTrack(this.#state.format)];
    const views: TrackView[] = [];
    for (const [index, session] of this.#state.sessions.entries()) {
      for (const track of session.tracks) views.push(this.#viewOf(track, views.length + 1, index + 1));
    }
    if (this.isAppendable && views.at(-1)?.isOpenEnd !== true) {
      views.push(this.#viewOf({ start: this.#openStart(), size: null, written: 0, closed: false }, views.length + 1, this.#state.sessions.length));
    }
    return views;
  }

  trackNumbered(number: number): TrackView | undefined {
    return this.tracks[number - 1];
  }

  /** The track that the block belongs to, gaps behind it included. */
  trackOf(lba: number): TrackView | undefined {
    return this.tracks.findLast(({ start }) => start <= lba);
  }

  /** Where the sessions begin; the last may be empty. */
  sessionTracks(session: number): readonly TrackView[] {
    return this.tracks.filter((track) => track.session === session);
  }

  /** How many blocks from `lba` on, of `count`, hold data. */
  readableCount(lba: number, count: number): number {
    if (!this.isSequential) return this.#state.format === null ? 0 : Math.max(0, Math.min(count, this.#state.format.blockCount - lba));
    let end = lba;
    for (const { start, written } of this.tracks) if (start <= end && end < start + written) end = start + written;
    return Math.min(count, end - lba);
  }

  /** What READ CAPACITY tells: the blocks up to the end of the last closed session, or of the format; 0 where there is none. */
  get recordedBlocks(): number {
    if (!this.isSequential) return this.#state.format?.blockCount ?? 0;
    const closed = this.#state.sessions.filter((session) => session.closed);
    const last = closed.at(-1)?.tracks.at(-1);
    return last === undefined ? 0 : last.start + last.written;
  }

  /** Null where these blocks may be written now. */
  writeFault(lba: number, count: number): RecordingFault | null {
    if (lba + count > this.#state.blockCount) return 'range';
    if (!this.isSequential) {
      if (this.#state.format === null) return 'unformatted';
      return lba + count > this.#state.format.blockCount ? 'range' : null;
    }
    if (this.#state.finalized) return 'finalized';
    const track = this.tracks.find(({ nextWritable }) => nextWritable === lba);
    if (track === undefined) return 'address';
    return count > track.freeBlocks ? 'trackFull' : null;
  }

  /** These blocks have been written, as `writeFault` allowed. */
  written(lba: number, count: number): void {
    if (!this.isSequential || count === 0) return;
    const track = this.tracks.find(({ nextWritable }) => nextWritable === lba);
    assert(track !== undefined && count <= track.freeBlocks, 'what was written was allowed');
    this.#replaceTrack(track, { start: track.start, size: track.isReserved ? track.size : null, written: track.written + count, closed: false });
  }

  /** RESERVE TRACK: the open end becomes a track of at least so many blocks, and another begins behind it. */
  reserve(blockCount: number): RecordingFault | null {
    if (!this.isSequential) return 'medium';
    if (this.#state.finalized) return 'finalized';
    const open = this.tracks.at(-1);
    if (open === undefined || !open.isOpenEnd) return 'range';
    // What has been begun has no size any more that could be given to it.
    if (open.written > 0) return 'sequence';
    if (open.number >= TRACK_COUNT_MAX[this.profile.family]) return 'tooManyTracks';
    const size = Math.max(this.#roundUp(blockCount), this.profile.trackBlocksMin);
    if (size > open.freeBlocks) return 'range';
    this.#appendTrack({ start: open.start, size, written: 0, closed: false });
    return null;
  }

  /** CLOSE TRACK: what is missing in it is zeros from now on. */
  closeTrack(number: number): RecordingFault | null {
    if (!this.isSequential) return 'medium';
    const track = this.trackNumbered(number);
    if (track === undefined) return 'noTrack';
    if (track.closed) return null;
    if (track.isReserved && track.written === 0) return 'emptyReservedTrack';
    // Nothing was written to the open end, so that there is no track to close.
    if (track.written === 0) return null;
    const filled = track.isReserved
      ? track.size
      : Math.min(Math.max(this.#roundUp(track.written), this.profile.trackBlocksMin), track.written + track.freeBlocks);
    this.#replaceTrack(track, { start: track.start, size: filled, written: filled, closed: true });
    return null;
  }

  /** CLOSE SESSION: `isLast` finalizes the disc, so that no other session begins. */
  closeSession(isLast: boolean): RecordingFault | null {
    if (!this.isSequential) return 'medium';
    if (this.#state.finalized) return isLast ? null : 'finalized';
    const { sessions } = this.#state;
    const session = sessions.at(-1) as SessionState;
    if (session.tracks.some(({ closed }) => !closed)) return 'incompleteTrack';
    if (session.tracks.length === 0) return this.#closeEmptySession(isLast);
    const closed = { ...session, closed: true };
    const isEnd =
      isLast || sessions.length >= SESSION_COUNT_MAX[this.profile.family] || this.#nextSessionStart(closed, sessions.length) >= this.#state.blockCount;
    const next: readonly SessionState[] = isEnd ? [] : [{ tracks: [], closed: false }];
    this.#state = { ...this.#state, sessions: [...sessions.slice(0, -1), closed, ...next], finalized: isEnd };
    return null;
  }

  /** FORMAT UNIT of a disc that is written anywhere. */
  format(format: FormatState): RecordingFault | null {
    if (this.isSequential) return 'medium';
    if (format.blockCount > this.#state.blockCount) return 'range';
    this.#state = { ...this.#state, format };
    return null;
  }

  /** What has become of the background format. */
  setBackground(background: FormatState['background']): void {
    const { format } = this.#state;
    if (format !== null) this.#state = { ...this.#state, format: { ...format, background } };
  }

  /** BLANK: all that was written is gone. */
  blank(): RecordingFault | null {
    if (!this.profile.isBlankable) return 'medium';
    this.#state = blankState(this.profile.name, this.#state.blockCount, this.#state.discId);
    return null;
  }

  /** BLANK of the last session: an open one becomes empty, and of a closed disc the last one opens again. */
  unclose(): RecordingFault | null {
    if (!this.profile.isBlankable) return 'medium';
    const sessions = this.#state.sessions.filter(({ tracks }) => tracks.length > 0);
    const last = sessions.at(-1);
    if (last === undefined || !last.closed) return 'sequence';
    this.#state = { ...this.#state, sessions: [...sessions.slice(0, -1), { ...last, closed: false }], finalized: false };
    return null;
  }

  #closeEmptySession(isLast: boolean): RecordingFault | null {
    const { sessions } = this.#state;
    if (!isLast) return null;
    if (sessions.length === 1) return 'sequence';
    this.#state = { ...this.#state, sessions: sessions.slice(0, -1), finalized: true };
    return null;
  }

  #roundUp(blockCount: number): number {
    const { eccBlocks } = this.profile;
    return Math.ceil(blockCount / eccBlocks) * eccBlocks;
  }

  /** Where the next track begins, on a disc that is not finalized. */
  #openStart(): number {
    const { sessions } = this.#state;
    const last = sessions.at(-1)?.tracks.at(-1);
    if (last !== undefined) return last.size === null ? last.start : this.#roundUp(last.start + last.size) + this.profile.trackGapBlocks;
    const previous = sessions.at(-2);
    return previous === undefined ? 0 : this.#nextSessionStart(previous, sessions.length - 1);
  }

  #nextSessionStart(previous: SessionState, sessionNumber: number): number {
    const last = previous.tracks.at(-1) as TrackState;
    const gap = sessionNumber === 1 ? this.profile.firstSessionGapBlocks : this.profile.sessionGapBlocks;
    return this.#roundUp(last.start + (last.size ?? last.written)) + gap;
  }

  #viewOf(track: TrackState, number: number, session: number): TrackView {
    const isOpenEnd = track.size === null;
    const room = track.size ?? this.#state.blockCount - track.start;
    const isWritable = !track.closed && !this.#state.finalized && track.written < room;
    return {
      number,
      session,
      start: track.start,
      size: room,
      written: track.written,
      closed: track.closed,
      nextWritable: isWritable ? track.start + track.written : null,
      freeBlocks: isWritable ? room - track.written : 0,
      isReserved: !isOpenEnd && !track.closed,
      isOpenEnd,
    };
  }

  /** A disc that is written anywhere has one track: all of it. */
  #overwriteTrack(format: FormatState | null): TrackView {
    const size = format?.blockCount ?? this.#state.blockCount;
    const fixed = { number: 1, session: 1, start: 0, isReserved: false, nextWritable: null, freeBlocks: 0 };
    return { ...fixed, size, written: format === null ? 0 : size, closed: format !== null, isOpenEnd: format === null };
  }

  #appendTrack(track: TrackState): void {
    const { sessions } = this.#state;
    const session = sessions.at(-1) as SessionState;
    this.#state = { ...this.#state, sessions: [...sessions.slice(0, -1), { ...session, tracks: [...session.tracks, track] }] };
  }

  #replaceTrack(view: TrackView, track: TrackState): void {
    const { sessions } = this.#state;
    const at = sessions.slice(0, view.session - 1).reduce((count, { tracks }) => count + tracks.length, 0);
    const index = view.number - 1 - at;
    const session = sessions[view.session - 1] as SessionState;
    if (index === session.tracks.length) {
      this.#appendTrack(track);
      return;
    }
    const tracks = session.tracks.map((each, position) => (position === index ? track : each));
    this.#state = { ...this.#state, sessions: sessions.map((each, position) => (position === view.session - 1 ? { ...session, tracks } : each)) };
  }
}
