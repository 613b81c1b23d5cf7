import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../sense.js';
import { AccessState } from './access-state.js';
import type { TargetPortGroups } from './target-port-groups.js';

/*
 * SET TARGET PORT GROUPS, SPC-4 "SET TARGET PORT GROUPS command".
 *
 *     0| 0xa4 | . 0x0a | Reserved (4) |
 *     6| Parameter List Length (4) | Reserved | Control |
 *
 * Parameter list: four reserved bytes, then descriptors
 *
 *     0| . Asymmetric Access State | Reserved | Target Port Group (2) |
 */
const MAINTENANCE_OUT = 0xa4;
const SET_TARGET_PORT_GROUPS = 0x0a;
const LENGTH_AT = 6;
const HEADER_LENGTH = 4;
const DESCRIPTOR_LENGTH = 4;
const STATE_MASK = 0x0f;
const STATE_BIT = 3;
const GROUP_IN_DESCRIPTOR = 2;
const settable: ReadonlySet<number> = new Set([AccessState.activeOptimized, AccessState.activeNonOptimized, AccessState.standby, AccessState.unavailable]);

/** All descriptors are checked before any group changes. */
export const setTargetPortGroupsRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  accessState: 'unavailable',
  opcode: MAINTENANCE_OUT,
  serviceAction: SET_TARGET_PORT_GROUPS,
  name: 'SET TARGET PORT GROUPS',
  clause: 'SPC-4 "SET TARGET PORT GROUPS command"',
  cdbLength: 12,
  cdbUsage: [MAINTENANCE_OUT, SET_TARGET_PORT_GROUPS, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  plan(command) {
    planParameterList(command, command.cdbView.getUint32(LENGTH_AT), LENGTH_AT);
  },
  execute(command, unit, nexus) {
    const list = parameterListOf(command);
    // A length of zero is no error and changes nothing.
    if (command.plannedDataOutLength === 0) return;
    if (list.length < command.plannedDataOutLength || list.length < HEADER_LENGTH || (list.length - HEADER_LENGTH) % DESCRIPTOR_LENGTH !== 0) {
      return parameterListLengthError(command);
    }
    const { portGroups } = unit.host;
    const changes = new Map<number, AccessState>();
    for (let at = HEADER_LENGTH; at < list.length; at += DESCRIPTOR_LENGTH) {
      const state = (list[at] as number) & STATE_MASK;
      const id = ((list[at + GROUP_IN_DESCRIPTOR] as number) << 8) | (list[at + GROUP_IN_DESCRIPTOR + 1] as number);
      if (!settable.has(state)) return invalidFieldInParameterList(command, at, STATE_BIT);
      if (portGroups.find(id) === undefined || changes.has(id)) return invalidFieldInParameterList(command, at + GROUP_IN_DESCRIPTOR);
      changes.set(id, state as AccessState);
    }
    if (isAnyTransitioning(portGroups, changes)) checkCondition(command, SenseKey.hardwareError, Asc.setTargetPortGroupsCommandFailed);
    else portGroups.setExplicitly(changes, nexus);
  },
};

/** What the operator has begun is not for an initiator to change. */
function isAnyTransitioning(portGroups: TargetPortGroups, changes: ReadonlyMap<number, AccessState>): boolean {
  return [...changes.keys()].some((id) => portGroups.find(id)?.state === AccessState.transitioning);
}
