import type { Disc } from '../disc/disc.js';
import type { ProfileName } from '../disc/profile.js';

/** What features are built from: the disc that is in, if any, and who the drive is. */
export interface FeatureContext {
  readonly disc: Disc | null;
  readonly serial: string;
}

/** A feature of a drive, MMC-6 "Features". */
export interface Feature {
  readonly code: number;
  readonly version: number;
  /** It is always there, whatever the disc. */
  readonly isPersistent: boolean;
  /** Whether it can be used with the disc that is in; persistent ones always can. */
  readonly isCurrent: (context: FeatureContext) => boolean;
  /** Feature dependent data: a multiple of four bytes. */
  readonly data: (context: FeatureContext) => readonly number[];
}

/** A feature that is current with discs of these profiles. */
export function discFeature(code: number, version: number, names: readonly ProfileName[], data: (context: FeatureContext) => readonly number[]): Feature {
  return { code, version, isPersistent: false, isCurrent: ({ disc }) => disc !== null && names.includes(disc.profile.name), data };
}

export function persistentFeature(code: number, version: number, data: (context: FeatureContext) => readonly number[]): Feature {
  return { code, version, isPersistent: true, isCurrent: () => true, data };
}

const HEADER_LENGTH = 4;

export function encodeFeature(feature: Feature, context: FeatureContext): Uint8Array {
  const data = feature.data(context);
  const isCurrent = feature.isCurrent(context);
  const bytes = new Uint8Array(HEADER_LENGTH + data.length);
  const flags = (feature.version << 2) | (feature.isPersistent ? 0x02 : 0) | (isCurrent ? 0x01 : 0);
  bytes.set([feature.code >> 8, feature.code & 0xff, flags, data.length]);
  bytes.set(data, HEADER_LENGTH);
  return bytes;
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
