import { InitiatorError } from '../errors.js';

/** An iSCSI initiator port, or with no ISID all ports of a node. SPC-4 "TransportID for initiator ports using SCSI over iSCSI". */
export interface IscsiTransportId {
  readonly initiatorName: string;
  /** 12 hex digits. */
  readonly isid?: string;
}

const PROTOCOL_ISCSI = 0x05;
const PROTOCOL_MASK = 0x0f;
const FORMAT_WITH_ISID = 0x40;
const FORMAT_MASK = 0xc0;
const HEADER_LENGTH = 4;
const ADDITIONAL_LENGTH_MIN = 20;
const PADDING = 4;
const ISID_SEPARATOR = ',i,0x';

/** Throws `ARGUMENT_INVALID` for an ISID that is none. */
export function encodeIscsiTransportId({ initiatorName, isid }: IscsiTransportId): Buffer {
  if (isid !== undefined && !/^[0-9a-f]{12}$/i.test(isid))
    throw new InitiatorError('ARGUMENT_INVALID', `an ISID is 12 hex digits, not ${JSON.stringify(isid)}`);
  const text = Buffer.from(isid === undefined ? initiatorName : `${initiatorName}${ISID_SEPARATOR}${isid}`, 'utf8');
  const length = Math.max(ADDITIONAL_LENGTH_MIN, Math.ceil((text.length + 1) / PADDING) * PADDING);
  const bytes = Buffer.alloc(HEADER_LENGTH + length);
  bytes[0] = PROTOCOL_ISCSI | (isid === undefined ? 0 : FORMAT_WITH_ISID);
  bytes.writeUInt16BE(length, 2);
  text.copy(bytes, HEADER_LENGTH);
  return bytes;
}

/** Null for other protocols and for bytes that are cut short. */
export function parseIscsiTransportId(bytes: Buffer): IscsiTransportId | null {
  if (bytes.length < HEADER_LENGTH || ((bytes[0] as number) & PROTOCOL_MASK) !== PROTOCOL_ISCSI) return null;
  const end = HEADER_LENGTH + bytes.readUInt16BE(2);
  if (end > bytes.length) return null;
  const text = untilNull(bytes.subarray(HEADER_LENGTH, end));
  if (((bytes[0] as number) & FORMAT_MASK) !== FORMAT_WITH_ISID) return { initiatorName: text };
  const separator = text.lastIndexOf(ISID_SEPARATOR);
  if (separator === -1) return { initiatorName: text };
  return { initiatorName: text.slice(0, separator), isid: text.slice(separator + ISID_SEPARATOR.length).toLowerCase() };
}

/** Text that is padded with nulls, as SCSI has it. */
export function untilNull(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}
