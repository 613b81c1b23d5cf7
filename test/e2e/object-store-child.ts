import { writeSync } from 'node:fs';
import { openObjectStore } from '../../engine/devices/osd/store/open-object-store.js';
import { ReferenceObjects } from '../model/reference-objects.js';
import { seededRandom } from '../support/random.js';
import { laneLimits, laneStep } from './object-store-lane.js';

/** Works on a store until it is killed; one byte on its output acknowledges one command. */
const [directory, seed] = process.argv.slice(2) as [string, string];
const store = openObjectStore({ directory, limits: laneLimits, capacityBytes: null });
const reference = ReferenceObjects.of(store);
const random = seededRandom(Number(seed));
for (;;) {
  laneStep(store, reference, random);
  writeSync(1, '.');
}
