import { resolve } from 'node:path';
import { deviceKinds, findDeviceKind } from '../devices/registry.js';
import { formatByteSize, parseByteSize } from './byte-size.js';
import { didYouMean } from './did-you-mean.js';
import type { DeviceLunConfig, LunConfig, StoreConfig } from './engine-config.js';
import { fault, type Parsed, quoted } from './parsed.js';

/** A store as its text alone says it, or a device of another kind than disks; `size`, `direct` and others are keys beside the text and are added later. */
export type StoreText =
  | { readonly kind: 'ram' | 'null'; readonly sizeBytes: number }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'device'; readonly device: string; readonly source: string };

export const STORE_KINDS = ['ram', 'null', 'file'] as const;
const DEVICE_FORMS = deviceKinds.map(({ form }) => form).join(', ');
/** What a LUN can be, for messages. */
export const STORE_FORM = `a store: ram:SIZE, null:SIZE or file:PATH; or a device: ${DEVICE_FORMS}`;
const KIND_NAMES = [...STORE_KINDS, ...deviceKinds.map(({ name }) => name)];

/** What stands before the first colon, or all of it. */
export function kindNameOf(text: string): string {
  const colon = text.indexOf(':');
  return colon < 0 ? text : text.slice(0, colon);
}

/** `ram:1GiB`, `null:1TiB`, `file:/srv/disk.img`. Everything after the first colon is the path of a file. */
export function parseStoreText(text: string): Parsed<StoreText> {
  const parsed = readStoreText(text);
  if (parsed.fault === undefined) return parsed;
  // Messages end up in logs, and a secret behind a mistyped kind is a secret still.
  const shown = withoutSecrets(text);
  return shown === text ? parsed : fault(readStoreText(shown).fault ?? `expected ${STORE_FORM}`);
}

/** The text of a LUN, whatever it is and whether it can be read or not, as it may be shown and logged. */
export function withoutSecrets(text: string): string {
  // Paths may have signs in them that have a meaning in URLs.
  return text.includes('://') ? deviceKinds.reduce((shown, { showSource }) => showSource?.(shown) ?? shown, text) : text;
}

function readStoreText(text: string): Parsed<StoreText> {
  const kind = kindNameOf(text);
  const rest = text.slice(kind.length + 1);
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
      const device = findDeviceKind(kind);
      if (device !== undefined) {
        const source = device.parseSource(rest);
        return source.fault === undefined ? { value: { kind: 'device', device: kind, source: source.value } } : fault(source.fault);
      }
      const looksLikePath = /^(?:[./~]|[a-z]:[\\/])/i.test(text);
      const hint = looksLikePath ? `; write file:${text} to serve a file` : didYouMean(kind, KIND_NAMES);
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

/** A source of a device kind, with paths that start at `baseDirectory`. */
export function resolveDeviceSource(device: string, source: string, baseDirectory: string): string {
  return findDeviceKind(device)?.resolveSource?.(source, baseDirectory) ?? source;
}

/** The value of an option of a device kind, with paths that start at `baseDirectory`. */
export function resolveDeviceOption(device: string, key: string, value: unknown, baseDirectory: string): unknown {
  const isPath = findDeviceKind(device)?.pathOptions?.includes(key) === true;
  return isPath && typeof value === 'string' ? resolve(baseDirectory, value) : value;
}

/** `tape:/srv/a.tape`, `controller`. */
export function formatDeviceText({ kind, source }: DeviceLunConfig['device']): string {
  return source === '' ? kind : `${kind}:${source}`;
}

/** The text of what a LUN is, as the configuration has it. */
export function formatLunText(lun: LunConfig): string {
  return lun.device === undefined ? formatStoreText(lun.store) : formatDeviceText(lun.device);
}

/** The same for people and logs: without the secrets that a source may hold. */
export function showLunText(lun: LunConfig): string {
  if (lun.device === undefined) return formatStoreText(lun.store);
  const { kind, source } = lun.device;
  return formatDeviceText({ kind, source: findDeviceKind(kind)?.showSource?.(source) ?? source, options: {} });
}

/** The text that `parseStoreText` reads back. */
export function formatStoreText(store: StoreConfig): string {
  return store.kind === 'file' ? `file:${store.path}` : `${store.kind}:${formatByteSize(store.sizeBytes)}`;
}
