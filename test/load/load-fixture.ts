import type { LoadOptions, LoadPlan, MediumSize } from '../../load/load-plan.js';
import { planLoad } from '../../load/load-plan.js';

export const MEDIUM: MediumSize = { lbaCount: 1000, blockLengthBytes: 512 };

/** Random reads of one block by four threads, once over the range. */
export const BASE_OPTIONS: LoadOptions = {
  threadCount: 4,
  sessionCount: 1,
  transferMin: { unit: 'blocks', value: 1 },
  transferMax: { unit: 'blocks', value: 1 },
  seek: { order: 'random', interleaved: false, atEnd: 'wrap' },
  reads: true,
  writes: false,
  writePercent: 50,
  firstLba: 0,
  lastLba: null,
  seconds: null,
  commandCountMax: null,
  compareBytes: null,
  seed: 7,
  continueOnError: false,
};

export const linear = { order: 'linear', interleaved: false, atEnd: 'wrap' } as const;
export const linearReverse = { order: 'linear', interleaved: false, atEnd: 'reverse' } as const;
export const linearInterleaved = { order: 'linear', interleaved: true, atEnd: 'wrap' } as const;
export const randomInterleaved = { order: 'random', interleaved: true, atEnd: 'wrap' } as const;

export function blocks(value: number): LoadOptions['transferMin'] {
  return { unit: 'blocks', value };
}

export function planOf(options: Partial<LoadOptions> = {}, medium: Partial<MediumSize> = {}): LoadPlan {
  return planLoad({ ...BASE_OPTIONS, ...options }, { ...MEDIUM, ...medium });
}
