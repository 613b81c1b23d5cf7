import type { ZodType } from 'zod';
import { kindNameOf, resolveDeviceOption, resolveDeviceSource, resolveStorePath } from '../engine/config/store-text.js';
import type { DeviceKind } from '../engine/devices/device-kind.js';
import { deviceKinds, findDeviceKind } from '../engine/devices/registry.js';

/** A `--lun` value in the shape of one entry of `luns:`, or a sentence on what is wrong with its form. */
export type LunOption = { readonly raw: Readonly<Record<string, unknown>>; readonly fault?: never } | { readonly fault: string; readonly raw?: never };

export const LUN_OPTION_FORM = 'N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly';

/**
 * `N=STORE[,key[=value]…]`. A comma ends the store; `\,` is a comma and `\\` a backslash within it. Only the form is
 * looked at here: numbers, keys and values are checked by the schema, as those of the file are.
 */
export function parseLunOption(text: string, workingDirectory: string): LunOption {
  const [head = '', ...options] = splitAtCommas(text);
  const equals = head.indexOf('=');
  if (equals < 0) return { fault: `expected ${LUN_OPTION_FORM}` };
  const store = head.slice(equals + 1);
  const device = findDeviceKind(kindNameOf(store));
  const raw: Record<string, unknown> = { lun: numberOrText(head.slice(0, equals)), store: absoluteStore(store, device, workingDirectory) };
  for (const option of options) {
    const [key, value] = splitOption(option);
    if (key === '') return { fault: `expected key=value behind each comma, found ${JSON.stringify(option)}` };
    if (key === 'lun' || key === 'store') return { fault: `${key} stands in front, not behind a comma; expected ${LUN_OPTION_FORM}` };
    if (Object.hasOwn(raw, key)) return { fault: `${key} is there twice` };
    raw[key] = resolveDeviceOption(device?.name ?? '', key, typedValue(key, value, device), workingDirectory);
  }
  return { raw };
}

const FLAG_WORDS: Readonly<Record<string, boolean>> = { true: true, on: true, false: false, off: false };

function splitOption(option: string): readonly [key: string, value: string | undefined] {
  const equals = option.indexOf('=');
  return equals < 0 ? [option.trim(), undefined] : [option.slice(0, equals).trim(), option.slice(equals + 1)];
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [''];
  for (let i = 0; i < text.length; i++) {
    const next = text[i + 1];
    if (text[i] === '\\' && (next === ',' || next === '\\')) {
      parts.push(`${parts.pop() ?? ''}${next}`);
      i++;
    } else if (text[i] === ',') parts.push('');
    else parts.push(`${parts.pop() ?? ''}${text[i]}`);
  }
  return parts;
}

/** Files on the command line are relative to where the command was typed, whatever a configuration file beside it says. */
function absoluteStore(store: string, device: DeviceKind | undefined, workingDirectory: string): string {
  if (device !== undefined) {
    const { name } = device;
    // What the kind does not take is left for the schema to explain.
    const source = device.parseSource(store.slice(name.length + 1)).value;
    return source === undefined || source === '' ? store : `${name}:${resolveDeviceSource(name, source, workingDirectory)}`;
  }
  const path = store.startsWith('file:') ? store.slice('file:'.length) : '';
  // A leading tilde is left for the schema to explain.
  return path === '' || path.startsWith('~') || path.includes('\0') ? store : `file:${resolveStorePath(workingDirectory, path)}`;
}

/** Text as YAML would have typed it; what has no such type stays text, and the schema says so. */
function typedValue(key: string, value: string | undefined, device: DeviceKind | undefined): unknown {
  const own = device?.options[key];
  if (own !== undefined) return deviceValue([own], value);
  switch (key) {
    case 'readonly':
    case 'direct':
    case 'thin':
    case 'removable':
      if (value === undefined || value === 'true' || value === 'on') return true;
      return value === 'false' || value === 'off' ? false : value;
    case 'block-size':
    case 'threshold':
    case 'pi':
      return numberOrText(value);
    default:
      return deviceValue(
        deviceKinds.flatMap(({ options }) => options[key] ?? []),
        value,
      );
  }
}

/** The value as one of the schemas takes it: text where it may be text. */
function deviceValue(schemas: readonly ZodType[], value: string | undefined): unknown {
  const candidates = value === undefined ? [true] : [value, numberOrText(value), FLAG_WORDS[value]];
  const isTaken = (candidate: unknown) => candidate !== undefined && schemas.some((schema) => schema.safeParse(candidate).success);
  // A number out of its range is a number all the same, and the message should say so.
  const isNumber = (candidate: unknown) => typeof candidate === 'number' && schemas.some((schema) => isOutOfRange(schema, candidate));
  return candidates.find(isTaken) ?? candidates.find(isNumber) ?? value ?? null;
}

function isOutOfRange(schema: ZodType, candidate: number): boolean {
  const code = schema.safeParse(candidate).error?.issues[0]?.code;
  return code === 'too_big' || code === 'too_small';
}

export function numberOrText(text: string | undefined): number | string | null {
  if (text === undefined) return null;
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : text;
}
