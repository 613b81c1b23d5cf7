import { TargetError } from '../../errors.js';
import { encodeCheckedJson, isObject, parseCheckedJson } from '../../state/checked-json.js';

/** Where a cartridge was: elements by their names, so that addresses may be changed in the library file. */
export interface KeptCartridge {
  readonly path: string;
  readonly barcode: string | null;
  readonly kind: string;
  /** `slot 3`, `import-export 1`, `drive 2`. */
  readonly place: string;
  /** The slot that it was moved from last. */
  readonly source: string | null;
  readonly isImported: boolean;
  readonly isAdded: boolean;
}

/** What a library keeps over restarts. */
export interface KeptLibrary {
  readonly cartridges: readonly KeptCartridge[];
  /** Images of cartridges that were taken out although the library file still names them. */
  readonly removedPaths: readonly string[];
}

/*
 * The state file of a library is JSON that people can read, see `state/checked-json.ts`:
 *
 *     { "format": "lunloom-library-state", "version": 1, "cartridges": [ { "path": …, "place": "slot 1", … } ], "removedPaths": [ … ], "sha256": "…" }
 *
 * It counts as whole only when writing what was read gives the same bytes again.
 */
const FORMAT = 'lunloom-library-state';
const VERSION = 1;

export function encodeLibraryState({ cartridges, removedPaths }: KeptLibrary): Buffer {
  return encodeCheckedJson({ format: FORMAT, version: VERSION, cartridges: cartridges.map(inOrder), removedPaths });
}

/** With its keys always in this order. */
function inOrder({ path, barcode, kind, place, source, isImported, isAdded }: KeptCartridge): KeptCartridge {
  return { path, barcode, kind, place, source, isImported, isAdded };
}

/**
 * What a file holds. Throws `TargetError` with a sentence about `path`: `STATE_CORRUPT` when it is torn or was changed, `STATE_VERSION` when another Lunloom
 * wrote it, `STATE_FOREIGN` when it is no state file of a library.
 */
export function decodeLibraryState(bytes: Uint8Array, path: string): KeptLibrary {
  const body = parseCheckedJson(bytes);
  if (body === null) throw corrupt(path);
  const { format, version, cartridges, removedPaths } = body;
  if (format !== FORMAT) throw new TargetError('STATE_FOREIGN', `${path} is no state file of a library; move it out of the way`);
  if (typeof version === 'number' && version !== VERSION) {
    throw new TargetError('STATE_VERSION', `${path} has version ${version} and this Lunloom reads version ${VERSION}; serve with the one that wrote it`);
  }
  if (!isListOf(cartridges, isKeptCartridge) || !isListOf(removedPaths, isText)) throw corrupt(path);
  const kept: KeptLibrary = { cartridges, removedPaths };
  const isDouble = ({ path: one, place }: KeptCartridge, index: number) => cartridges.findIndex((each) => each.path === one || each.place === place) !== index;
  if (!encodeLibraryState(kept).equals(bytes) || cartridges.some(isDouble)) throw corrupt(path);
  return kept;
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isItem);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isKeptCartridge(value: unknown): value is KeptCartridge {
  if (!isObject(value)) return false;
  const { path, barcode, kind, place, source, isImported, isAdded } = value;
  const texts = isText(path) && isText(kind) && isText(place) && (barcode === null || isText(barcode)) && (source === null || isText(source));
  return texts && typeof isImported === 'boolean' && typeof isAdded === 'boolean';
}

function corrupt(path: string): TargetError {
  const howOn = 'Put a copy back, or remove it to start with every cartridge where the library file puts it';
  return new TargetError('STATE_CORRUPT', `${path} is damaged: its checksum does not fit its contents. ${howOn}`);
}
