import { createHash } from 'node:crypto';
import { TargetError } from '../errors.js';
import { encodeCheckedJson, isObject, parseCheckedJson } from './checked-json.js';

/** What JSON can say. */
export type KeptValue = null | boolean | number | string | readonly KeptValue[] | { readonly [key: string]: KeptValue };

/** Whose state it is. */
export interface UnitName {
  readonly target: string;
  readonly lun: number;
}

export interface StateDocument extends UnitName {
  readonly sections: ReadonlyMap<string, KeptValue>;
}

/*
 * A state file is JSON that people can read, see `checked-json.ts`:
 *
 *     { "format": "lunloom-unit-state", "version": 1, "target": "iqn…", "lun": 0, "sections": { … }, "sha256": "…" }
 *
 * A file counts as whole only when writing what was read from it gives the same bytes again, so that there is no byte in it whose change goes unnoticed.
 */
const FORMAT = 'lunloom-unit-state';
const VERSION = 1;

const READABLE_LENGTH_MAX = 96;
const NAME_HASH_LENGTH = 16;
/** Names that `stateFileNameOf` makes; other files in the directory are none of our business. */
export const STATE_FILE_PATTERN = /^[a-z0-9._-]+-lun\d+-[0-9a-f]{16}\.json$/;

/** The name of a unit's file: readable for people, and by its digest one of its own even where targets' names have letters that file names have not. */
export function stateFileNameOf({ target, lun }: UnitName): string {
  const readable = target.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '_');
  const digest = createHash('sha256').update(`${target}\0${lun}`).digest('hex');
  return `${readable.slice(0, READABLE_LENGTH_MAX)}-lun${lun}-${digest.slice(0, NAME_HASH_LENGTH)}.json`;
}

export function encodeStateFile({ target, lun, sections }: StateDocument): Buffer {
  return encodeCheckedJson({ format: FORMAT, version: VERSION, target, lun, sections: Object.fromEntries(sections) });
}

/**
 * What a file holds. Throws `TargetError` with a sentence about `path`: `STATE_CORRUPT` when it is torn or was changed, `STATE_VERSION` when another
 * Lunloom wrote it, `STATE_FOREIGN` when it is no state file, or one of another unit than its name says.
 */
export function decodeStateFile(bytes: Uint8Array, path: string, fileName: string): StateDocument {
  const body = parseCheckedJson(bytes);
  if (body === null) throw corrupt(path);
  if (body['format'] !== FORMAT) throw new TargetError('STATE_FOREIGN', `${path} is no state file of Lunloom; ${HOW_ON}`);
  const { version, target, lun, sections } = body;
  if (typeof version === 'number' && version !== VERSION) {
    throw new TargetError('STATE_VERSION', `${path} has version ${version} and this Lunloom reads version ${VERSION}; serve with the one that wrote it`);
  }
  if (typeof target !== 'string' || typeof lun !== 'number' || !isObject(sections)) throw corrupt(path);
  const document = { target, lun, sections: new Map(Object.entries(sections)) as Map<string, KeptValue> };
  if (!encodeStateFile(document).equals(bytes)) throw corrupt(path);
  if (stateFileNameOf(document) !== fileName) {
    throw new TargetError('STATE_FOREIGN', `${path} is the state of LUN ${lun} of ${target}, whose file has another name; ${HOW_ON}`);
  }
  return document;
}

const HOW_ON = 'move it out of the state directory';

function corrupt(path: string): TargetError {
  const message = `${path} is damaged: its checksum does not fit its contents. Put a copy back, or remove it to start without what it kept`;
  return new TargetError('STATE_CORRUPT', message);
}
