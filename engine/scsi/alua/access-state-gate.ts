import type { CommandSlot } from '../../shm/command-slot.js';
import { type CommandGate, GateRank } from '../command-gate.js';
import type { AccessStateClass, CommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { AccessState } from './access-state.js';
import type { AccessStateChange, TargetPortGroups } from './target-port-groups.js';

/** By access state: the sense code of what does not run in it, and the classes of what does. */
const refusals: Readonly<Record<number, { readonly asc: number; readonly admitted: readonly AccessStateClass[] }>> = {
  [AccessState.standby]: { asc: Asc.targetPortInStandbyState, admitted: ['standby', 'unavailable', 'transitioning'] },
  [AccessState.unavailable]: { asc: Asc.targetPortInUnavailableState, admitted: ['unavailable', 'transitioning'] },
  [AccessState.transitioning]: { asc: Asc.asymmetricAccessStateTransition, admitted: ['transitioning'] },
};

/**
 * What the access states of the target port groups mean for one logical unit: commands by ports that are not active end with NOT READY but for those
 * whose row says otherwise, and changes are told to the I_T nexuses. SPC-4 "Target port group access states". While all groups are active it is no gate.
 */
export class AccessStateGate implements UnitPart, CommandGate {
  readonly rank = GateRank.accessState;
  readonly #unit: LogicalUnit;
  readonly #groups: TargetPortGroups;
  readonly #unwatch: () => void;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    this.#groups = unit.host.portGroups;
    this.#unwatch = this.#groups.watch((change) => this.#onChange(change));
    if (!this.#groups.areAllActive) unit.addGate(this);
  }

  onRemoved(): void {
    this.#unwatch();
    this.#unit.removeGate(this);
  }

  admits(row: CommandRow, command: CommandSlot, nexus: ITNexus): boolean {
    const refusal = refusals[this.#groups.stateOf(nexus.relativeTargetPortIdentifier)];
    if (refusal === undefined || refusal.admitted.includes(row.accessState ?? 'active')) return true;
    checkCondition(command, SenseKey.notReady, refusal.asc);
    return false;
  }

  #onChange({ by, isTold }: AccessStateChange): void {
    if (this.#groups.areAllActive) this.#unit.removeGate(this);
    else this.#unit.addGate(this);
    if (isTold) this.#unit.tellNexuses(Asc.asymmetricAccessStateChanged, by ?? undefined);
  }
}
