import { resolve } from 'node:path';
import { formatByteSize, parseByteSize } from './byte-size.js';
import { didYouMean } from './did-you-mean.js';
import type { StoreConfig } from './engine-config.js';
import { fault, type Parsed, quoted } from './parsed.js';

/** A store as its text alone says it; `size` and `direct` are keys beside the text and are added later. */
export type StoreText = { readonly kind: 'ram' | 'null'; readonly sizeBytes: number } | { readonly kind: 'file'; readonly path: string };

export const STORE_KINDS = ['ram', 'null', 'file'] as const;
export const STORE_FORM = 'a store: ram:SIZE, null:SIZE or file:PATH';

/** `ram:1GiB`, `null:1TiB`, `file:/srv/disk.img`. Everything after the first colon is the path of a file. */
export function parseStoreText(text: string): Parsed<StoreText> {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  switch (kind) {
    case 'ram':
    case 'null': {
      if (rest === '') return fault(`expected ${kind}:SIZE such as ${kind}:1GiB, found ${quoted(text)}`);
      const size = parseByteSize(rest);
      return size.fault === undefined ? { value: { kind, sizeBytes: size.value } } : fault(size.fault);
    }
    case 'file':
      return parseFilePath(rest, text);
    default: {
      const looksLikePath = /^(?:[./~]|[a-z]:[\\/])/i.test(text);
      const hint = looksLikePath ? `; write file:${text} to serve a file` : didYouMean(kind, STORE_KINDS);
      return fault(`expected ${STORE_FORM}, found ${quoted(text)}${hint}`);
    }
  }
}

function parseFilePath(path: string, text: string): Parsed<StoreText> {
  if (path === '') return fault(`expected file:PATH such as file:/srv/disk.img, found ${quoted(text)}`);
  if (path.includes('\0')) return fault(`expected a path without zero bytes, found ${quoted(text)}`);
  // No shell expands a tilde behind "file:", and a directory named "~" is never what was meant.
  if (path === '~' || path.startsWith('~/')) return fault(`expected a path, found ${quoted(text)}; "~" is not expanded here, write the whole path`);
  return { value: { kind: 'file', path } };
}

/** Where a `file:` path leads: relative ones start at `baseDirectory`. */
export function resolveStorePath(baseDirectory: string, path: string): string {
  return resolve(baseDirectory, path);
}

/** The text that `parseStoreText` reads back. */
export function formatStoreText(store: StoreConfig): string {
  return store.kind === 'file' ? `file:${store.path}` : `${store.kind}:${formatByteSize(store.sizeBytes)}`;
}
