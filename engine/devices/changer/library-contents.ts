import { assert } from '../../errors.js';
import type { Cartridge } from '../../scsi/media-drive.js';
import { type Element, ElementType } from './element-layout.js';

/** A cartridge in its element. */
export interface Occupant {
  readonly cartridge: Cartridge;
  /** Address of the storage element that it was moved from last, SMC-3 "SOURCE STORAGE ELEMENT ADDRESS field"; null before it has been moved. */
  readonly sourceAddress: number | null;
  /** A person put it into its import/export element, and not the picker: IMPEXP. */
  readonly isImported: boolean;
  /** Added while the library was served: the library file does not know it. */
  readonly isAdded: boolean;
}

/** Which element holds which cartridge, by element address. It is replaced as a whole, so that a move that fails has changed nothing. */
export type LibraryContents = ReadonlyMap<number, Occupant>;

/** One way that a cartridge goes. */
export interface Hop {
  readonly from: Element;
  readonly to: Element;
}

/** The contents after all hops, which happen at once: an exchange takes both cartridges out before it puts either in. */
export function afterHops(contents: LibraryContents, hops: readonly Hop[]): LibraryContents {
  const next = new Map(contents);
  const moving = hops.map(({ from, to }) => {
    const occupant = contents.get(from.address);
    assert(occupant !== undefined, 'a cartridge is moved from where one is');
    next.delete(from.address);
    const sourceAddress = from.type === ElementType.storage ? from.address : occupant.sourceAddress;
    return { to, occupant: { ...occupant, sourceAddress, isImported: false } };
  });
  for (const { to, occupant } of moving) {
    assert(!next.has(to.address), 'a cartridge is moved to where none is');
    next.set(to.address, occupant);
  }
  return next;
}

/** The element address of the cartridge with this image, or of none. */
export function addressOfPath(contents: LibraryContents, path: string): number | undefined {
  for (const [address, { cartridge }] of contents) if (cartridge.path === path) return address;
  return undefined;
}

export function addressOfBarcode(contents: LibraryContents, barcode: string): number | undefined {
  for (const [address, { cartridge }] of contents) if (cartridge.barcode === barcode) return address;
  return undefined;
}

/** A cartridge in a sentence. */
export function labelOf({ cartridge: { path, barcode } }: Occupant): string {
  return barcode === null ? path : `${barcode} (${path})`;
}
