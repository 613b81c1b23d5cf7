import { resolve } from 'node:path';
import { type ConfigPath, type ConfigProblem, formatPath } from '../../config/problem.js';
import { type ElementRange, ElementType } from './element-layout.js';
import { type CartridgeDraft, ELEMENT_ADDRESS_MAX, type LibraryDraft } from './library-schema.js';

/** First element addresses unless the file says others: far apart, so that a library may grow, and those that most libraries have. */
const DEFAULT_ADDRESSES = { pickers: 0, drives: 256, 'import-export': 768, slots: 1024 } as const;
type RangeKey = keyof typeof DEFAULT_ADDRESSES;
const TYPE_OF: Readonly<Record<RangeKey, ElementType>> = {
  pickers: ElementType.transport,
  drives: ElementType.dataTransfer,
  'import-export': ElementType.importExport,
  slots: ElementType.storage,
};
const RANGE_KEYS = Object.keys(DEFAULT_ADDRESSES) as readonly RangeKey[];

/** The ranges that a draft describes; they may overlap. */
export function rangesOf(draft: LibraryDraft): readonly ElementRange[] {
  return RANGE_KEYS.map((key) => ({ type: TYPE_OF[key], firstAddress: draft.addresses?.[key] ?? DEFAULT_ADDRESSES[key], numbers: numbersOf(draft, key) }));
}

function numbersOf(draft: LibraryDraft, key: RangeKey): readonly number[] {
  if (key === 'drives') return (draft.drives ?? []).filter((lun) => lun !== undefined);
  const count = key === 'pickers' ? (draft.pickers ?? 1) : (draft[key] ?? 0);
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Rules between the values of a library file. */
export function checkLibrary(draft: LibraryDraft, elementCountMax: number, baseDirectory: string, problems: ConfigProblem[]): void {
  const invalid = (path: ConfigPath, message: string) => problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message });
  checkDrives(draft, invalid);
  checkAddresses(draft, elementCountMax, invalid);
  checkCartridges(draft, baseDirectory, invalid);
}

type Invalid = (path: ConfigPath, message: string) => void;

function checkDrives({ drives = [] }: LibraryDraft, invalid: Invalid): void {
  for (const [index, lun] of drives.entries()) {
    if (lun !== undefined && drives.indexOf(lun) < index) invalid(['drives', index], `LUN ${lun} is there twice`);
  }
}

function checkAddresses(draft: LibraryDraft, elementCountMax: number, invalid: Invalid): void {
  const ranges = rangesOf(draft).map((range, index) => ({
    key: RANGE_KEYS[index] as RangeKey,
    first: range.firstAddress,
    end: range.firstAddress + range.numbers.length,
  }));
  const elementCount = ranges.reduce((sum, { first, end }) => sum + end - first, 0);
  if (elementCount > elementCountMax) {
    invalid(['slots'], `expected at most ${elementCountMax} elements in all (limits.libraryElementCountMax), found ${elementCount}`);
    return;
  }
  for (const [index, { key, first, end }] of ranges.entries()) {
    const path = draft.addresses?.[key] === undefined ? [key] : ['addresses', key];
    if (end - 1 > ELEMENT_ADDRESS_MAX) invalid(path, `element addresses end at ${ELEMENT_ADDRESS_MAX}; ${key} would reach to ${end - 1}`);
    const other = ranges.slice(0, index).find((each) => first < each.end && each.first < end);
    if (other === undefined) continue;
    const described = `${key} have the element addresses ${first} to ${end - 1}, of which ${other.key} (${other.first} to ${other.end - 1}) have some`;
    invalid(path, `${described}; set addresses so that they do not overlap`);
  }
}

/** What a place is called in the file, in the order in which the messages name them. */
const PLACE_KEYS = ['slot', 'import-export', 'drive'] as const;

function checkCartridges(draft: LibraryDraft, baseDirectory: string, invalid: Invalid): void {
  const firstUses = new Map<string, ConfigPath>();
  const claim = (what: string, path: ConfigPath, sentence: (first: string) => string) => {
    const first = firstUses.get(what);
    if (first === undefined) firstUses.set(what, path.slice(0, -1));
    else invalid(path, sentence(formatPath(first)));
  };
  const cartridges = draft.cartridges ?? [];
  for (const [index, cartridge] of cartridges.entries()) {
    if (cartridge === undefined) continue;
    const at: ConfigPath = ['cartridges', index];
    const { path, barcode } = cartridge;
    if (path !== undefined) claim(`path ${resolve(baseDirectory, path)}`, [...at, 'path'], (first) => `${path} is the image of ${first} already`);
    if (barcode !== undefined) claim(`barcode ${barcode}`, [...at, 'barcode'], (first) => `the barcode ${barcode} is that of ${first} already`);
    const [key, ...others] = PLACE_KEYS.filter((each) => cartridge[each] !== undefined);
    if (key === undefined) continue;
    if (others.length > 0) invalid([...at, others[0] as string], `the cartridge has a place already, ${key} ${cartridge[key]}`);
    checkPlace(draft, cartridge, key, [...at, key], invalid);
    claim(`${key} ${cartridge[key]}`, [...at, key], (first) => `${key} ${cartridge[key]} holds ${first} already`);
  }
  const room = (draft.slots ?? 0) + (draft['import-export'] ?? 0) + (draft.drives ?? []).length;
  if (draft.slots !== undefined && cartridges.length > room) invalid(['cartridges'], `${cartridges.length} cartridges do not fit into ${room} elements`);
}

function checkPlace(draft: LibraryDraft, cartridge: CartridgeDraft, key: (typeof PLACE_KEYS)[number], path: ConfigPath, invalid: Invalid): void {
  const number = cartridge[key] as number;
  if (key === 'drive') {
    const { drives } = draft;
    if (drives !== undefined && !drives.includes(number)) invalid(path, `no drive has LUN ${number}; the drives are LUN ${drives.join(', ')}`);
    return;
  }
  const count = key === 'slot' ? draft.slots : (draft['import-export'] ?? 0);
  const word = key === 'slot' ? 'slots' : 'import/export elements';
  if (count !== undefined && number > count)
    invalid(path, count === 0 ? `the library has no ${word}` : `expected a number from 1 to ${count}, found ${number}`);
}
