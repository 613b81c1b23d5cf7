/** What a recordable disc of each kind is like, in the numbers of the standards and not of the code under test. */
export interface DiscRules {
  readonly profile: 'cd-rw' | 'dvd+r' | 'bd-r' | 'dvd+rw';
  readonly blockCount: number;
  readonly ecc: number;
  readonly trackMin: number;
  readonly trackGap: number;
  readonly sessionGaps: readonly [first: number, later: number];
}

interface ReferenceTrack {
  readonly session: number;
  readonly start: number;
  /** Null: whatever there is. */
  size: number | null;
  written: number;
  closed: boolean;
}

interface Image {
  tracks: ReferenceTrack[];
  session: number;
  finalized: boolean;
  /** What was written last at each block; 0 for blocks that were filled up. */
  content: Map<number, number>;
}

const blank = (): Image => ({ tracks: [], session: 1, finalized: false, content: new Map() });

/** A disc that is written in sequence, as simple as it can be thought: a list of tracks, and a number at each block. */
export class ReferenceDisc {
  readonly rules: DiscRules;
  #now = blank();
  #durable = blank();

  constructor(rules: DiscRules) {
    this.rules = rules;
  }

  get tracks(): readonly Readonly<ReferenceTrack>[] {
    return this.#now.tracks;
  }

  /** SYNCHRONIZE CACHE: a track at once, which is how the CD is written, ends with it. */
  synchronize(): void {
    const at = this.#now.tracks.findIndex(({ size }) => size === null);
    if (this.rules.profile === 'cd-rw' && at !== -1) this.closeTrack(at + 1);
    this.flush();
  }

  /** Everything up to now survives. */
  flush(): void {
    this.#durable = structuredClone(this.#now);
  }

  crash(): void {
    this.#now = structuredClone(this.#durable);
  }

  /** The stamp of the block, or null where nothing was recorded. */
  stampAt(lba: number): number | null {
    return this.#now.content.get(lba) ?? null;
  }

  /** Where the open end begins or goes on; null where there is none. */
  get openAt(): number | null {
    const { tracks, session, finalized } = this.#now;
    if (finalized) return null;
    const last = tracks.at(-1);
    let at = 0;
    if (last?.size === null) return last.start + last.written;
    if (last !== undefined) {
      const gap = last.session === session ? this.rules.trackGap : this.rules.sessionGaps[last.session === 1 ? 0 : 1];
      at = this.#up(last.start + (last.size as number)) + gap;
    }
    return at < this.rules.blockCount ? at : null;
  }

  /** The addresses where a write may begin, with the room there. */
  get writable(): readonly { readonly lba: number; readonly room: number }[] {
    if (this.#now.finalized) return [];
    const reserved = this.#now.tracks.filter(({ closed, size, written }) => !closed && size !== null && written < size);
    const places = reserved.map(({ start, size, written }) => ({ lba: start + written, room: (size as number) - written }));
    const open = this.openAt;
    return open === null || open >= this.rules.blockCount ? places : [...places, { lba: open, room: this.rules.blockCount - open }];
  }

  write(lba: number, count: number, stamp: number): string {
    if (lba + count > this.rules.blockCount) return '05/21/00';
    if (this.#now.finalized) return '07/27/00';
    const place = this.writable.find((each) => each.lba === lba);
    if (place === undefined) return '05/21/02';
    if (count > place.room) return '05/63/00';
    for (let at = lba; at < lba + count; at++) this.#now.content.set(at, stamp);
    // Where there is no gap, a reserved track that is full ends where the next one begins.
    const track = this.#now.tracks.find(({ start, size, written, closed }) => !closed && (size === null || written < size) && start + written === lba);
    if (track !== undefined) track.written += count;
    else this.#now.tracks.push({ session: this.#now.session, start: lba, size: null, written: count, closed: false });
    return '';
  }

  reserve(count: number): string {
    if (this.#now.finalized) return '07/27/00';
    const at = this.openAt;
    const last = this.#now.tracks.at(-1);
    if (last?.size === null && last.start + last.written >= this.rules.blockCount) return '05/2c/00';
    if (at === null) return '05/21/00';
    if (last?.size === null) return '05/2c/00';
    const size = Math.max(this.#up(count), this.rules.trackMin);
    if (at + size > this.rules.blockCount) return '05/21/00';
    this.#now.tracks.push({ session: this.#now.session, start: at, size, written: 0, closed: false });
    this.flush();
    return '';
  }

  closeTrack(number: number): string {
    const track = this.#now.tracks[number - 1];
    if (track === undefined) {
      const isOpenEnd = number === this.#now.tracks.length + 1 && this.#now.tracks.at(-1)?.size !== null && this.openAt !== null;
      if (isOpenEnd) this.flush();
      return isOpenEnd ? '' : '05/24/00';
    }
    if (!track.closed) {
      if (track.written === 0) return '05/72/04';
      const size = track.size ?? Math.min(Math.max(this.#up(track.written), this.rules.trackMin), this.rules.blockCount - track.start);
      for (let at = track.start + track.written; at < track.start + size; at++) this.#now.content.set(at, 0);
      Object.assign(track, { size, written: size, closed: true });
    }
    this.flush();
    return '';
  }

  closeSession(isLast: boolean): string {
    if (this.#now.finalized) return isLast ? this.#kept() : '07/27/00';
    const ofSession = this.#now.tracks.filter(({ session }) => session === this.#now.session);
    if (ofSession.some(({ closed }) => !closed)) return '05/72/03';
    if (ofSession.length === 0) {
      if (isLast && this.#now.session === 1) return '05/2c/00';
      this.#now.finalized = isLast;
      if (isLast) this.#now.session--;
      return this.#kept();
    }
    this.#now.session++;
    if (isLast || this.openAt === null) {
      this.#now.session--;
      this.#now.finalized = true;
    }
    return this.#kept();
  }

  blank(): string {
    if (this.rules.profile !== 'cd-rw') return '05/30/00';
    this.#now = blank();
    return this.#kept();
  }

  get isFinalized(): boolean {
    return this.#now.finalized;
  }

  #kept(): string {
    this.flush();
    return '';
  }

  #up(count: number): number {
    return Math.ceil(count / this.rules.ecc) * this.rules.ecc;
  }
}
