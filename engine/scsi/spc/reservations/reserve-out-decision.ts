import type { NexusPorts, ReservationState } from './reservation-state.js';

/** Whom a change concerns, and what it is told. */
export interface Notice {
  readonly nexus: NexusPorts;
  readonly asc: number;
  /** NUAR of the Control mode page keeps it away. */
  readonly isOfRelease?: boolean;
}

/** How a PERSISTENT RESERVE OUT command goes on. */
export type Decision =
  /** RESERVATION CONFLICT. */
  | { readonly kind: 'conflict' }
  /** GOOD, and nothing has changed. */
  | { readonly kind: 'unchanged' }
  /** CHECK CONDITION, ILLEGAL REQUEST. `cdb` and `list` point at a byte that is wrong. */
  | { readonly kind: 'cdb' | 'list'; readonly at: number; readonly bit?: number }
  | { readonly kind: 'refused'; readonly asc: number }
  | Change;

export interface Change {
  readonly kind: 'change';
  readonly next: ReservationState;
  /** Unit attention conditions for those of the nexuses that are there. */
  readonly notices: readonly Notice[];
  /** Nexuses whose tasks are stopped. */
  readonly aborted: readonly NexusPorts[];
}

export const conflict: Decision = { kind: 'conflict' };
export const unchanged: Decision = { kind: 'unchanged' };

export function change(next: ReservationState, notices: readonly Notice[] = [], aborted: readonly NexusPorts[] = []): Change {
  return { kind: 'change', next, notices, aborted };
}

/** The state after one more service action that counts, SPC-4 "Parameter data for READ KEYS", PRGENERATION. */
export function nextGeneration(state: ReservationState): ReservationState {
  return { ...state, generation: (state.generation + 1) >>> 0 };
}

/** One notice for each of them, but for the nexus that asked. */
export function noticesFor(nexuses: readonly NexusPorts[], asc: number, except: (nexus: NexusPorts) => boolean): Notice[] {
  return nexuses.filter((nexus) => !except(nexus)).map((nexus) => ({ nexus, asc }));
}
