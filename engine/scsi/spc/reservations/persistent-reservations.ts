import type { CommandSlot } from '../../../shm/command-slot.js';
import { type CommandGate, GateRank } from '../../command-gate.js';
import { type CommandRow, reservationClassOf } from '../../command-table.js';
import { CopyManager } from '../../copy/copy-manager.js';
import type { ITNexus } from '../../it-nexus.js';
import type { LogicalUnit, ResetCause, UnitPart } from '../../logical-unit.js';
import { Asc } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { ControlMode } from '../control-mode.js';
import { MediumRemoval } from '../medium-removal.js';
import type { Surroundings } from './decide-register.js';
import { decideReserveOut } from './decide-reserve-out.js';
import { admitsRegistrants, isHolder, isSameNexus, isWriteExclusive, noReservations, type ReservationState, registrationOf } from './reservation-state.js';
import type { Change, Decision } from './reserve-out-decision.js';
import type { ReserveOutRequest } from './reserve-out-request.js';
import { fromSaved, RESERVATIONS_SECTION, toSaved } from './saved-reservations.js';
import { initiatorNameOf } from './transport-id.js';

/** What became of a PERSISTENT RESERVE OUT command; `unsaved` when what it asked to be kept could not be. */
export type ReserveOutOutcome = Exclude<Decision, Change> | { readonly kind: 'done' } | { readonly kind: 'unsaved' };

export interface ReserveOutJob {
  readonly request: ReserveOutRequest;
  /** Its own, which is not stopped by what it stops. */
  readonly command: CommandSlot;
  /** Its task was aborted: it takes no effect unless it already has. */
  isCancelled: boolean;
  /** Called once, perhaps at once. */
  readonly finish: (outcome: ReserveOutOutcome) => void;
}

/**
 * Persistent reservations of a logical unit, SPC-4 §5.12 "Reservations". They belong to I_T nexuses and not to sessions: resets and lost nexuses
 * leave them alone, and a loss of power takes what APTPL does not keep.
 */
export class PersistentReservations implements UnitPart, CommandGate {
  readonly rank = GateRank.reservation;
  readonly #unit: LogicalUnit;
  #state: ReservationState;
  /** By nexus: whether the reservation leaves it access. Forgotten with each change. */
  readonly #access = new Map<number, boolean>();
  /** Waits for a save before it: each one decides on what the one before has left. */
  readonly #waiting: ReserveOutJob[] = [];
  #isSaving = false;

