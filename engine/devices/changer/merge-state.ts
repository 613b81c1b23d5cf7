import { TargetError } from '../../errors.js';
import { type Element, type ElementLayout, ElementType, nameOf } from './element-layout.js';
import { type LibraryContents, labelOf, type Occupant } from './library-contents.js';
import type { FiledCartridge, LibraryPlan } from './library-file.js';
import type { KeptCartridge, KeptLibrary } from './library-state-file.js';

export interface MergedLibrary {
  readonly contents: LibraryContents;
  readonly removedPaths: ReadonlySet<string>;
  /** What differs from the kept state and from the library file, in sentences. */
  readonly notices: readonly string[];
}

/**
 * Brings the library file, which a person may have edited, and the kept state together:
 *
 * - a cartridge that both know is where it was, with the barcode and the kind of the file;
 * - one that only the file knows is new and goes where the file puts it, unless an operator took it out;
 * - one that only the state knows stays when an operator added it, and is gone when it came from the file;
 * - where its element is gone or taken, it goes into the first slot that is free.
 *
 * Throws `TargetError` `LIBRARY_FULL` and `LIBRARY_BARCODE`.
 */
export function mergeLibrary({ layout, cartridges }: LibraryPlan, kept: KeptLibrary | null): MergedLibrary {
  const keptByPath = new Map((kept?.cartridges ?? []).map((each) => [each.path, each]));
  const filedPaths = new Set(cartridges.map(({ path }) => path));
  const removedPaths = new Set((kept?.removedPaths ?? []).filter((path) => filedPaths.has(path)));
  const present = cartridges.filter(({ path }) => !removedPaths.has(path));
  const placing = new Placing(layout);
  // First who has a place already, so that nobody else gets it.
  for (const each of kept?.cartridges ?? []) {
    const filed = present.find(({ path }) => path === each.path);
    if (filed !== undefined || each.isAdded) placing.keep(each, filed);
  }
  const fresh = present.filter(({ path }) => !keptByPath.has(path));
  for (const each of fresh) if (each.place !== null) placing.put(occupantOf(each), each.place, each.place);
  placing.putHomeless();
  for (const each of fresh) if (each.place === null) placing.put(occupantOf(each), null, null);
  checkBarcodes(placing.contents);
  return { contents: placing.contents, removedPaths, notices: placing.notices };
}

function occupantOf({ path, barcode, kind, place }: FiledCartridge): Occupant {
  return { cartridge: { path, barcode, kind }, sourceAddress: null, isImported: place?.type === ElementType.importExport, isAdded: false };
}

/** Fills a library at its start. */
class Placing {
  readonly contents = new Map<number, Occupant>();
  readonly notices: string[] = [];
  readonly #layout: ElementLayout;
  readonly #homeless: { readonly occupant: Occupant; readonly wanted: string }[] = [];
  /** Slots before this one are taken. */
  #nextSlot = 0;

  constructor(layout: ElementLayout) {
    this.#layout = layout;
  }

  keep(kept: KeptCartridge, filed: FiledCartridge | undefined): void {
    const { path, barcode, kind } = filed ?? kept;
    const sourceAddress = kept.source === null ? null : (this.#layout.named(kept.source)?.address ?? null);
    const occupant: Occupant = { cartridge: { path, barcode, kind }, sourceAddress, isImported: kept.isImported, isAdded: filed === undefined };
    const element = this.#layout.named(kept.place);
    if (element === undefined || element.type === ElementType.transport) this.#homeless.push({ occupant, wanted: kept.place });
    else this.contents.set(element.address, occupant);
  }

  /** Into `element` if it is free, else into the first free slot; `wanted` is what a notice then says it should have been. */
  put(occupant: Occupant, element: Element | null, wanted: Element | null): void {
    if (element !== null && !this.contents.has(element.address)) this.contents.set(element.address, occupant);
    else if (wanted === null) this.#intoSlot(occupant);
    else this.#homeless.push({ occupant, wanted: nameOf(wanted) });
  }

  putHomeless(): void {
    for (const { occupant, wanted } of this.#homeless) {
      const { number } = this.#intoSlot(occupant);
      this.notices.push(`${wanted} is not free for ${labelOf(occupant)}: it is in slot ${number}`);
    }
  }

  #intoSlot(occupant: Occupant): Element {
    const slots = this.#layout.ofType(ElementType.storage);
    while (this.#nextSlot < slots.length && this.contents.has((slots[this.#nextSlot] as Element).address)) this.#nextSlot++;
    const slot = slots[this.#nextSlot];
    if (slot === undefined) throw new TargetError('LIBRARY_FULL', `no slot is free for ${labelOf(occupant)}; give the library more slots`);
    this.contents.set(slot.address, occupant);
    return slot;
  }
}

/** The cartridges of the file have barcodes of their own; one that an operator added may have one of theirs by now. */
function checkBarcodes(contents: LibraryContents): void {
  const paths = new Map<string, string>();
  for (const { cartridge } of contents.values()) {
    if (cartridge.barcode === null) continue;
    const other = paths.get(cartridge.barcode);
    if (other !== undefined) {
      const message = `${other} and ${cartridge.path} have the same barcode ${cartridge.barcode}; give one of them another in the library file`;
      throw new TargetError('LIBRARY_BARCODE', message);
    }
    paths.set(cartridge.barcode, cartridge.path);
  }
}
