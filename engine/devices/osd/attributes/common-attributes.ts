import type { ObjectTimes, Quotas } from '../store/object-store.js';
import { type AttributeContext, type AttributeDefinition, computed, type PageDefinition, readUint, uint } from './attribute-page.js';

const TIME_LENGTH = 6;
const QUOTA_LENGTH = 8;
/** A quota that bounds nothing. */
const NO_QUOTA = 0xffff_ffff_ffff_ffffn;

/** Timestamps have six bytes of milliseconds since 1970, OSD-2 "Timestamps". */
export function timestamp(ms: number): Uint8Array {
  return uint(Math.max(0, Math.floor(ms)), TIME_LENGTH);
}

function time(number: number, which: keyof ObjectTimes): AttributeDefinition {
  return computed(number, (context) => timestamp(context.information().times[which]));
}

export const attributesAccessedTime = time(0x2, 'attributesAccessedMs');
export const attributesModifiedTime = time(0x3, 'attributesModifiedMs');
/** In the order of their numbers, which is the one of the page format too. */
export const objectTimes: readonly AttributeDefinition[] = [
  time(0x1, 'createdMs'),
  attributesAccessedTime,
  attributesModifiedTime,
  time(0x4, 'dataAccessedMs'),
  time(0x5, 'dataModifiedMs'),
];

/** An attribute that is one of the bounds that the store keeps. All ones are none. */
export function quota(number: number, which: keyof Quotas): AttributeDefinition {
  return {
    number,
    lengthBytesMin: QUOTA_LENGTH,
    lengthBytesMax: QUOTA_LENGTH,
    read: (context) => uint(context.information().quotas[which] ?? NO_QUOTA, QUOTA_LENGTH),
    write(context, value) {
      const bound = readUint(value);
      context.store.setQuotas(context.name, { [which]: bound === NO_QUOTA ? null : bound });
    },
  };
}

/** The values one behind the other: the page format of pages whose attributes have fixed lengths. */
export function concatenated(attributes: readonly AttributeDefinition[]): NonNullable<PageDefinition['format']> {
  return (context: AttributeContext) => Buffer.concat(attributes.map((attribute) => attribute.read(context) ?? new Uint8Array(0)));
}
