import { assert, TargetError } from '../../errors.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit, UnitPart } from '../../scsi/logical-unit.js';
import type { Cartridge } from '../../scsi/media-drive.js';
import { Asc } from '../../scsi/sense-codes.js';
import { DriveBays } from './drive-bays.js';
import { type Element, type ElementLayout, ElementType, nameOf } from './element-layout.js';
import { imageExists } from './images.js';
import { addressOfBarcode, addressOfPath, afterHops, type Hop, type LibraryContents, labelOf, type Occupant } from './library-contents.js';
import type { KeptLibrary } from './library-state-file.js';
import type { MergedLibrary } from './merge-state.js';
import { type TransportFault, TransportFaults } from './transport-fault.js';

export interface LibraryOptions {
  readonly layout: ElementLayout;
  readonly autoUnload: boolean;
  readonly start: MergedLibrary;
  /** Keeps it over restarts: resolves when it is on stable storage, rejects with `TargetError`. */
  readonly save: (kept: KeptLibrary) => Promise<void>;
  readonly onNotice: (message: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/**
 * A media library: which element holds which cartridge, and the picker that moves them. All that changes it happens one after the other, and counts when it is
 * on stable storage: a move that a crash cuts off has been made or has not.
 */
export class Library implements UnitPart {
  readonly layout: ElementLayout;
  readonly #options: LibraryOptions;
  #contents: LibraryContents;
  #removedPaths: ReadonlySet<string>;
  #unit: LogicalUnit | null = null;
  #drives: DriveBays | null = null;
  /** What changes the library, in order. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  /** Images that were not there when the picker last looked, by path. */
  #missingPaths: ReadonlySet<string> = new Set();
  /** Addresses of the import/export elements that are open. */
  readonly #open = new Set<number>();

  constructor(options: LibraryOptions) {
    this.layout = options.layout;
    this.#options = options;
    this.#contents = options.start.contents;
    this.#removedPaths = options.start.removedPaths;
  }

  /** The changer's logical unit. */
  get unit(): LogicalUnit {
    assert(this.#unit !== null, 'a library is attached to its logical unit');
    return this.#unit;
  }

  get contents(): LibraryContents {
    return this.#contents;
  }

  get drives(): DriveBays {
    assert(this.#drives !== null, 'a library is attached to its logical unit');
    return this.#drives;
  }

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
    this.#drives = new DriveBays(unit.host, this.#options);
  }

  /** Rejects with `TargetError` `LIBRARY_DRIVE` when one of the drives is none. Resolves when the drives have the cartridges that they had. */
  async onTargetBuilt(): Promise<void> {
    for (const element of this.layout.ofType(ElementType.dataTransfer)) {
      if (this.drives.at(element) !== null) continue;
      const what = this.drives.unitAt(element) === undefined ? 'there is no such LUN' : 'it is no drive';
      const hint = `add --lun ${element.number}=tape: or leave it out of drives`;
      throw new TargetError('LIBRARY_DRIVE', `LUN ${this.unit.lun}: the library has LUN ${element.number} as a drive, and ${what}; ${hint}`);
    }
    await this.#inTurn(() => this.#begin()).catch(this.#options.onDefect);
  }

  /** The door closes. */
  onReset(): void {
    this.#open.clear();
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** What is in an element: of a drive also what an operator put into it. */
  cartridgeIn(element: Element): Cartridge | null {
    const occupant = this.#contents.get(element.address);
    if (occupant !== undefined) return occupant.cartridge;
    return element.type === ElementType.dataTransfer ? (this.drives.at(element)?.current ?? null) : null;
  }

  /** Whether the picker can take a cartridge out now. */
  isAccessible(element: Element): boolean {
    if (element.type === ElementType.importExport) return !this.#open.has(element.address);
    return this.drives.faultOfUnload(element) === null;
  }

  isImageMissing({ cartridge }: Occupant): boolean {
    return this.#missingPaths.has(cartridge.path);
  }

  get hasMissingImages(): boolean {
    return [...this.#contents.values()].some((occupant) => this.isImageMissing(occupant));
  }

  /** Whether one of the drives makes images of this kind that are not there. */
  makesMissing(kind: string): boolean {
    const drives = this.layout.ofType(ElementType.dataTransfer).map((element) => this.drives.at(element));
    return drives.some((drive) => drive?.kind === kind && drive.makesMissing === true);
  }

  /** Looks which images are there. */
  takeInventory(): Promise<void> {
    return this.#inTurn(() => this.#takeInventory());
  }

  /** Opens or closes an import/export element. */
  setOpen(element: Element, isOpen: boolean, nexus: ITNexus): void {
    if (isOpen) this.#open.add(element.address);
    // While it was open somebody may have done something: who closes it knows.
    else if (this.#open.delete(element.address)) this.#tell(Asc.importOrExportElementAccessed, nexus);
  }

  /** Moves cartridges, all of them or none. Resolves with null when they have been moved. Sense data of the drives is theirs. */
  transfer(hops: readonly Hop[]): Promise<TransportFault | null> {
    return this.#inTurn(() => this.#transfer(hops));
  }

  /** As `transfer`, by an operator: initiators are told that media may have changed. */
  async transferByOperator(hops: readonly Hop[]): Promise<TransportFault | null> {
    const fault = await this.transfer(hops);
    if (fault === null) this.#tell(Asc.mediumMayHaveChanged);
    return fault;
  }

  /** An operator puts a cartridge into a slot or an import/export element. Rejects with `TargetError`. */
  add(element: Element, cartridge: Cartridge): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#contents.has(element.address)) throw new TargetError('LIBRARY_OCCUPIED', `${nameOf(element)} is not free`);
      if (addressOfPath(this.#contents, cartridge.path) !== undefined) throw new TargetError('LIBRARY_PATH', `${cartridge.path} is in the library already`);
      if (cartridge.barcode !== null && addressOfBarcode(this.#contents, cartridge.barcode) !== undefined) {
        throw new TargetError('LIBRARY_BARCODE', `a cartridge with the barcode ${cartridge.barcode} is in the library already`);
      }
      const isImported = element.type === ElementType.importExport;
      const occupant: Occupant = { cartridge, sourceAddress: null, isImported, isAdded: true };
      const removedPaths = new Set(this.#removedPaths);
      // The library file may still name it: then it is the file's cartridge again.
      const isFiled = removedPaths.delete(cartridge.path);
      await this.#keep(new Map(this.#contents).set(element.address, isFiled ? { ...occupant, isAdded: false } : occupant), removedPaths);
      this.#tell(isImported ? Asc.importOrExportElementAccessed : Asc.mediumMayHaveChanged);
    });
  }

  /** An operator takes a cartridge out of a slot or an import/export element. Rejects with `TargetError`. */
  take(element: Element): Promise<Cartridge> {
    return this.#inTurn(async () => {
      const occupant = this.#contents.get(element.address);
      if (occupant === undefined) throw new TargetError('LIBRARY_EMPTY', `there is no cartridge in ${nameOf(element)}`);
      const contents = new Map(this.#contents);
      contents.delete(element.address);
      await this.#keep(contents, occupant.isAdded ? this.#removedPaths : new Set([...this.#removedPaths, occupant.cartridge.path]));
      this.#tell(element.type === ElementType.importExport ? Asc.importOrExportElementAccessed : Asc.mediumMayHaveChanged);
      return occupant.cartridge;
    });
  }

  #tell(asc: number, except?: ITNexus): void {
    this.unit.tellNexuses(asc, except);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  /** Writes down where cartridges without a place have gone, so that they stay there however the library file is edited; and into each drive what was in it. */
  async #begin(): Promise<void> {
    try {
      await this.#keep(this.#contents, this.#removedPaths);
    } catch (error) {
      this.#options.onNotice((error as Error).message);
    }
    await this.#takeInventory();
    for (const element of this.layout.ofType(ElementType.dataTransfer)) await this.drives.load(element, this.#contents.get(element.address));
  }

  /** An image that is not there is missing only where no drive would make it. */
  async #takeInventory(): Promise<void> {
    const missing = new Set<string>();
    for (const occupant of this.#contents.values()) {
      const { path, kind } = occupant.cartridge;
      if (this.makesMissing(kind) || (await imageExists(path))) continue;
      missing.add(path);
      if (!this.#missingPaths.has(path)) this.#options.onNotice(`there is no file at the path of the cartridge ${labelOf(occupant)}`);
    }
    this.#missingPaths = missing;
  }

  async #transfer(hops: readonly Hop[]): Promise<TransportFault | null> {
    for (const hop of hops) await this.#adopt(hop);
    const moving = hops.filter(({ from, to }) => from !== to);
    const fault = await this.#faultOf(hops);
    if (fault !== null || moving.length === 0) return fault;
    const unloaded: Hop[] = [];
    for (const hop of moving) {
      const unloadFault = await this.drives.unload(hop.from, this.#contents.get(hop.from.address));
      if (unloadFault === null) {
        unloaded.push(hop);
        continue;
      }
      await this.#putBack(unloaded);
      return unloadFault;
    }
    const before = this.#contents;
    try {
      await this.#keep(afterHops(before, moving), this.#removedPaths);
    } catch (error) {
      this.#options.onNotice((error as Error).message);
      await this.#putBack(moving);
      return TransportFaults.notKept;
    }
    const loadFaults = [];
    for (const { to } of moving) loadFaults.push(await this.drives.load(to, this.#contents.get(to.address)));
    return loadFaults.find((each) => each !== null) ?? null;
  }

  /** What stands in the way, before anything has moved. */
  async #faultOf(hops: readonly Hop[]): Promise<TransportFault | null> {
    const leaving = new Set(hops.map(({ from }) => from.address));
    if (hops.some(({ from, to }) => from.type === ElementType.transport || to.type === ElementType.transport)) return TransportFaults.noSuchElement;
    for (const { from, to } of hops) {
      const occupant = this.#contents.get(from.address);
      if (occupant === undefined) return TransportFaults.sourceEmpty;
      if (this.#open.has(from.address) || this.#open.has(to.address)) return TransportFaults.elementOpen;
      if (from === to) continue;
      if (this.#contents.has(to.address) && !leaving.has(to.address)) return TransportFaults.destinationFull;
      const fault = this.drives.faultOfUnload(from) ?? (await this.drives.faultOfLoad(to, occupant, leaving.has(to.address)));
      if (fault !== null) return fault;
    }
    return null;
  }

  /** The cartridges of hops that will not be made go back into their drives. */
  async #putBack(hops: readonly Hop[]): Promise<void> {
    for (const { from } of hops) await this.drives.load(from, this.#contents.get(from.address));
  }

  /** A cartridge that an operator put into a drive itself joins the library when the picker is to take it. */
  async #adopt({ from }: Hop): Promise<void> {
    const cartridge = from.type === ElementType.dataTransfer ? this.drives.at(from)?.current : undefined;
    if (cartridge === undefined || cartridge === null || this.#contents.has(from.address)) return;
    if (addressOfPath(this.#contents, cartridge.path) !== undefined) return;
    const isKnown = cartridge.barcode !== null && addressOfBarcode(this.#contents, cartridge.barcode) !== undefined;
    const adopted = isKnown ? { ...cartridge, barcode: null } : cartridge;
    const occupant: Occupant = { cartridge: adopted, sourceAddress: null, isImported: false, isAdded: true };
    await this.#keep(new Map(this.#contents).set(from.address, occupant), this.#removedPaths);
  }

  /** From here on it is so, if it is on stable storage; else all is as it was. */
  async #keep(contents: LibraryContents, removedPaths: ReadonlySet<string>): Promise<void> {
    await this.#options.save(this.#keptForm(contents, removedPaths));
    this.#contents = contents;
    this.#removedPaths = removedPaths;
  }

  #keptForm(contents: LibraryContents, removedPaths: ReadonlySet<string>): KeptLibrary {
    const nameAt = (address: number) => nameOf(this.layout.at(address) as Element);
    const cartridges = [...contents].map(
      ([
        address,
        {
          cartridge: { path, barcode, kind },
          sourceAddress,
          isImported,
          isAdded,
        },
      ]) => {
        return { path, barcode, kind, place: nameAt(address), source: sourceAddress === null ? null : nameAt(sourceAddress), isImported, isAdded };
      },
    );
    return { cartridges, removedPaths: [...removedPaths] };
  }
}

/** The library of a changer's logical unit: its device brings it along. */
export function libraryOf(unit: LogicalUnit): Library {
  return unit.givenPart(Library);
}
