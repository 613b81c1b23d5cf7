import { assert } from '../../errors.js';

/** ELEMENT TYPE CODE, SMC-3 "READ ELEMENT STATUS command". */
export const ElementType = { transport: 0x1, storage: 0x2, importExport: 0x3, dataTransfer: 0x4 } as const;
export type ElementType = (typeof ElementType)[keyof typeof ElementType];

/** How people name elements: `slot 3`. Those of data transfer elements are numbered by the LUN of the drive, the others from 1. */
const NAMES: Readonly<Record<ElementType, string>> = {
  [ElementType.transport]: 'picker',
  [ElementType.storage]: 'slot',
  [ElementType.importExport]: 'import-export',
  [ElementType.dataTransfer]: 'drive',
};

/** A place in a library, SMC-3 "Elements". */
export interface Element {
  /** What CDBs call it. */
  readonly address: number;
  readonly type: ElementType;
  /** What people call it: from 1, or the LUN of a drive. */
  readonly number: number;
}

/** The elements of one type, which have consecutive addresses. */
export interface ElementRange {
  readonly type: ElementType;
  readonly firstAddress: number;
  /** The numbers of its elements, in the order of their addresses. */
  readonly numbers: readonly number[];
}

/** Where the elements of a library are. It does not change while the library is served. */
export class ElementLayout {
  /** By ascending address. */
  readonly elements: readonly Element[];
  readonly #byAddress = new Map<number, Element>();
  readonly #byName = new Map<string, Element>();
  readonly #ranges: readonly ElementRange[];

  /** The ranges do not overlap: `library-file.ts` sees to it. */
  constructor(ranges: readonly ElementRange[]) {
    this.#ranges = ranges;
    for (const { type, firstAddress, numbers } of ranges) {
      for (const [index, number] of numbers.entries()) {
        const element: Element = { address: firstAddress + index, type, number };
        assert(!this.#byAddress.has(element.address), 'ranges of elements do not overlap');
        this.#byAddress.set(element.address, element);
        this.#byName.set(nameOf(element), element);
      }
    }
    this.elements = [...this.#byAddress.values()].sort((one, other) => one.address - other.address);
  }

  at(address: number): Element | undefined {
    return this.#byAddress.get(address);
  }

  /** `slot 3`, `import-export 1`, `drive 2`. */
  named(name: string): Element | undefined {
    return this.#byName.get(name);
  }

  ofType(type: ElementType): readonly Element[] {
    return this.elements.filter((element) => element.type === type);
  }

  /** Where the elements of a type begin, and how many there are. */
  range(type: ElementType): { readonly firstAddress: number; readonly count: number } {
    const range = this.#ranges.find((each) => each.type === type);
    assert(range !== undefined, 'a layout has a range of every type, if an empty one');
    return { firstAddress: range.firstAddress, count: range.numbers.length };
  }
}

export function nameOf({ type, number }: Pick<Element, 'type' | 'number'>): string {
  return `${NAMES[type]} ${number}`;
}

/** Cartridges are put here by people: neither pickers nor drives. */
export function isForPeople({ type }: Element): boolean {
  return type === ElementType.storage || type === ElementType.importExport;
}
