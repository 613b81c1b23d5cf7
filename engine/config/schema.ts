import { z } from 'zod';
import { deviceKinds, findDeviceKind } from '../devices/registry.js';
import { type LimitName, limitTable } from '../limits.js';
import { LUN_MAX } from '../pdu/lun.js';
import { ACCESS_STATE_NAMES, type AccessStateName } from '../scsi/alua/access-state.js';
import { parseByteSize } from './byte-size.js';
import { ISCSI_NAME_FORM, parseIscsiName } from './iscsi-name.js';
import { ISNS_SERVER_FORM, parseIsnsServer } from './isns-server.js';
import { PORTAL_FORM, PORTAL_GROUP_TAG_MAX, parsePortal } from './portal.js';
import { byteSize, flag, parsedText, wholeNumber } from './schema-values.js';
import { accessSchema, chapShape, discoverySchema, redirectSchema } from './security-schema.js';
import { kindNameOf, parseStoreText, STORE_FORM } from './store-text.js';

/**
 * The shape of a configuration as it is written: the keys of the YAML file, which are those of `--lun` too.
 * `error` of each schema is the phrase that completes "expected …"; `read-draft.ts` makes the sentence.
 */

/** Longest TargetAlias that fits a text value, RFC 7143 §13.8 and §6.1. */
const ALIAS_LENGTH_BYTES_MAX = 255;
/** Widths of the INQUIRY fields, SPC-4 "Standard INQUIRY data"; the serial number's is our own, see `LogicalUnitIdentity`. */
const VENDOR_LENGTH_MAX = 8;
const PRODUCT_LENGTH_MAX = 16;
const SERIAL_LENGTH_MAX = 64;

/** Both are fields of two bytes and of one, SPC-4 "REPORT TARGET PORT GROUPS command". */
const TARGET_PORT_GROUP_MAX = 65535;
const PORTS_PER_GROUP_MAX = 255;

export const EXECUTION_POLICIES = ['inline', 'pool', 'auto'] as const;

/** A path has a slash, so that a mistyped word does not become the name of a socket. */
const CONTROL_PATTERN = /^(?:auto|off|[^\0]*\/[^\0]*)$/;
const CONTROL_FORM = 'auto, off or a path with a slash in it';

/** No shell expands a tilde in a file. */
const STATE_PATTERN = /^(?!~(?:\/|$))[^\0]+$/;
const STATE_FORM = 'the path of a directory, without ~';

function printableText(lengthMax: number) {
  const error = `1 to ${lengthMax} printable ASCII characters`;
  return z.string({ error }).regex(new RegExp(`^[\\x20-\\x7e]{1,${lengthMax}}$`), { error });
}

const execution = z.enum(EXECUTION_POLICIES, { error: 'inline, pool or auto' });
const alias = z.string({ error: 'text' }).refine((text) => Buffer.byteLength(text) <= ALIAS_LENGTH_BYTES_MAX && !/\p{Cc}/u.test(text), {
  error: `text of at most ${ALIAS_LENGTH_BYTES_MAX} bytes without control characters`,
});

/** 520 and 528 are those of array controllers, 4104 to 4224 the same of 4 KiB sectors. */
const BLOCK_LENGTHS = [512, 520, 528, 4096, 4104, 4160, 4224] as const;
const BLOCK_LENGTHS_FORM = '512, 520, 528, 4096, 4104, 4160 or 4224';

/** SPC-4 "NAA designator format": the first digit says which form it is, and the form how long it is. */
const NAA_FORM = 'an NAA name: 16 hexadecimal digits that begin with 2, 3 or 5, or 32 that begin with 6; in quotes';
const naa = z
  .string({ error: NAA_FORM })
  .regex(/^(?:0x)?(?:[235][0-9a-f]{15}|6[0-9a-f]{31})$/i, { error: NAA_FORM })
  .transform((text) => text.toLowerCase().replace(/^0x/, ''));

/** Keys of a disk, and those that LUNs of all kinds have. */
export const diskLunShape = {
  lun: wholeNumber(0, LUN_MAX),
  store: parsedText(STORE_FORM, parseStoreText),
  size: byteSize.optional(),
  'block-size': z.literal(BLOCK_LENGTHS, { error: BLOCK_LENGTHS_FORM }).optional(),
  'physical-block-size': byteSize.optional(),
  thin: flag.optional(),
  space: byteSize.optional(),
  threshold: wholeNumber(1, 100).optional(),
  removable: flag.optional(),
  pi: z.literal([1, 2, 3], { error: '1, 2 or 3' }).optional(),
  naa: naa.optional(),
  readonly: flag.optional(),
  direct: flag.optional(),
  execution: execution.optional(),
  serial: printableText(SERIAL_LENGTH_MAX).optional(),
  vendor: printableText(VENDOR_LENGTH_MAX).optional(),
  product: printableText(PRODUCT_LENGTH_MAX).optional(),
};

/** The options of all other kinds of devices; which of them a LUN may have is checked when its kind is known. */
const deviceOptionShape: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  deviceKinds
    .flatMap(({ options }) => Object.entries(options).filter(([key]) => !Object.hasOwn(diskLunShape, key)))
    .map(([key, schema]) => [key, schema.optional()]),
);

