import { normalizeIscsiName } from '../../../pdu/iscsi-name.js';

/*
 * TransportID of an iSCSI initiator, SPC-4 "TransportID for initiator ports using SCSI over iSCSI".
 *
 *     0| TPID Format (2 bits) . Protocol Identifier (4 bits) | Reserved |
 *     2| Additional Length (2)                               |
 *     4/ iSCSI name, null-terminated and null-padded: with format 01b `,i,0x` and the ISID after it /
 */
const PROTOCOL_ISCSI = 0x05;
const PROTOCOL_MASK = 0x0f;
const FORMAT_SHIFT = 6;
const RESERVED_MASK = 0x30;
/** TPID FORMAT: a device, which stands for all of its ports, or one port. */
const Format = { device: 0b00, port: 0b01 } as const;
const ADDITIONAL_LENGTH_AT = 2;
const TEXT_AT = 4;
/** Also of other protocols: each TransportID is at least 24 bytes and a multiple of four. SPC-4 "TransportID identifiers". */
const ADDITIONAL_LENGTH_MIN = 20;
const PADDING = 4;
const ISID_SEPARATOR = ',i,0x';
/** `iqn.…,i,0x` and the 48 bits of the ISID. */
const ISID_PATTERN = /^[0-9a-f]{12}$/;

/** The TransportID of an initiator port, whose name is as in `ITNexus`. */
export function encodeTransportId(initiatorPortName: string): Uint8Array {
  const text = Buffer.from(initiatorPortName, 'utf8');
  const additionalLength = Math.max(ADDITIONAL_LENGTH_MIN, Math.ceil((text.length + 1) / PADDING) * PADDING);
  const bytes = new Uint8Array(TEXT_AT + additionalLength);
  bytes[0] = (Format.port << FORMAT_SHIFT) | PROTOCOL_ISCSI;
  new DataView(bytes.buffer).setUint16(ADDITIONAL_LENGTH_AT, additionalLength);
  bytes.set(text, TEXT_AT);
  return bytes;
}

export interface TransportId {
  readonly kind: 'transport-id';
  readonly initiatorName: string;
  /** As in `ITNexus`; null where all ports of the initiator are meant. */
  readonly initiatorPortName: string | null;
  readonly lengthBytes: number;
}

/** Bytes that are no TransportID of iSCSI: `at` is the byte to point at. */
export interface TransportIdFault {
  readonly kind: 'fault';
  readonly at: number;
}

const fault = (at: number): TransportIdFault => ({ kind: 'fault', at });
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The TransportID that begins at `at`; `end` is where its list ends. */
export function parseTransportId(bytes: Uint8Array, at: number, end: number): TransportId | TransportIdFault {
  if (end - at < TEXT_AT + ADDITIONAL_LENGTH_MIN) return fault(at);
  const first = bytes[at] as number;
  const format = first >> FORMAT_SHIFT;
  if ((first & PROTOCOL_MASK) !== PROTOCOL_ISCSI || (first & RESERVED_MASK) !== 0 || format > Format.port || bytes[at + 1] !== 0) return fault(at);
  const additionalLength = ((bytes[at + ADDITIONAL_LENGTH_AT] as number) << 8) | (bytes[at + ADDITIONAL_LENGTH_AT + 1] as number);
  const isFit = additionalLength >= ADDITIONAL_LENGTH_MIN && additionalLength % PADDING === 0 && at + TEXT_AT + additionalLength <= end;
  if (!isFit) return fault(at + ADDITIONAL_LENGTH_AT);
  const text = textIn(bytes.subarray(at + TEXT_AT, at + TEXT_AT + additionalLength));
  const name = text === null ? null : nameIn(text, format);
  return name === null ? fault(at + TEXT_AT) : { kind: 'transport-id', ...name, lengthBytes: TEXT_AT + additionalLength };
}

/** Null unless it is UTF-8 that ends with nulls, one at least, and has none before. */
function textIn(field: Uint8Array): string | null {
  const length = field.indexOf(0);
  if (length === -1 || field.subarray(length).some((byte) => byte !== 0)) return null;
  try {
    return utf8.decode(field.subarray(0, length));
  } catch {
    return null;
  }
}

function nameIn(text: string, format: number): Pick<TransportId, 'initiatorName' | 'initiatorPortName'> | null {
  if (format === Format.device) {
    const initiatorName = normalizeIscsiName(text);
    return initiatorName === null ? null : { initiatorName, initiatorPortName: null };
  }
  const separatorAt = text.lastIndexOf(ISID_SEPARATOR);
  if (separatorAt === -1) return null;
  const initiatorName = normalizeIscsiName(text.slice(0, separatorAt));
  const isid = text.slice(separatorAt + ISID_SEPARATOR.length).toLowerCase();
  return initiatorName === null || !ISID_PATTERN.test(isid) ? null : { initiatorName, initiatorPortName: `${initiatorName}${ISID_SEPARATOR}${isid}` };
}

/** The name of an initiator port, as in `ITNexus`, in two. Null when it is none. */
export function initiatorNameOf(initiatorPortName: string): string | null {
  const id = nameIn(initiatorPortName, Format.port);
  return id !== null && id.initiatorPortName === initiatorPortName ? id.initiatorName : null;
}
