import { resolve } from 'node:path';
import { fault, type Parsed, quoted } from '../config/parsed.js';
import type { DeviceKind } from './device-kind.js';

/** How kinds of devices read what stands behind their colon. */
type SourceRules = Required<Pick<DeviceKind, 'parseSource' | 'resolveSource' | 'ownPath'>>;

/** A path; with `mayBeEmpty` none at all, which is a drive without a medium. */
export function pathSource(form: string, { mayBeEmpty = false }: { readonly mayBeEmpty?: boolean } = {}): SourceRules {
  return {
    parseSource(text): Parsed<string> {
      if (text === '') return mayBeEmpty ? { value: '' } : fault(`expected ${form}, found no path`);
      if (text.includes('\0')) return fault(`expected a path without zero bytes, found ${quoted(text)}`);
      if (text === '~' || text.startsWith('~/')) return fault(`expected a path, found ${quoted(text)}; "~" is not expanded here, write the whole path`);
      return { value: text };
    },
    resolveSource: (source, baseDirectory) => (source === '' ? '' : resolve(baseDirectory, source)),
    ownPath: (source) => (source === '' ? null : source),
  };
}

/** Nothing may stand there. */
export function noSource(name: string): Pick<DeviceKind, 'parseSource'> {
  return { parseSource: (text) => (text === '' ? { value: '' } : fault(`expected ${name} and nothing behind it, found ${quoted(text)}`)) };
}
