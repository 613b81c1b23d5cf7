import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import type { AttributeEntry } from '../protocol/attribute-list.js';
import { type AttributeName, CommandFailure } from '../protocol/command-failure.js';
import type { ObjectKind, ObjectName, ObjectStore } from '../store/object-store.js';
import {
  ALL,
  type AttributeContext,
  type AttributeDefinition,
  type DeviceFacts,
  isApplicationPageOf,
  isPageOf,
  PAGE_BASE,
  PAGE_IDENTIFICATION,
  PAGE_IDENTIFICATION_LENGTH,
  type PageDefinition,
  pageIdentification,
  StandardPage,
} from './attribute-page.js';
import { collectionPages } from './collection-pages.js';
import { partitionPages } from './partition-pages.js';
import { rootPages } from './root-pages.js';
import { userObjectPages } from './user-object-pages.js';

const pagesOf: Readonly<Record<ObjectKind, ReadonlyMap<number, PageDefinition>>> = {
  user: userObjectPages,
  collection: collectionPages,
  partition: partitionPages,
  root: rootPages,
};
const directoryTitle: Readonly<Record<ObjectKind, string>> = {
  user: 'User Object Directory',
  collection: 'Collection Directory',
  partition: 'Partition Directory',
  root: 'Root Directory',
};
/** Pages and attributes are fetched from the store in steps of this many. */
const STEP_COUNT = 64;

/** The attributes of one object: those of the standard pages, computed or kept, and those that an application client made up. */
export class ObjectAttributes implements AttributeContext {
  readonly store: ObjectStore;
  readonly facts: DeviceFacts;
  readonly name: ObjectName;
  readonly kind: ObjectKind;

  constructor(store: ObjectStore, facts: DeviceFacts, name: ObjectName, kind: ObjectKind) {
    this.store = store;
    this.facts = facts;
    this.name = name;
    this.kind = kind;
  }

  information() {
    return this.store.information(this.name);
  }

  /** Whether the object may have such a page at all. */
  mayHavePage(page: number): boolean {
    return isPageOf(this.kind, page);
  }

  /** The value, or null when there is none. */
  get(page: number, number: number): Uint8Array | null {
    const definition = this.#pageOf(page);
    if (page === PAGE_BASE[this.kind]) return number === PAGE_IDENTIFICATION ? pageIdentification(directoryTitle[this.kind]) : this.#directoryEntry(number);
    if (definition === undefined) return this.store.attribute(this.name, page, number);
    if (number === PAGE_IDENTIFICATION) return pageIdentification(definition.title);
    const attribute = definition.attributes.find((candidate) => candidate.number === number);
    return attribute?.read(this) ?? definition.readMore?.(this, number) ?? null;
  }

  /** What a get attributes list entry asks for: one attribute, or all of a page, or all. */
  *select({ page, number }: AttributeName): Iterable<AttributeEntry> {
    if (page === ALL) for (const each of this.#pageNumbers()) yield* this.select({ page: each, number });
    else if (number === ALL) yield* this.#allOf(page);
    else yield { page, number, value: this.get(page, number) };
  }

  /** The page as a whole, without its header; null when there is no such page. OSD-2 "Attributes pages", page format. */
  format(page: number): Uint8Array | null | 'no-format' {
    const definition = this.#pageOf(page);
    if (definition === undefined) return page === PAGE_BASE[this.kind] ? 'no-format' : this.#hasStored(page) ? 'no-format' : null;
    return definition.format?.(this) ?? 'no-format';
  }

  /** Why the attribute may not be set to a value of this length, or null when it may. */
  judge(page: number, number: number, lengthBytes: number): { readonly isPolicy: boolean } | null {
    if (number === ALL) return null;
    const definition = this.#pageOf(page);
    if (definition === undefined) {
      const fits = number !== PAGE_IDENTIFICATION || lengthBytes <= PAGE_IDENTIFICATION_LENGTH;
      return isApplicationPageOf(this.kind, page) && fits ? { isPolicy: false } : null;
    }
    const attribute = definition.attributes.find((candidate) => candidate.number === number);
    if (attribute === undefined) return definition.writeMore === undefined || number === PAGE_IDENTIFICATION ? null : { isPolicy: false };
    return isSettableTo(attribute, lengthBytes) ? { isPolicy: attribute.isPolicy === true } : null;
  }

  set(page: number, number: number, value: Uint8Array): void {
    if (this.judge(page, number, value.length) === null) throw notSettable(page, number);
    const definition = this.#pageOf(page);
    if (definition === undefined) {
      this.store.setAttribute(this.name, page, number, value.length === 0 ? null : value);
      return;
    }
    const attribute = definition.attributes.find((candidate) => candidate.number === number);
    if (attribute?.write !== undefined) attribute.write(this, value);
    else definition.writeMore?.(this, number, value);
  }

  #pageOf(page: number): PageDefinition | undefined {
    return isPageOf(this.kind, page) ? pagesOf[this.kind].get(page - PAGE_BASE[this.kind]) : undefined;
  }