  /** Throws `TargetError` `STATE_CORRUPT` when what was kept makes no sense. */
  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    this.#state = fromSaved(unit.host.state.load(RESERVATIONS_SECTION));
    this.#keepGate();
  }

  get state(): ReservationState {
    return this.#state;
  }

  get canKeep(): boolean {
    return this.#unit.host.state.isKept;
  }

  /** What a command asks for is on its way to stable storage. */
  get isChanging(): boolean {
    return this.#isSaving;
  }

  /** True when the nexus has what it needs to be let through by RESERVE and RELEASE without effect. See `reserve-release.ts`. */
  isPrivileged(nexus: ITNexus): boolean {
    return this.#state.reservation !== null && this.#hasAccess(nexus);
  }

  /** The conflict matrix, SPC-4 "Commands that are allowed in the presence of various reservations". */
  admits(row: CommandRow, command: CommandSlot, nexus: ITNexus): boolean {
    const { reservation } = this.#state;
    if (reservation === null) return true;
    const reservationClass = reservationClassOf(row, command);
    if (reservationClass === 'always' || reservationClass === 'persistent') return true;
    if (reservationClass === 'read' && isWriteExclusive(reservation.type)) return true;
    if (this.#hasAccess(nexus)) return true;
    command.status = ScsiStatus.reservationConflict;
    return false;
  }

  /** Does what PERSISTENT RESERVE OUT asks for, after those that came before. */
  perform(job: ReserveOutJob): void {
    if (this.#isSaving) this.#waiting.push(job);
    else this.#decide(job);
  }

  /** Only the power keeps them from lasting, and a target that is reset cold is powered on. RFC 7143 §11.5.1. */
  onReset(cause: ResetCause): void {
    if (cause !== 'power-on') return;
    const { state } = this;
    this.#take(state.isKeptWithoutPower ? { ...state, generation: noReservations.generation } : noReservations);
  }

  /** The registration stays: the initiator port may come back. */
  onNexusLost(nexus: ITNexus): void {
    this.#access.delete(nexus.id);
  }

  #hasAccess(nexus: ITNexus): boolean {
    let hasAccess = this.#access.get(nexus.id);
    if (hasAccess === undefined) {
      hasAccess = this.#findAccess(nexus);
      this.#access.set(nexus.id, hasAccess);
    }
    return hasAccess;
  }

  #findAccess(nexus: ITNexus): boolean {
    const { reservation } = this.#state;
    if (reservation === null || registrationOf(this.#state, nexus) === undefined) return false;
    return admitsRegistrants(reservation.type) || isHolder(this.#state, nexus);
  }

  #decide(job: ReserveOutJob): void {
    if (job.isCancelled) {
      job.finish({ kind: 'unchanged' });
      return;
    }
    const decision = decideReserveOut(this.#state, job.request, this.#surroundings());
    if (decision.kind !== 'change') job.finish(decision);
    else if (this.#state.isKeptWithoutPower || decision.next.isKeptWithoutPower) void this.#saveAndCarryOut(job, decision);
    else this.#carryOut(job, decision);
  }

  #surroundings(): Surroundings {
    const { host, lun } = this.#unit;
    return {
      canKeep: this.canKeep,
      registrationCountMax: host.limits.reservationRegistrationCountMax,
      targetPorts: host.portGroups.groups.flatMap(({ ports }) => ports),
      initiatorPortsOf: (initiatorName) => {
        const names = [...host.nexusesOf(lun)].map(({ initiatorPortName }) => initiatorPortName);
        return [...new Set(names)].filter((name) => initiatorNameOf(name) === initiatorName);
      },
    };
  }

  /** On stable storage first: what was answered with GOOD is there after a loss of power, and what fails has not happened. */
  async #saveAndCarryOut(job: ReserveOutJob, decision: Change): Promise<void> {
    this.#isSaving = true;
    const saved = this.#unit.host.state.save(RESERVATIONS_SECTION, toSaved(decision.next));
    const isSaved = await saved.then(
      () => true,
      () => false,
    );
    this.#isSaving = false;
    if (isSaved) this.#carryOut(job, decision);
    else job.finish({ kind: 'unsaved' });
    this.#goOn();
  }

  /** Those that waited, until one of them has to be saved too. */
  #goOn(): void {
    while (!this.#isSaving) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#decide(next);
    }
  }

  #carryOut({ command, finish }: ReserveOutJob, { next, notices, aborted }: Change): void {
    const { host, lun } = this.#unit;
    this.#take(next);
    // NUAR speaks of the service action RELEASE only. SPC-4 "Releasing".
    const isSilent = this.#unit.part(ControlMode).noAttentionOnRelease;
    for (const nexus of host.nexusesOf(lun)) {
      for (const { nexus: told, asc, isOfRelease } of notices) {
        if (isSameNexus(told, nexus) && !(isSilent && isOfRelease === true)) this.#unit.establishUnitAttention(nexus.id, asc);
      }
    }
    if (aborted.length === 0) finish({ kind: 'done' });
    else this.#abort(aborted, command, () => finish({ kind: 'done' }));
  }

  /** SPC-4 "Preempting and aborting": who had a task there learns that another has stopped it, unless by TASK ABORTED status. */
  #abort(nexuses: Change['aborted'], command: CommandSlot, done: () => void): void {
    const stopped = new Set<number>();
    const concerns = (nexus: ITNexus, hasTask: boolean) => {
      if (!nexuses.some((each) => isSameNexus(each, nexus))) return false;
      if (hasTask) stopped.add(nexus.id);
      return true;
    };
    this.#endOtherWork(nexuses);
    this.#unit.host.tasks.abort(concerns, command, done);
    if (this.#unit.part(ControlMode).taskAbortedStatus) return;
    for (const nexusId of stopped) this.#unit.establishUnitAttention(nexusId, Asc.commandsClearedByAnotherInitiator);
  }

  /**
   * What the preempted have prevented is over, SPC-4 "PREVENT ALLOW MEDIUM REMOVAL command"; and so are copies that they have begun and that no command of
   * theirs waits for, SPC-4 "Preempting and aborting".
   */
  #endOtherWork(nexuses: Change['aborted']): void {
    const removal = this.#unit.part(MediumRemoval);
    const copies = this.#unit.part(CopyManager);
    for (const nexus of this.#unit.host.nexusesOf(this.#unit.lun)) {
      if (!nexuses.some((each) => isSameNexus(each, nexus))) continue;
      removal.allow(nexus.id);
      copies.abortOf(nexus);
    }
  }

  #take(state: ReservationState): void {
    this.#state = state;
    this.#access.clear();
    this.#keepGate();
  }

  /** Nobody is asked anything while nothing is reserved. */
  #keepGate(): void {
    if (this.#state.reservation === null) this.#unit.removeGate(this);
    else this.#unit.addGate(this);
  }
}
