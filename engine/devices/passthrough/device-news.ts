import { Asc } from '../../scsi/sense.js';
import { type KnownDevice, unknownDevice } from './away.js';
import type { Path, SettleCause } from './path.js';

/** Pages that are kept for the time that the device is away: its names, and what initiators ask when they scan. */
const KEPT_PAGES = [0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2] as const;
const MS_PER_S = 1000;
const IDENTIFYING_LENGTH = 36;
const TYPE_MASK = 0x1f;
const NORMACA_BIT = 0x20;
const UNKNOWN_TYPE = 0x1f;

/** What the device says of itself, and what is told of it to operators and initiators when that has changed. */
export class DeviceNews {
  known: KnownDevice = unknownDevice;
  readonly #onNotice: (message: string) => void;
  readonly #name: string;

  constructor(onNotice: (message: string) => void, name: string) {
    this.#onNotice = onNotice;
    this.#name = name;
  }

  /** PERIPHERAL DEVICE TYPE; 1Fh while it has never been there. */
  get peripheralDeviceType(): number {
    return (this.known.standard?.[0] ?? UNKNOWN_TYPE) & TYPE_MASK;
  }

  get hasNormalAca(): boolean {
    return ((this.known.standard?.[3] ?? 0) & NORMACA_BIT) !== 0;
  }

  onLost(why: string): void {
    this.#onNotice(`${this.#name} is away: ${why}; trying to reach it again`);
  }

  onUnreachable(why: string): void {
    this.#onNotice(`${this.#name} cannot be reached: ${why}; trying again`);
  }

  /** Asks the device who it is. Answers the unit attentions that follow from it. */
  async onReturned(path: Path, cause: SettleCause, awayMs: number): Promise<number[]> {
    const before = this.known;
    const standard = (await path.queries?.standardInquiry()) ?? null;
    if (standard === null) return [];
    const pages = (await path.queries?.vpdPages(KEPT_PAGES)) ?? new Map();
    this.known = { standard, pages };
    if (cause === 'returned') this.#onNotice(`${this.#name} is back after ${(awayMs / MS_PER_S).toFixed(1)} s`);
    // It was away from the start, and initiators were told of a device that is not there.
    if (before.standard === null) return path.wasUnreachable ? [Asc.inquiryDataHasChanged, Asc.reportedLunsDataHasChanged] : [];
    return isSame(before.standard, standard) ? [] : [Asc.inquiryDataHasChanged];
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one.subarray(0, IDENTIFYING_LENGTH), other.subarray(0, IDENTIFYING_LENGTH)) === 0;
}
