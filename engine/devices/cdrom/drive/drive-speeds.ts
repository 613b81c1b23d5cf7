import type { DiscFamily, DiscProfile } from '../disc/profile.js';

/** Kilobytes (1000 bytes) a second. Nothing turns here; initiators choose among speeds, and show them. */
export interface SpeedRange {
  readonly read: number;
  /** Fastest first. */
  readonly write: readonly number[];
}

/** 52x and 24x, 16x, 6x of a CD, a DVD and a BD. */
const ranges: Readonly<Record<DiscFamily, SpeedRange>> = {
  cd: { read: 9173, write: [7056, 2822] },
  dvd: { read: 22_160, write: [22_160, 11_080] },
  bd: { read: 26_976, write: [26_976, 8992] },
};
const FASTEST = 0xffff;

/** The speeds that the drive is set to, SET CD SPEED and SET STREAMING. They change nothing but what is told. */
export class DriveSpeeds {
  #range: SpeedRange = ranges.cd;
  #read = ranges.cd.read;
  #write = ranges.cd.write[0] as number;

  get range(): SpeedRange {
    return this.#range;
  }
  get read(): number {
    return this.#read;
  }
  get write(): number {
    return this.#write;
  }

  /** Another disc: its fastest. */
  useDisc({ family }: DiscProfile): void {
    this.#range = ranges[family];
    this.#read = this.#range.read;
    this.#write = this.#range.write[0] as number;
  }

  /** The fastest that there is and that is not faster than what was asked for; FFFFh asks for the fastest. */
  choose(read: number, write: number): void {
    this.#read = read === FASTEST ? this.#range.read : Math.min(Math.max(read, 1), this.#range.read);
    this.#write = this.#range.write.find((speed) => speed <= write) ?? (this.#range.write.at(-1) as number);
  }
}
