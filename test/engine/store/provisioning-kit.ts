import * as assert from 'uvu/assert';
import type { Provisioning } from '../../../engine/store/provisioning.js';
import type { BackingStore } from '../../../engine/store/store.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { assertSame } from './store-kit.js';

export interface ProvisioningModelOptions {
  readonly seed: number;
  readonly roundCount: number;
  readonly unitBytes: number;
  readonly lengthUnitsMax: number;
  /** False where the store cannot tell what has space. */
  readonly tellsExtents?: boolean;
}

export function provisioningOf(store: BackingStore): Provisioning {
  assert.ok(store.provisioning !== null, 'the store has provisioning');
  return store.provisioning as Provisioning;
}

/** Random writes, unmaps and anchors against plain bytes: what is read, what has space, and that nothing with data has none. */
export function checkProvisioningAgainstModel(store: BackingStore, options: ProvisioningModelOptions): void {
  const random = seededRandom(options.seed);
  const model = new Uint8Array(store.sizeBytes);
  const provisioning = provisioningOf(store);
  for (let round = 0; round < options.roundCount; round++) {
    const [positionBytes, lengthBytes] = pickRange(random, store.sizeBytes, options);
    const label = `seed ${options.seed}, round ${round}: ${lengthBytes} bytes at ${positionBytes}`;
    switch (random.below(5)) {
      case 0:
      case 1: {
        const data = random.bytes(lengthBytes);
        assert.is(store.write(data, 0, lengthBytes, positionBytes, false), lengthBytes, label);
        model.set(data, positionBytes);
        break;
      }
      case 2:
      case 3:
        assert.is(provisioning.unmap(positionBytes, lengthBytes, random.below(4) === 0), 0, label);
        model.fill(0, positionBytes, positionBytes + lengthBytes);
        if (options.tellsExtents !== false) assertWholePiecesFree(store, provisioning, positionBytes, lengthBytes, label);
        break;
      default:
        assert.is(provisioning.anchor(positionBytes, lengthBytes), 0, label);
    }
    checkAll(store, model, provisioning, label);
  }
}

function pickRange(random: SeededRandom, sizeBytes: number, { unitBytes, lengthUnitsMax }: ProvisioningModelOptions): [number, number] {
  const unitCount = Math.floor(sizeBytes / unitBytes);
  const lengthUnits = 1 + random.below(Math.min(lengthUnitsMax, unitCount));
  return [random.below(unitCount - lengthUnits + 1) * unitBytes, lengthUnits * unitBytes];
}

function assertWholePiecesFree(store: BackingStore, provisioning: Provisioning, positionBytes: number, lengthBytes: number, label: string): void {
  const { granularityBytes } = provisioning;
  const startBytes = Math.ceil(positionBytes / granularityBytes) * granularityBytes;
  const endBytes = Math.floor((positionBytes + lengthBytes) / granularityBytes) * granularityBytes;
  if (startBytes >= endBytes || endBytes > store.sizeBytes) return;
  assert.equal(provisioning.extentAt(startBytes, endBytes - startBytes), { allocated: false, lengthBytes: endBytes - startBytes }, label);
}

function checkAll(store: BackingStore, model: Uint8Array, provisioning: Provisioning, label: string): void {
  const bytes = new Uint8Array(model.length);
  assert.is(store.read(bytes, 0, bytes.length, 0), bytes.length, label);
  assertSame(bytes, model, label);
  for (const { allocated, positionBytes, lengthBytes } of extentsOf(provisioning, store.sizeBytes)) {
    const isEmpty = model.subarray(positionBytes, positionBytes + lengthBytes).every((byte) => byte === 0);
    assert.ok(allocated || isEmpty, `${label}: there are data where no space is, at ${positionBytes}`);
  }
}

/** All stretches of a store, which must follow each other without a gap. */
export function extentsOf(provisioning: Provisioning, sizeBytes: number): { allocated: boolean; positionBytes: number; lengthBytes: number }[] {
  const extents: { allocated: boolean; positionBytes: number; lengthBytes: number }[] = [];
  for (let positionBytes = 0; positionBytes < sizeBytes; ) {
    const { allocated, lengthBytes } = provisioning.extentAt(positionBytes, sizeBytes - positionBytes);
    assert.ok(lengthBytes >= 1 && positionBytes + lengthBytes <= sizeBytes, `${lengthBytes} bytes at ${positionBytes} are no stretch`);
    extents.push({ allocated, positionBytes, lengthBytes });
    positionBytes += lengthBytes;
  }
  return extents;
}
