import type { ITNexus } from '../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { InlineIo, MemoryState } from './internal-io.js';
import { MemoryStore } from './memory-store.js';
import { BLOCK, makeUnit, nexus, otherNexus, type UnitOptions } from './scsi-fixture.js';

export interface BackgroundUnit {
  readonly unit: LogicalUnit;
  readonly io: InlineIo;
  readonly store: MemoryStore;
  readonly state: MemoryState;
}

/** A medium that takes several commands to be written anew. */
export const LARGE_BLOCK_COUNT = 3 * 8192 + 7;

/** A unit that can give itself commands and keeps what it has to. */
export function makeBackgroundUnit(options: UnitOptions & { readonly state?: MemoryState; readonly blockCount?: number } = {}): BackgroundUnit {
  const io = new InlineIo();
  const state = options.state ?? new MemoryState();
  const store = (options.store as MemoryStore | undefined) ?? new MemoryStore(BLOCK * (options.blockCount ?? LARGE_BLOCK_COUNT));
  const nexuses: readonly ITNexus[] = [nexus, otherNexus];
  const unit = makeUnit({ ...options, store, host: { io, state, nexusesOf: () => nexuses, ...options.host } });
  io.unit = unit;
  return { unit, io, store, state };
}
