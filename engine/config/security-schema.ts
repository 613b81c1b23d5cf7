import { z } from 'zod';
import { ADDRESS_RANGE_FORM, AddressRange } from '../access/index.js';
import { CHAP_ALGORITHM_NAMES, ISCSI_NAME_BYTES_MAX } from '../login/index.js';
import { LUN_MAX } from '../pdu/lun.js';
import { type HostPort, parseHostPort } from './host-port.js';
import { ISCSI_NAME_FORM, parseIscsiName } from './iscsi-name.js';
import { fault, type Parsed, quoted } from './parsed.js';
import { DEFAULT_PORT, PORTAL_FORM, parsePortal } from './portal.js';
import { flag, parsedText, wholeNumber } from './schema-values.js';

/** What the configuration says of who may log in: users, access rules, discovery and redirections. */

/** A simple text value, RFC 7143 §6.1. */
const USER_NAME_BYTES_MAX = 255;
const USER_NAME_FORM = `a user name of 1 to ${USER_NAME_BYTES_MAX} bytes without control characters`;
const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SECRET_FORM = 'a mapping such as { file: secrets/alice } or { env: ALICE_SECRET }';
const PATTERN_FORM = 'a pattern of initiator names such as iqn.2026-11.com.example:*';
const REDIRECT_FORM = 'HOST[:PORT] such as 192.0.2.9:3260 or [2001:db8::9]:3260';

const userName = z
  .string({ error: USER_NAME_FORM })
  .refine((text) => text !== '' && Buffer.byteLength(text) <= USER_NAME_BYTES_MAX && !/\p{Cc}/u.test(text), { error: USER_NAME_FORM });

const secretSchema = z.strictObject(
  {
    file: z
      .string({ error: 'the path of a file' })
      .refine((path) => path !== '' && !path.includes('\0'), { error: 'the path of a file' })
      .optional(),
    env: z.string({ error: 'the name of an environment variable' }).regex(VARIABLE_PATTERN, { error: 'the name of an environment variable' }).optional(),
  },
  // What stands there may be the secret itself: it must not be repeated.
  { error: SECRET_FORM },
);

export const userSchema = z.strictObject(
  { name: userName, secret: secretSchema },
  { error: 'a mapping such as { name: alice, secret: { file: secrets/alice } }' },
);

/** Keys of a target and of discovery. */
export const chapShape = {
  users: z.array(userSchema, { error: 'a list of users' }).min(1, { error: 'at least one user' }).optional(),
  mutual: userSchema.optional(),
  algorithms: z
    .array(z.enum(CHAP_ALGORITHM_NAMES, { error: CHAP_ALGORITHM_NAMES.join(', ') }), { error: 'a list of CHAP algorithms' })
    .min(1, { error: 'at least one CHAP algorithm' })
    .optional(),
};

/** One or a list of them. */
function oneOrMore<T extends z.ZodType>(element: T, error: string) {
  return z.union([element, z.array(element, { error }).min(1, { error })], { error });
}

export const accessRuleSchema = z.strictObject(
  {
    initiator: oneOrMore(parsedText(PATTERN_FORM, parseNamePattern), `${PATTERN_FORM}, or a list of them`).optional(),
    address: oneOrMore(parsedText(ADDRESS_RANGE_FORM, parseAddressRange), `${ADDRESS_RANGE_FORM}, or a list of them`).optional(),
    user: oneOrMore(userName, 'the name of a user, or a list of them').optional(),
    luns: z.array(wholeNumber(0, LUN_MAX), { error: 'a list of LUNs' }).min(1, { error: 'at least one LUN' }).optional(),
  },
  { error: 'a mapping with initiator, address, user and luns as needed' },
);

export const accessSchema = z.array(accessRuleSchema, { error: 'a list of access rules' }).min(1, { error: 'at least one access rule' });

export const discoverySchema = z.strictObject(chapShape, { error: 'a mapping with users, and mutual and algorithms as needed' });

export const redirectSchema = z.strictObject(
  {
    target: parsedText(ISCSI_NAME_FORM, parseIscsiName).optional(),
    portal: parsedText(PORTAL_FORM, parsePortal).optional(),
    to: parsedText(REDIRECT_FORM, parseRedirectAddress),
    permanent: flag.optional(),
  },
  { error: 'a mapping such as { target: "iqn.2026-11.io.lunloom:disk1", to: "192.0.2.9:3260" }' },
);

function parseNamePattern(text: string): Parsed<string> {
  // Names are lower case, and nothing matches what no name has.
  if (text === '' || Buffer.byteLength(text) > ISCSI_NAME_BYTES_MAX || !/^[-.:_*?a-zA-Z0-9\p{L}\p{M}\p{N}]+$/u.test(text)) {
    return fault(`expected ${PATTERN_FORM}, found ${quoted(text)}`);
  }
  return { value: text };
}

function parseAddressRange(text: string): Parsed<string> {
  return AddressRange.parse(text) === null ? fault(`expected ${ADDRESS_RANGE_FORM}, found ${quoted(text)}`) : { value: text };
}

function parseRedirectAddress(text: string): Parsed<HostPort> {
  return parseHostPort(text, REDIRECT_FORM, DEFAULT_PORT);
}