export const lunSchema = z.strictObject(
  // Typed as the disk's alone: the others are read by their kinds.
  { ...diskLunShape, ...(deviceOptionShape as Record<never, never>) },
  { error: 'a mapping such as { lun: 0, store: "ram:1GiB" }' },
);

/**
 * The keys of one LUN: what its kind has is read by its kind, though a disk or another kind has a key of the same name. Those of others stay, to be told
 * that they belong elsewhere.
 */
export function lunShapeOf({ store }: Readonly<Record<string, unknown>>): z.core.$ZodShape {
  const kind = typeof store === 'string' ? findDeviceKind(kindNameOf(store)) : undefined;
  if (kind === undefined) return lunSchema.shape;
  const own = Object.entries(kind.options).map(([key, schema]) => [key, schema.optional()] as const);
  return { ...lunSchema.shape, ...Object.fromEntries(own) };
}

const accessState = z.enum(ACCESS_STATE_NAMES as readonly [AccessStateName, ...AccessStateName[]], {
  error: ACCESS_STATE_NAMES.join(', ').replace(/, (?=[^,]*$)/, ' or '),
});

export const portGroupSchema = z.strictObject(
  {
    id: wholeNumber(1, TARGET_PORT_GROUP_MAX),
    portals: z
      .array(wholeNumber(1, PORTAL_GROUP_TAG_MAX), { error: 'a list of portal group tags' })
      .min(1, { error: 'at least one portal group tag' })
      .max(PORTS_PER_GROUP_MAX, { error: `at most ${PORTS_PER_GROUP_MAX} portal group tags` }),
    state: accessState.optional(),
    preferred: flag.optional(),
  },
  { error: 'a mapping such as { id: 1, portals: [1], state: active-optimized }' },
);

export const targetSchema = z.strictObject(
  {
    name: parsedText(ISCSI_NAME_FORM, parseIscsiName),
    alias: alias.optional(),
    'portal-groups': z
      .array(wholeNumber(1, PORTAL_GROUP_TAG_MAX), { error: 'a list of portal group tags' })
      .min(1, { error: 'at least one portal group tag' })
      .optional(),
    'port-groups': z.array(portGroupSchema, { error: 'a list of target port groups' }).min(1, { error: 'at least one target port group' }).optional(),
    luns: z.array(lunSchema, { error: 'a list of LUNs' }).min(1, { error: 'at least one LUN' }),
    ...chapShape,
    access: accessSchema.optional(),
  },
  { error: 'a mapping with name and luns' },
);

/** Entity Identifiers have at most 256 bytes with the zero that ends them, RFC 4171 §6.2.1. */
const ENTITY_LENGTH_MAX = 255;
const REFRESH_SECONDS_MAX = 24 * 3600;

export const isnsSchema = z.strictObject(
  {
    server: parsedText(ISNS_SERVER_FORM, parseIsnsServer),
    entity: printableText(ENTITY_LENGTH_MAX).optional(),
    'refresh-seconds': wholeNumber(1, REFRESH_SECONDS_MAX).optional(),
  },
  { error: 'a mapping such as { server: "192.0.2.1:3205" }' },
);

export const configSchema = z.strictObject(
  {
    portals: z.array(parsedText(PORTAL_FORM, parsePortal), { error: 'a list of portals' }).min(1, { error: 'at least one portal' }).optional(),
    targets: z.array(targetSchema, { error: 'a list of targets' }).min(1, { error: 'at least one target' }),
    execution: execution.optional(),
    workers: z.int({ error: 'a whole number from 0' }).min(0, { error: 'a whole number from 0' }).optional(),
    insecure: flag.optional(),
    control: z.string({ error: CONTROL_FORM }).regex(CONTROL_PATTERN, { error: CONTROL_FORM }).optional(),
    state: z.string({ error: STATE_FORM }).regex(STATE_PATTERN, { error: STATE_FORM }).optional(),
    isns: isnsSchema.optional(),
    discovery: discoverySchema.optional(),
    redirects: z.array(redirectSchema, { error: 'a list of redirections' }).min(1, { error: 'at least one redirection' }).optional(),
    limits: z.strictObject(limitShape(), { error: 'a mapping of limit names to numbers' }).optional(),
  },
  { error: 'a mapping with targets, and portals, execution, workers, insecure, control, state, isns, discovery, redirects and limits as needed' },
);

/** One optional key a row of the limit table; those that count bytes take sizes with units too. */
function limitShape(): Record<LimitName, z.ZodOptional<z.ZodType<number>>> {
  const shape = {} as Record<LimitName, z.ZodOptional<z.ZodType<number>>>;
  for (const name of Object.keys(limitTable) as LimitName[]) {
    const { min, max } = limitTable[name];
    const range = wholeNumber(min, max);
    shape[name] = (name.includes('Bytes') ? z.preprocess(bytesOfSizeText, range) : range).optional();
  }
  return shape;
}

function bytesOfSizeText(value: unknown): unknown {
  // What is no size stays as it is: the range's own sentence then quotes it.
  return typeof value === 'string' ? (parseByteSize(value).value ?? value) : value;
}
