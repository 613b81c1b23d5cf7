import { Assertion } from 'uvu/assert';
import type { LogicalUnitClient } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';
import { untilGone } from './crash-lane.js';

interface Bit {
  readonly pageCode: number;
  readonly at: number;
  readonly bit: number;
  /** How often it is set, in four. */
  readonly quarters: number;
}
/** Bits that change nothing for the lanes beside: NUAR of the Control page, and WCE of the Caching page, without which all writes take long. */
const bits: readonly Bit[] = [
  { pageCode: 0x0a, at: 3, bit: 0x08, quarters: 2 },
  { pageCode: 0x08, at: 2, bit: 0x04, quarters: 3 },
];
const PAGE_CODES = [0x0a, 0x08] as const;
const CURRENT = 0;
const SAVED = 3;

async function readPages(unit: LogicalUnitClient, pageControl: number): Promise<Buffer[]> {
  const pages: Buffer[] = [];
  for (const pageCode of PAGE_CODES) {
    pages.push(Buffer.from((await unit.modeSense({ pageCode, pageControl, disableBlockDescriptors: true })).pages));
  }
  return pages;
}

/** As MODE SELECT takes them: PS is reserved there. */
function listOf(pages: readonly Buffer[]): Buffer {
  return Buffer.concat(pages.map((page) => Buffer.from([(page[0] as number) & 0x7f, ...page.subarray(1)])));
}

/** The saved mode pages of a unit: those that were last acknowledged as saved, or those of the request that was under way. */
export class CrashModes {
  #saved: string | null = null;
  #pending: string | null = null;
  savedCount = 0;

  /** After a start: saved and current values are the same, and they are what was saved. */
  async verify(unit: LogicalUnitClient): Promise<void> {
    const saved = listOf(await readPages(unit, SAVED)).toString('hex');
    const current = listOf(await readPages(unit, CURRENT)).toString('hex');
    if (current !== saved)
      throw new Assertion({ message: 'a start takes other values than those that are saved', operator: 'modes', expects: saved, actual: current });
    if (this.#saved !== null && saved !== this.#saved && saved !== this.#pending) {
      const message = `the saved mode pages are not those that were saved last${this.#pending === null ? '' : `, nor those under way: ${this.#pending}`}`;
      throw new Assertion({ message, operator: 'modes', expects: this.#saved, actual: saved });
    }
    this.#saved = saved;
    this.#pending = null;
  }

  run(unit: LogicalUnitClient, random: SeededRandom): Promise<void> {
    return untilGone(async () => {
      const pages = await readPages(unit, CURRENT);
      for (const { pageCode, at, bit, quarters } of bits) {
        const page = pages[PAGE_CODES.indexOf(pageCode as (typeof PAGE_CODES)[number])] as Buffer;
        page[at] = random.below(4) < quarters ? (page[at] as number) | bit : (page[at] as number) & ~bit;
      }
      const list = listOf(pages);
      const savePages = random.below(3) !== 0;
      if (savePages) this.#pending = list.toString('hex');
      await unit.modeSelect(list, { savePages });
      if (!savePages) return;
      this.#saved = list.toString('hex');
      this.#pending = null;
      this.savedCount++;
    });
  }
}
