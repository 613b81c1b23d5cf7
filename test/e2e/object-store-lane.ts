import type { ObjectStore } from '../../engine/devices/osd/store/object-store.js';
import { defaultLimits } from '../../engine/limits.js';
import { randomOperation } from '../model/object-operations.js';
import type { ReferenceObjects } from '../model/reference-objects.js';
import type { SeededRandom } from '../support/random.js';

/** Small ones, so that a kill finds files being flushed, cut and removed. */
export const laneLimits = { ...defaultLimits, osdDirtyFileCountMax: 16, osdFreedFileCountMax: 8, osdUnsyncedCommitCountMax: 64 };

/**
 * One command of the lane, the same in the process that is killed and in the one that tells what it must have done: all that it depends on are the
 * contents of the store and the seed.
 */
export function laneStep(store: ObjectStore, reference: ReferenceObjects, random: SeededRandom): void {
  const kind = random.below(60);
  if (kind === 0) store.flush({ kind: 'all' });
  else if (kind === 1) store.maintain();
  else if (kind < 12) store.transaction(() => void [randomOperation(store, reference, random), randomOperation(store, reference, random)]);
  else randomOperation(store, reference, random);
}