  *#pageNumbers(): Iterable<number> {
    const base = PAGE_BASE[this.kind];
    yield base;
    for (const offset of pagesOf[this.kind].keys()) yield base + offset;
    yield* this.#storedPages();
  }

  /** Pages that are the application client's. */
  *#storedPages(): Iterable<number> {
    for (let from: number | null = PAGE_BASE[this.kind]; from !== null; ) {
      const step: { pageNumbers: readonly number[]; next: number | null } = this.store.attributePages(this.name, from, STEP_COUNT);
      for (const page of step.pageNumbers) if (isPageOf(this.kind, page) && this.#pageOf(page) === undefined) yield page;
      from = step.next;
    }
  }

  #hasStored(page: number): boolean {
    return this.store.attributePages(this.name, page, 1).pageNumbers[0] === page;
  }

  *#allOf(page: number): Iterable<AttributeEntry> {
    if (page === PAGE_BASE[this.kind]) {
      for (const each of this.#pageNumbers()) yield { page, number: each === page ? PAGE_IDENTIFICATION : each, value: this.#identificationOf(each) };
      return;
    }
    const definition = this.#pageOf(page);
    if (definition === undefined) {
      yield* this.#storedOf(page);
      return;
    }
    yield { page, number: PAGE_IDENTIFICATION, value: pageIdentification(definition.title) };
    for (const attribute of definition.attributes) {
      const value = attribute.read(this);
      if (value !== null) yield { page, number: attribute.number, value };
    }
    for (const [number, value] of definition.more?.(this) ?? []) yield { page, number, value };
  }

  *#storedOf(page: number): Iterable<AttributeEntry> {
    let from: { pageNumber: number; attributeNumber: number } | null = { pageNumber: page, attributeNumber: 0 };
    while (from !== null) {
      const step: ReturnType<ObjectStore['attributes']> = this.store.attributes(this.name, { from, pageNumber: page, countMax: STEP_COUNT });
      for (const entry of step.entries) yield { page, number: entry.attributeNumber, value: entry.value };
      from = step.next;
    }
  }

  /** The attribute of a directory page whose number is that of a page says what that page is. OSD-2 "Attributes directories". */
  #directoryEntry(page: number): Uint8Array | null {
    if (!isPageOf(this.kind, page)) return null;
    return this.#pageOf(page) !== undefined || this.#hasStored(page) ? this.#identificationOf(page) : null;
  }

  #identificationOf(page: number): Uint8Array {
    if (page === PAGE_BASE[this.kind]) return pageIdentification(directoryTitle[this.kind]);
    const definition = this.#pageOf(page);
    if (definition !== undefined) return pageIdentification(definition.title);
    const bytes = new Uint8Array(PAGE_IDENTIFICATION_LENGTH);
    bytes.set(this.store.attribute(this.name, page, PAGE_IDENTIFICATION)?.subarray(0, PAGE_IDENTIFICATION_LENGTH) ?? []);
    return bytes;
  }
}

function isSettableTo(attribute: AttributeDefinition, lengthBytes: number): boolean {
  if (attribute.write === undefined) return false;
  const { lengthBytesMin = 0, lengthBytesMax = 0 } = attribute;
  // Of a fixed length nothing can be left out; a name can be taken away.
  if (lengthBytes === 0) return lengthBytesMin !== lengthBytesMax;
  return lengthBytes >= lengthBytesMin && lengthBytes <= lengthBytesMax;
}

function notSettable(page: number, number: number): CommandFailure {
  return new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInParameterList, {}, [{ page, number }]);
}

/** The first page of the kind, for what asks about pages of members. */
export function informationPage(kind: ObjectKind): number {
  return PAGE_BASE[kind] + StandardPage.information;
}
