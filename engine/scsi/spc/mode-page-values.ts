import { assert } from '../../errors.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import type { StateValue } from '../unit-host.js';
import { isSamePage, type ModePage, type ModeProfile } from './mode-page.js';

/** PAGE CONTROL of MODE SENSE. */
export const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;
export type PageControl = (typeof PageControl)[keyof typeof PageControl];

/** Whole parameters by page. */
export type ModeChanges = ReadonlyMap<ModePage, Uint8Array>;

/** Where saved values are kept: hex digits by page. */
const STATE_SECTION = 'modePages';
const EVEN_HEX = /^(?:[0-9a-f]{2})*$/;

/** The mode parameters of a logical unit, shared by all I_T nexuses. SPC-4 "Mode parameters". */
export class ModePages implements UnitPart {
  readonly profile: ModeProfile;
  readonly #unit: LogicalUnit;
  /** What was asked for. Where a page is not in it, or a field of it cannot be changed now, the default holds. */
  #current: ModeChanges;
  #saved: ModeChanges;

  constructor(unit: LogicalUnit) {
    const { modes } = unit.deviceType;
    assert(modes !== undefined, `the device type ${unit.deviceType.name} has mode pages`);
    this.profile = modes;
    this.#unit = unit;
    this.#saved = this.#loadSaved();
    this.#current = this.#saved;
    this.#applyAll();
  }

  /** Whether values can be saved at all: something is kept over restarts. */
  get isKept(): boolean {
    return this.#unit.host.state.isKept;
  }

  /** The pages that the unit has now. */
  get pages(): readonly ModePage[] {
    return this.profile.pages.filter((page) => page.isThere?.(this.#unit) !== false);
  }

  /** PS: the page has something that can be changed and saved. */
  isSaveable(page: ModePage): boolean {
    return this.isKept && this.#isChangeable(page);
  }

  /** A page's parameters, which are the caller's own. */
  read(page: ModePage, control: PageControl): Uint8Array {
    if (control === PageControl.changeable) return this.#mask(page);
    if (control === PageControl.default) return page.defaults(this.#unit);
    return this.#merge(page, (control === PageControl.saved ? this.#saved : this.#current).get(page));
  }

  /** Whether cached data has to be on the medium before a MODE SELECT of these ends. */
  needsFlush(changes: ModeChanges): boolean {
    return [...changes].some(([page, after]) => page.needsFlush?.(this.read(page, PageControl.current), after, this.#unit) === true);
  }

  /** Puts the parameters in force. Answers what held before, to go back to; it is empty when nothing has changed. */
  change(changes: ModeChanges): ModeChanges {
    const before = new Map<ModePage, Uint8Array>();
    const read = (page: ModePage) => this.read(page, PageControl.current);
    // It grows by what the changes entail, until nothing changes any more.
    const asked = [...changes];
    for (const [page, after] of asked) {
      const current = read(page);
      if (isSamePage(current, after)) continue;
      if (!before.has(page)) before.set(page, current);
      this.#current = new Map(this.#current).set(page, after);
      page.apply?.(after, this.#unit);
      asked.push(...(page.entails?.(after, read) ?? []));
    }
    return before;
  }

  /**
   * Saves the current values of all pages. Rejects as `UnitState.save` does; then those that were saved before still are. What are the defaults is not
   * written down, so that the configuration, which some defaults come from, is heard when it is changed.
   */
  async save(): Promise<void> {
    const saved = new Map(this.#saved);
    for (const page of this.pages) {
      // Of a page that cannot be changed while there is no medium what was saved for the next one stays.
      if (!this.#isChangeable(page)) continue;
      const current = this.read(page, PageControl.current);
      if (isSamePage(current, page.defaults(this.#unit))) saved.delete(page);
      else saved.set(page, current);
    }
    await this.#unit.host.state.save(STATE_SECTION, stateOf(saved));
    this.#saved = saved;
  }

  /** SPC-4 "Mode parameters": after a reset the saved values are the current ones, or the defaults where none are. */
  onReset(): void {
    this.#current = this.#saved;
    this.#applyAll();
  }

  /** What can be changed may depend on the medium. */
  onMediumChanged(): void {
    this.#applyAll();
  }

  #applyAll(): void {
    for (const page of this.pages) page.apply?.(this.read(page, PageControl.current), this.#unit);
  }

  #mask(page: ModePage): Uint8Array {
    return page.changeable?.(this.#unit) ?? new Uint8Array(page.defaults(this.#unit).length);
  }

  #isChangeable(page: ModePage): boolean {
    return this.#mask(page).some((byte) => byte !== 0);
  }

  #merge(page: ModePage, asked: Uint8Array | undefined): Uint8Array {
    const parameters = page.defaults(this.#unit);
    if (asked === undefined) return parameters;
    const mask = this.#mask(page);
    return parameters.map((byte, at) => (byte & ~(mask[at] as number)) | ((asked[at] as number) & (mask[at] as number)));
  }

  /** What was saved, but for pages that are no more what they were then: of those the defaults hold. */
  #loadSaved(): ModeChanges {
    const kept = this.#unit.host.state.load(STATE_SECTION);
    const saved = new Map<ModePage, Uint8Array>();
    if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) return saved;
    for (const page of this.profile.pages) {
      const text = (kept as { readonly [key: string]: StateValue })[keyOf(page)];
      if (typeof text !== 'string' || !EVEN_HEX.test(text)) continue;
      const parameters = Uint8Array.from(Buffer.from(text, 'hex'));
      if (parameters.length !== page.defaults(this.#unit).length || (page.fault?.(parameters) ?? null) !== null) continue;
      saved.set(page, parameters);
    }
    return saved;
  }
}

/** `0a`, or `0a/01`. */
function keyOf({ code, subpage }: ModePage): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return subpage === 0 ? hex(code) : `${hex(code)}/${hex(subpage)}`;
}

function stateOf(saved: ModeChanges): StateValue {
  return Object.fromEntries([...saved].map(([page, parameters]) => [keyOf(page), Buffer.from(parameters).toString('hex')]));
}
