import type { CommandSlot } from '../../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED } from '../../cdb.js';
import { type CommandGate, GateRank } from '../../command-gate.js';
import { type CommandRow, reservationClassOf, type UnitCommandRow } from '../../command-table.js';
import type { ITNexus } from '../../it-nexus.js';
import type { LogicalUnit, UnitPart } from '../../logical-unit.js';
import { ScsiStatus } from '../../status.js';
import { PersistentReservations } from './persistent-reservations.js';

/*
 * RESERVE and RELEASE of SPC-2, for what knows no persistent reservations:
 *
 *     0| 0x16 | . 3rdPty . Third-Party ID . Extent | Reservation ID | Parameter List Length (2) | Control |
 *     0| 0x56 | . 3rdPty . LongID . Extent | Reservation ID | Third-Party ID | Reserved (3) | Parameter List Length (2) | Control |
 *
 * Third parties and extents are obsolete and not there, so that their bits must be zero; the fields that count with them only may be anything.
 */
const PERSISTENT_RESERVE_IN = 0x5e;
const PERSISTENT_RESERVE_OUT = 0x5f;
const IGNORED_6 = [0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, 0x00];
const IGNORED_10 = [0x00, 0x00, ALL_BITS, ALL_BITS, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, 0x00];

/** The reservation that RESERVE makes: of the whole logical unit, by a nexus that is there. */
export class NexusReservation implements UnitPart, CommandGate {
  readonly rank = GateRank.reservation;
  readonly #unit: LogicalUnit;
  #holderId: number | null = null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  /** False when another nexus has it. */
  reserve(nexus: ITNexus): boolean {
    if (this.#holderId !== null && this.#holderId !== nexus.id) return false;
    this.#holderId = nexus.id;
    this.#unit.addGate(this);
    return true;
  }

  /** Nothing happens when another nexus has it, or nobody. */
  release(nexus: ITNexus): void {
    if (this.#holderId === nexus.id) this.#drop();
  }

  /** SPC-2: persistent reservations and RESERVE exclude each other, whoever asks; but for that the holder may do all. */
  admits(row: CommandRow, command: CommandSlot, nexus: ITNexus): boolean {
    if (reservationClassOf(row, command) === 'always') return true;
    const isPersistent = row.opcode === PERSISTENT_RESERVE_IN || row.opcode === PERSISTENT_RESERVE_OUT;
    if (nexus.id === this.#holderId && !isPersistent) return true;
    command.status = ScsiStatus.reservationConflict;
    return false;
  }

  /** SPC-2: it ends with any reset, and with its nexus. */
  onReset(): void {
    this.#drop();
  }

  onNexusLost(nexus: ITNexus): void {
    this.release(nexus);
  }

  #drop(): void {
    this.#holderId = null;
    this.#unit.removeGate(this);
  }
}

/** How registrations bear on RESERVE and RELEASE. SPC-4 "Exceptions to SPC-2 RESERVE and RELEASE behavior", which CRH tells of. */
function isLeftToSpc2(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): boolean {
  const persistent = unit.part(PersistentReservations);
  // Whether there will be registrations in a moment is not known yet.
  if (persistent.isChanging) {
    command.status = ScsiStatus.busy;
    return false;
  }
  if (persistent.state.registrations.length === 0) return true;
  // Who holds the persistent reservation, or has access as a registrant, has what it asks for: GOOD, and nothing changes.
  if (!persistent.isPrivileged(nexus)) command.status = ScsiStatus.reservationConflict;
  return false;
}

function executeReserve(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): void {
  if (!isLeftToSpc2(command, unit, nexus)) return;
  if (!unit.part(NexusReservation).reserve(nexus)) command.status = ScsiStatus.reservationConflict;
}

function executeRelease(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): void {
  if (isLeftToSpc2(command, unit, nexus)) unit.part(NexusReservation).release(nexus);
}

type Form = Pick<UnitCommandRow, 'cdbLength' | 'cdbUsage' | 'cdbIgnored'>;
const form6 = (opcode: number): Form => ({ cdbLength: 6, cdbUsage: [opcode, 0, 0, 0, 0, CONTROL_UNUSED], cdbIgnored: IGNORED_6 });
const form10 = (opcode: number): Form => ({ cdbLength: 10, cdbUsage: [opcode, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL_UNUSED], cdbIgnored: IGNORED_10 });

function row(opcode: number, action: 'RESERVE' | 'RELEASE', length: 6 | 10): UnitCommandRow {
  return {
    runsOn: 'main',
    // RELEASE runs whoever has the reservation, and takes it from nobody else.
    reservation: action === 'RELEASE' ? 'always' : 'persistent',
    passesNotReady: true,
    opcode,
    name: `${action} (${length})`,
    clause: `SPC-2 "${action}(${length}) command"`,
    ...(length === 6 ? form6(opcode) : form10(opcode)),
    execute: action === 'RESERVE' ? executeReserve : executeRelease,
  };
}

export const reserveReleaseRows: readonly UnitCommandRow[] = [
  row(0x16, 'RESERVE', 6),
  row(0x17, 'RELEASE', 6),
  row(0x56, 'RESERVE', 10),
  row(0x57, 'RELEASE', 10),
];
