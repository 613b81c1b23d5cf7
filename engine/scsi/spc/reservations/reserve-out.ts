import type { CommandSlot } from '../../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED } from '../../cdb.js';
import type { Deferral, UnitCommandRow } from '../../command-table.js';
import type { ITNexus } from '../../it-nexus.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { parameterListOf, planParameterList } from '../../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { PersistentReservations, type ReserveOutJob, type ReserveOutOutcome } from './persistent-reservations.js';
import { PARAMETER_LIST_LENGTH, type ParameterListFault, parseReserveOut, ReserveOutAction } from './reserve-out-request.js';

/*
 * PERSISTENT RESERVE OUT, SPC-4 "PERSISTENT RESERVE OUT command".
 *
 *     0| 0x5f | . Service Action | Scope . Type | Reserved (2) |
 *     5| Parameter List Length (4) | Control |
 */
const PERSISTENT_RESERVE_OUT = 0x5f;
const CDB_LENGTH = 10;
const SCOPE_AND_TYPE_AT = 2;
const TYPE_MASK = 0x0f;
const PARAMETER_LIST_LENGTH_AT = 5;

interface ActionShape {
  readonly name: string;
  readonly clause: string;
  /** SCOPE and TYPE count; otherwise they say nothing and may be anything. */
  readonly hasType: boolean;
}

const shapes: Readonly<Record<ReserveOutAction, ActionShape>> = {
  [ReserveOutAction.register]: { name: 'REGISTER', clause: 'Registering', hasType: false },
  [ReserveOutAction.reserve]: { name: 'RESERVE', clause: 'Reserving', hasType: true },
  [ReserveOutAction.release]: { name: 'RELEASE', clause: 'Releasing', hasType: true },
  [ReserveOutAction.clear]: { name: 'CLEAR', clause: 'Clearing', hasType: false },
  [ReserveOutAction.preempt]: { name: 'PREEMPT', clause: 'Preempting', hasType: true },
  [ReserveOutAction.preemptAndAbort]: { name: 'PREEMPT AND ABORT', clause: 'Preempting and aborting', hasType: true },
  [ReserveOutAction.registerAndIgnoreExistingKey]: {
    name: 'REGISTER AND IGNORE EXISTING KEY',
    clause: 'Registering',
    hasType: false,
  },
  [ReserveOutAction.registerAndMove]: {
    name: 'REGISTER AND MOVE',
    clause: 'Registering and moving the reservation',
    hasType: false,
  },
};

/** Bits that may be set and mean nothing. */
const SCOPE_AND_TYPE_IGNORED = [0x00, 0x00, ALL_BITS, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00];

function reserveOutRow(action: ReserveOutAction): UnitCommandRow {
  const { name, clause, hasType } = shapes[action];
  return {
    runsOn: 'main',
    // Each service action looks at registrations itself. While there is a RESERVE, all are refused. SPC-4 "PERSISTENT RESERVE OUT service actions that are
    // allowed in the presence of various reservations".
    reservation: 'persistent',
    accessState: 'standby',
    passesNotReady: true,
    opcode: PERSISTENT_RESERVE_OUT,
    serviceAction: action,
    name: `PERSISTENT RESERVE OUT (${name})`,
    clause: `SPC-4 "${clause}"`,
    cdbLength: CDB_LENGTH,
    cdbUsage: [PERSISTENT_RESERVE_OUT, action, hasType ? ALL_BITS : 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    ...(hasType ? {} : { cdbIgnored: SCOPE_AND_TYPE_IGNORED }),
    plan(command) {
      const lengthBytes = command.cdbView.getUint32(PARAMETER_LIST_LENGTH_AT);
      // Whether it may be longer, because of TransportIDs, is said by SPEC_I_PT in the list.
      if (lengthBytes >= PARAMETER_LIST_LENGTH) planParameterList(command, lengthBytes, PARAMETER_LIST_LENGTH_AT);
      else parameterListLengthError(command);
    },
    execute: (command, unit, nexus, deferral) => executeReserveOut(action, command, unit, nexus, deferral),
  };
}

export const persistentReserveOutRows: readonly UnitCommandRow[] = Object.values(ReserveOutAction).map(reserveOutRow);

function executeReserveOut(action: ReserveOutAction, command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral): void {
  const bytes = parameterListOf(command);
  // Less has come than the CDB told.
  if (bytes.length < command.plannedDataOutLength) {
    parameterListLengthError(command);
    return;
  }
  const scopeAndType = command.cdb[SCOPE_AND_TYPE_AT] as number;
  const request = parseReserveOut({ nexus, action, scope: scopeAndType >> 4, type: scopeAndType & TYPE_MASK }, bytes);
  if ('kind' in request) {
    endWithFault(command, request);
    return;
  }
  let isFinished = false;
  let end: (() => void) | null = null;
  const job: ReserveOutJob = {
    request,
    command,
    isCancelled: false,
    finish: (outcome) => {
      isFinished = true;
      endWith(command, outcome);
      end?.();
    },
  };
  unit.part(PersistentReservations).perform(job);
  if (isFinished) return;
  end = deferral.defer(() => {
    job.isCancelled = true;
  });
}

function endWithFault(command: CommandSlot, fault: ParameterListFault): void {
  if (fault.kind === 'length') parameterListLengthError(command);
  else invalidFieldInParameterList(command, fault.at, fault.bit);
}

function endWith(command: CommandSlot, outcome: ReserveOutOutcome): void {
  switch (outcome.kind) {
    case 'done':
    case 'unchanged':
      break;
    case 'conflict':
      command.status = ScsiStatus.reservationConflict;
      break;
    case 'cdb':
      invalidFieldInCdb(command, outcome.at, outcome.bit);
      break;
    case 'list':
      invalidFieldInParameterList(command, outcome.at, outcome.bit);
      break;
    case 'refused':
      checkCondition(command, SenseKey.illegalRequest, outcome.asc);
      break;
    case 'unsaved':
      // Nothing has changed: the initiator may try again.
      checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
      break;
  }
}
