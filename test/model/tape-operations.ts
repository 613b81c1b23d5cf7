import type { TapeSpaceUnit } from '../../engine/devices/tape/image/tape-service.js';
import type { SeededRandom } from '../support/random.js';

export type TapeAction =
  | { readonly kind: 'write'; readonly lengthBytes: number; readonly count: number; readonly seed: number }
  | { readonly kind: 'marks'; readonly count: number; readonly durable: boolean }
  | { readonly kind: 'readBlock'; readonly targetBytes: number }
  | { readonly kind: 'readBlocks'; readonly lengthBytes: number; readonly count: number }
  | { readonly kind: 'space'; readonly what: TapeSpaceUnit; readonly count: number }
  | { readonly kind: 'locate'; readonly to: 'object' | 'file' | 'endOfData'; readonly number: number; readonly partition: number | null }
  | { readonly kind: 'rewind' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'erase'; readonly long: boolean }
  | { readonly kind: 'format'; readonly shares: readonly number[] }
  | { readonly kind: 'compress'; readonly enabled: boolean }
  | { readonly kind: 'encrypt'; readonly enabled: boolean };

export type TapeOperation =
  | TapeAction
  | { readonly kind: 'reload' }
  /** Killed: all that was written is in the file. */
  | { readonly kind: 'kill' }
  /** The power goes during an action or after it. */
  | { readonly kind: 'powerCut'; readonly during: TapeAction; readonly afterEvents: number; readonly seed: number }
  /** Closed, and the file is cut at this share of it. */
  | { readonly kind: 'truncate'; readonly thousandths: number };

const OPERATION_COUNT_MAX = 60;
/** Few, so that fixed reads often meet blocks of their length. */
const lengths = [1, 80, 512, 512, 512, 4000, 30_000] as const;

export function generateTapeOperations(random: SeededRandom): TapeOperation[] {
  return Array.from({ length: 1 + random.below(OPERATION_COUNT_MAX) }, () => operation(random));
}

function operation(random: SeededRandom): TapeOperation {
  switch (random.below(24)) {
    case 0:
      return { kind: 'reload' };
    case 1:
      return { kind: 'kill' };
    case 2:
      return { kind: 'powerCut', during: action(random), afterEvents: random.below(8), seed: random.uint32() };
    case 3:
      return random.below(3) === 0 ? { kind: 'truncate', thousandths: random.below(1000) } : { kind: 'flush' };
    default:
      return action(random);
  }
}

function action(random: SeededRandom): TapeAction {
  const lengthBytes = lengths[random.below(lengths.length)] as number;
  const signed = () => random.below(13) - 6;
  switch (random.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return { kind: 'write', lengthBytes, count: 1 + random.below(6), seed: random.uint32() };
    case 5:
    case 6:
    case 7:
      return { kind: 'marks', count: random.below(3), durable: random.below(3) !== 0 };
    case 8:
    case 9:
      return { kind: 'readBlock', targetBytes: lengthBytes };
    case 10:
      return { kind: 'readBlocks', lengthBytes, count: 1 + random.below(6) };
    case 11:
      return { kind: 'space', what: 'blocks', count: signed() };
    case 12:
      return { kind: 'space', what: 'filemarks', count: signed() };
    case 13:
      return { kind: 'space', what: random.boolean() ? 'sequentialFilemarks' : 'endOfData', count: random.below(7) - 3 };
    case 14:
    case 15:
      return {
        kind: 'locate',
        to: (['object', 'file', 'endOfData'] as const)[random.below(3)] as 'object' | 'file' | 'endOfData',
        number: random.below(20),
        partition: random.boolean() ? null : random.below(4),
      };
    case 16:
      return { kind: 'rewind' };
    case 17:
      return random.below(3) === 0 ? { kind: 'erase', long: random.boolean() } : { kind: 'flush' };
    case 18:
      return random.below(4) === 0 ? { kind: 'format', shares: Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(3)) } : { kind: 'rewind' };
    default:
      return random.boolean() ? { kind: 'compress', enabled: random.boolean() } : { kind: 'encrypt', enabled: random.boolean() };
  }
}
