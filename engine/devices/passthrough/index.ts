import { z } from 'zod';
import { maskIscsiUrl, parseIscsiUrl } from '../../../initiator/iscsi-url.js';
import { fault, type Parsed, quoted } from '../../config/parsed.js';
import { parsedText, wholeNumber } from '../../config/schema-values.js';
import type { DeviceKind, OptionProblem } from '../device-kind.js';
import { checkSenseText, SENSE_FORM } from './disturbance.js';

const FORM = 'passthrough:iscsi://host[:port]/target-name/lun or passthrough:/dev/sgN';
const DELAY_MS_MAX = 600_000;
const TIMEOUT_SECONDS_MAX = 86_400;
const ISCSI_SCHEME = 'iscsi://';
/** A stand-in, where it matters only that there will be one. */
const SOME_SECRET = { LUNLOOM_CHAP_SECRET: 'a secret in a file' };

const ratio = z.union([z.number(), z.string()], { error: 'a ratio from 0 to 1' }).transform((value, context): number => {
  const number = typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value);
  if (number >= 0 && number <= 1) return number;
  context.addIssue({ code: 'custom', message: `expected a ratio from 0 to 1, found ${quoted(String(value))}` });
  return z.NEVER;
});
const text = (what: string) => z.string({ error: what }).min(1, { error: what }).max(255, { error: what });

/** A device that is elsewhere: at a remote target, or behind a device file of this machine. */
export const passthroughKind: DeviceKind = {
  name: 'passthrough',
  form: FORM,
  parseSource,
  showSource: maskIscsiUrl,
  pathOptions: ['secret-file', 'target-secret-file'],
  options: {
    session: z.enum(['nexus', 'shared'], { error: 'nexus or shared' }),
    identity: z.enum(['device', 'own'], { error: 'device or own' }),
    'initiator-name': text('the name of an iSCSI initiator'),
    'secret-file': text('the path of a file with a CHAP secret'),
    'target-secret-file': text('the path of a file with the CHAP secret of the target'),
    'io-timeout': wholeNumber(1, TIMEOUT_SECONDS_MAX),
    delay: wholeNumber(0, DELAY_MS_MAX),
    'error-rate': ratio,
    'error-sense': parsedText(SENSE_FORM, checkSenseText),
    'drop-rate': ratio,
  },
  check: ({ source, options }, isReadOnly) => [...checkReadOnly(isReadOnly), ...(isRemote(source) ? checkRemote(source, options) : checkLocal(options))],
  async types() {
    const { describedType } = await import('./open-passthrough.js');
    return [describedType()];
  },
  async open(config, context) {
    const { openPassthrough } = await import('./open-passthrough.js');
    return openPassthrough(config, context);
  },
};

export function isRemote(source: string): boolean {
  return source.startsWith(ISCSI_SCHEME);
}

function parseSource(source: string): Parsed<string> {
  if (source.startsWith('/dev/') && !source.includes('\0')) return { value: source };
  if (!isRemote(source)) return fault(`expected ${FORM}, found ${quoted(maskIscsiUrl(source))}`);
  try {
    parseIscsiUrl(source, SOME_SECRET);
  } catch (error) {
    return fault(`expected ${FORM}: ${(error as Error).message}`);
  }
  return { value: source };
}

/** Which commands of which device write, nobody here knows. */
function checkReadOnly(isReadOnly: boolean): OptionProblem[] {
  return isReadOnly ? [{ key: 'readonly', message: 'what goes through is not read here: make it read only where the device is' }] : [];
}

function checkRemote(source: string, options: Readonly<Record<string, unknown>>): OptionProblem[] {
  const problems: OptionProblem[] = [];
  if (options['io-timeout'] !== undefined) problems.push({ key: 'io-timeout', message: 'only a device of this machine has an io-timeout' });
  const hasSecretFile = options['secret-file'] !== undefined;
  const hasUser = /^iscsi:\/\/[^/?]*@/.test(source);
  if (hasSecretFile && !hasUser) problems.push({ key: 'secret-file', message: 'the URL names no user whose secret it is: write iscsi://user@host/…' });
  if (options['target-secret-file'] !== undefined && !hasSecretFile)
    problems.push({ key: 'target-secret-file', message: 'mutual CHAP needs a secret-file of our own too' });
  return problems;
}

function checkLocal(options: Readonly<Record<string, unknown>>): OptionProblem[] {
  return ['session', 'initiator-name', 'secret-file', 'target-secret-file']
    .filter((key) => options[key] !== undefined)
    .map((key) => ({ key, message: 'a device of this machine has no session' }));
}
