import { fault, type Parsed, quoted } from '../../config/parsed.js';
import { checkCondition, type SenseKey } from '../../scsi/sense.js';
import type { CommandSlot } from '../../shm/command-slot.js';

/** What a command of a disturbed device may end with in place of being carried. */
export interface DisturbedSense {
  readonly key: number;
  readonly asc: number;
}

export interface DisturbanceSettings {
  /** Added to each command before it is carried. */
  readonly delayMs: number;
  /** From 0 to 1: commands that end with `sense` and are not carried. */
  readonly errorRatio: number;
  readonly sense: DisturbedSense;
  /** From 0 to 1: commands that are not carried and not answered, before somebody aborts them. */
  readonly dropRatio: number;
}

/** MEDIUM ERROR, UNRECOVERED READ ERROR. */
export const defaultDisturbedSense: DisturbedSense = { key: 0x03, asc: 0x1100 };
export const undisturbed: DisturbanceSettings = { delayMs: 0, errorRatio: 0, sense: defaultDisturbedSense, dropRatio: 0 };

export const SENSE_FORM = 'sense as KEY/ASC/ASCQ in hex, such as 3/11/00';

/** `3/11/00`. */
export function parseSenseText(text: string): Parsed<DisturbedSense> {
  const match = /^([0-9a-f])\/([0-9a-f]{1,2})\/([0-9a-f]{1,2})$/i.exec(text);
  if (match === null) return fault(`expected ${SENSE_FORM}, found ${quoted(text)}`);
  const [key, asc, ascq] = match.slice(1).map((digits) => Number.parseInt(digits, 16)) as [number, number, number];
  return { value: { key, asc: (asc << 8) | ascq } };
}

/** The same text, when it can be read: configurations keep what was written. */
export function checkSenseText(text: string): Parsed<string> {
  const parsed = parseSenseText(text);
  return parsed.fault === undefined ? { value: text } : fault(parsed.fault);
}

export type Verdict = 'carry' | 'drop' | 'fail';

/** Delays commands, fails or swallows some of them, so that people can see what their initiators make of it. */
export class Disturbance {
  #settings: DisturbanceSettings;
  /** One test a command, while there is nothing to disturb. */
  isActive: boolean;
  failedCount = 0;
  droppedCount = 0;
  readonly #random: () => number;

  constructor(settings: DisturbanceSettings = undisturbed, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
    this.isActive = isDisturbing(settings);
  }

  get settings(): DisturbanceSettings {
    return this.#settings;
  }

  change(settings: Partial<DisturbanceSettings>): DisturbanceSettings {
    this.#settings = { ...this.#settings, ...settings };
    this.isActive = isDisturbing(this.#settings);
    return this.#settings;
  }

  get delayMs(): number {
    return this.#settings.delayMs;
  }

  /** What is to become of a command; one that fails has its outcome. */
  judge(command: CommandSlot): Verdict {
    const { dropRatio, errorRatio, sense } = this.#settings;
    const lot = this.#random();
    if (lot < dropRatio) {
      this.droppedCount++;
      return 'drop';
    }
    if (lot - dropRatio >= errorRatio) return 'carry';
    this.failedCount++;
    checkCondition(command, sense.key as SenseKey, sense.asc);
    return 'fail';
  }
}

function isDisturbing({ delayMs, errorRatio, dropRatio }: DisturbanceSettings): boolean {
  return delayMs > 0 || errorRatio > 0 || dropRatio > 0;
}
