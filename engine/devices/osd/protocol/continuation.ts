import { viewOf } from './attribute-list.js';
import { invalidListField, listLengthError } from './command-failure.js';

/*
 * CDB continuation segment, OSD-2 "CDB continuation": it leads the Data-Out, before the data.
 *
 *      0| Format (1) | Reserved | Continued Service Action | Reserved (4)   |
 *      8/ Continuation Integrity Check Value (32)                           /
 *     40/ Descriptors, each: Type (2) | Reserved | Pad Length | Length (4)  /
 */
const HEADER_LENGTH = 40;
const FORMAT_OSD2 = 0x01;
const DESCRIPTOR_HEADER_LENGTH = 8;
const PAD_LENGTH_MASK = 0x07;
const ALIGNMENT = 8;
export const CONTINUATION_LENGTH_MIN = HEADER_LENGTH + DESCRIPTOR_HEADER_LENGTH;
export const DescriptorType = { end: 0x0000, scatterGatherList: 0x0001, queryList: 0x0002, extensionCapabilities: 0xffee } as const;

export interface ContinuationDescriptor {
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Where `bytes` start in the segment. */
  readonly at: number;
}

/** The descriptors of the segment. Throws `CommandFailure` when it is not well-formed. */
export function parseContinuation(segment: Uint8Array, serviceAction: number): ContinuationDescriptor[] {
  const view = viewOf(segment);
  if (segment.length < CONTINUATION_LENGTH_MIN || segment.length % ALIGNMENT !== 0) throw listLengthError();
  if (segment[0] !== FORMAT_OSD2) throw invalidListField(0);
  if (view.getUint16(2) !== serviceAction) throw invalidListField(2);
  const descriptors: ContinuationDescriptor[] = [];
  for (let at = HEADER_LENGTH; at + DESCRIPTOR_HEADER_LENGTH <= segment.length; ) {
    const type = view.getUint16(at);
    if (type === DescriptorType.end) break;
    const lengthBytes = view.getUint32(at + 4);
    const padBytes = (segment[at + 3] as number) & PAD_LENGTH_MASK;
    const from = at + DESCRIPTOR_HEADER_LENGTH;
    if ((lengthBytes + padBytes) % ALIGNMENT !== 0 || from + lengthBytes + padBytes > segment.length) throw invalidListField(at + 4);
    descriptors.push({ type, bytes: segment.subarray(from, from + lengthBytes), at: from });
    at = from + lengthBytes + padBytes;
  }
  return descriptors;
}

const SCATTER_GATHER_ENTRY_LENGTH = 16;

/** Ranges of an object, relative to the starting byte address of the CDB. */
export function parseScatterGather({ bytes, at }: ContinuationDescriptor): { readonly offsetBytes: bigint; readonly lengthBytes: bigint }[] {
  if (bytes.length === 0 || bytes.length % SCATTER_GATHER_ENTRY_LENGTH !== 0) throw invalidListField(at);
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / SCATTER_GATHER_ENTRY_LENGTH }, (_, index) => ({
    offsetBytes: view.getBigUint64(index * SCATTER_GATHER_ENTRY_LENGTH),
    lengthBytes: view.getBigUint64(index * SCATTER_GATHER_ENTRY_LENGTH + 8),
  }));
}

/** A condition of a QUERY: an attribute between two values, each of which may be missing. */
export interface QueryCriterion {
  readonly page: number;
  readonly number: number;
  readonly min: Uint8Array;
  readonly max: Uint8Array;
}

export interface QueryList {
  readonly mode: 'any' | 'all';
  readonly criteria: readonly QueryCriterion[];
}

const QUERY_HEADER_LENGTH = 4;
const QUERY_TYPE_MASK = 0x0f;
const QUERY_ALL = 0x01;
/** Two reserved bytes, the entry's length, page and number, and two lengths of values. */
const QUERY_ENTRY_LENGTH_MIN = 16;
const QUERY_ENTRY_HEADER = 4;

/** OSD-2 "Query list". QUERY ENTRY LENGTH counts what follows it. */
export function parseQueryList({ bytes, at: listAt }: ContinuationDescriptor): QueryList {
  if (bytes.length < QUERY_HEADER_LENGTH) throw listLengthError();
  const type = (bytes[0] as number) & QUERY_TYPE_MASK;
  if (type > QUERY_ALL) throw invalidListField(listAt);
  const view = viewOf(bytes);
  const criteria: QueryCriterion[] = [];
  for (let at = QUERY_HEADER_LENGTH; at + QUERY_ENTRY_HEADER <= bytes.length; ) {
    const lengthBytes = view.getUint16(at + 2);
    // An empty entry ends the list: what is behind it is padding.
    if (lengthBytes === 0) break;
    const end = at + QUERY_ENTRY_HEADER + lengthBytes;
    if (end > bytes.length || lengthBytes < QUERY_ENTRY_LENGTH_MIN - QUERY_ENTRY_HEADER) throw invalidListField(listAt + at + 2);
    const minAt = at + 14;
    const minLength = view.getUint16(at + 12);
    if (minAt + minLength + 2 > end) throw invalidListField(listAt + at + 12);
    const maxAt = minAt + minLength + 2;
    const maxLength = view.getUint16(maxAt - 2);
    if (maxAt + maxLength > end) throw invalidListField(listAt + maxAt - 2);
    criteria.push({
      page: view.getUint32(at + 4),
      number: view.getUint32(at + 8),
      min: bytes.slice(minAt, minAt + minLength),
      max: bytes.slice(maxAt, maxAt + maxLength),
    });
    at = end;
  }
  return { mode: type === QUERY_ALL ? 'all' : 'any', criteria };
}
