import type { CommandSlot } from '../shm/command-slot.js';
import type { CommandRow } from './command-table.js';
import type { ITNexus } from './it-nexus.js';

/** The order in which gates are asked: the first that does not admit a command ends it. SAM-5 "Status precedence". */
export const GateRank = {
  /** Asymmetric access states. */
  accessState: 10,
  reservation: 20,
  /** A sanitize runs or has failed, or the medium is being changed. */
  background: 30,
  /** A format that runs or was interrupted: behind a sanitize, which makes good what it left. */
  format: 31,
  /** A low power condition, which ends with the first command that wants the medium: asked last, so that refused commands wake nothing. */
  power: 40,
} as const;

/**
 * Something that keeps commands of a logical unit from running while it lasts: a reservation, a sanitize, an access state. It is added to the unit when it
 * begins and removed when it ends, so that a unit without any pays nothing. A unit attention has been reported before any gate is asked.
 */
export interface CommandGate {
  /** One of `GateRank`. */
  readonly rank: number;
  /** Asked once more right before a medium command runs: while its data came, the way may have been closed. */
  readonly stopsPlanned?: boolean;
  /** True when the command may go on; otherwise this has ended it. Runs on the main thread before any data moves. */
  admits(row: CommandRow, command: CommandSlot, nexus: ITNexus): boolean;
}
