import type { SeededRandom } from '../support/random.js';

export type Form = 6 | 10 | 12 | 16 | 32;

/** What is compared differs from the medium at this byte of the Data-Out; null when it does not. */
type Difference = number | null;

interface Extent {
  readonly lba: number;
  readonly count: number;
}

export type MediumOperation =
  | ({ readonly kind: 'write'; readonly form: Form; readonly fua: boolean; readonly seed: number; readonly missing: number } & Extent)
  | ({ readonly kind: 'read'; readonly form: Form; readonly fua: boolean; readonly missing: number } & Extent)
  | ({ readonly kind: 'writeAndVerify'; readonly form: Form; readonly byteCheck: 0 | 1; readonly seed: number; readonly missing: number } & Extent)
  | ({ readonly kind: 'verify'; readonly form: Form; readonly byteCheck: 0 | 1 | 3; readonly difference: Difference } & Extent)
  | ({ readonly kind: 'compareAndWrite'; readonly seed: number; readonly difference: Difference; readonly fua: boolean } & Extent)
  | ({ readonly kind: 'orWrite'; readonly seed: number; readonly fua: boolean; readonly missing: number } & Extent)
  | ({
      readonly kind: 'writeSame';
      readonly form: 10 | 16 | 32;
      readonly unmap: boolean;
      readonly anchor: boolean;
      readonly noDataOut: boolean;
      readonly seed: number;
    } & Extent)
  | ({ readonly kind: 'writeAtomic'; readonly seed: number; readonly fua: boolean } & Extent)
  | ({ readonly kind: 'exchange'; readonly form: 10 | 32; readonly disableWrite: boolean; readonly seed: number; readonly missing: number } & Extent)
  | { readonly kind: 'unmap'; readonly anchor: boolean; readonly ranges: readonly Extent[] }
  | ({ readonly kind: 'synchronize' | 'prefetch'; readonly form: 10 | 16 } & Extent)
  | { readonly kind: 'status'; readonly lba: number; readonly descriptors: number };

const OPERATION_COUNT_MAX = 60;

function oneOf<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}

const forms: readonly Form[] = [6, 10, 12, 16, 32];
const longForms: readonly Form[] = [10, 12, 16, 32];

export interface MediumBounds {
  readonly blockCount: number;
  readonly blockLengthBytes: number;
  /** Of one command. */
  readonly countMax: number;
  /** Of the granule of a thin store, for extents that are aligned to it. */
  readonly granuleBlocks: number;
  /** 32-byte CDBs say what protection information to expect: not where there is some. */
  readonly hasForm32: boolean;
}

export function generateMediumOperations(random: SeededRandom, bounds: MediumBounds): MediumOperation[] {
  return Array.from({ length: 1 + random.below(OPERATION_COUNT_MAX) }, () => withKnownForm(generateOne(random, bounds), bounds));
}

function withKnownForm(operation: MediumOperation, { hasForm32 }: MediumBounds): MediumOperation {
  if (hasForm32 || !('form' in operation) || operation.form !== 32) return operation;
  return operation.kind === 'exchange' ? { ...operation, form: 10 } : { ...operation, form: 16 };
}

/** Mostly short and in the same place, so that they overlap; sometimes whole granules, none, or beyond the end. */
function extentOf(random: SeededRandom, { blockCount, countMax, granuleBlocks }: MediumBounds, most = countMax): Extent {
  const dice = random.below(20);
  if (dice === 0) return { lba: random.below(blockCount + 2), count: 0 };
  if (dice === 1) return { lba: blockCount - random.below(3), count: 1 + random.below(4) };
  if (dice < 6) {
    const granules = 1 + random.below(3);
    const count = Math.min(most, granules * granuleBlocks);
    return { lba: Math.floor(random.below(Math.max(1, blockCount - count)) / granuleBlocks) * granuleBlocks, count };
  }
  const count = 1 + random.below(Math.min(most, dice < 16 ? 6 : most));
  return { lba: random.below(blockCount - count + 1), count };
}

function generateOne(random: SeededRandom, bounds: MediumBounds): MediumOperation {
  const seed = random.uint32();
  const fua = random.below(4) === 0;
  const missing = random.below(12) === 0 ? 1 + random.below(bounds.blockLengthBytes + 8) : 0;
  const differs = (lengthBytes: number): Difference => (random.below(3) === 0 && lengthBytes > 0 ? random.below(lengthBytes) : null);
  const extent = extentOf(random, bounds);
  const byForm = (form: Form): Extent => (form === 6 && extent.count === 0 ? { ...extent, count: 1 } : extent);
  const form = oneOf(random, forms);
  const longForm = oneOf(random, longForms);
  switch (random.below(14)) {
    case 0:
    case 1:
      return { kind: 'write', form, fua: form !== 6 && fua, seed, missing, ...byForm(form) };
    case 2:
    case 3:
      return { kind: 'read', form, fua: form !== 6 && fua, missing, ...byForm(form) };
    case 4:
      return { kind: 'writeAndVerify', form: longForm, byteCheck: random.boolean() ? 1 : 0, seed, missing, ...extent };
    case 5: {
      const byteCheck = oneOf(random, [0, 1, 1, 3, 3] as const);
      return { kind: 'verify', form: longForm, byteCheck, difference: differs(bounds.blockLengthBytes * extent.count), ...extent };
    }
    case 6: {
      const short = extentOf(random, bounds, Math.min(100, bounds.countMax >> 1));
      return { kind: 'compareAndWrite', seed, fua, difference: differs(bounds.blockLengthBytes * short.count), ...short };
    }
    case 7:
      return { kind: 'orWrite', seed, fua, missing, ...extent };
    case 8:
    case 9: {
      const sameForm = oneOf(random, [10, 16, 32] as const);
      const unmap = random.boolean();
      return {
        kind: 'writeSame',
        form: sameForm,
        unmap,
        anchor: unmap && random.below(4) === 0,
        noDataOut: sameForm !== 10 && random.boolean(),
        seed,
        ...extent,
      };
    }
    case 10:
      return { kind: 'writeAtomic', seed, fua, ...extent };
    case 11:
      return { kind: 'exchange', form: oneOf(random, [10, 32] as const), disableWrite: random.below(3) === 0, seed, missing, ...extent };
    case 12: {
      const ranges = Array.from({ length: random.below(4) }, () => extentOf(random, bounds));
      return { kind: 'unmap', anchor: random.below(4) === 0, ranges };
    }
    default:
      if (random.boolean()) return { kind: 'status', lba: random.below(bounds.blockCount + 1), descriptors: random.below(4) === 0 ? 0 : random.below(64) };
      return { kind: oneOf(random, ['synchronize', 'prefetch'] as const), form: oneOf(random, [10, 16] as const), ...extent };
  }
}
