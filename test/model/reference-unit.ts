import { check, conflict, type Outcome, Status } from './reference-outcome.js';
import { type NexusName, ReferenceReservations } from './reference-reservations.js';

export interface Modes {
  readonly perNexus: boolean;
  readonly descriptorSense: boolean;
  readonly noReleaseAttention: boolean;
  /** QERR: 0, 1 or 3. */
  readonly queueError: number;
  readonly writeProtect: boolean;
  readonly tellsAborted: boolean;
  readonly writeCache: boolean;
}

export const defaultModes: Modes = {
  perNexus: false,
  descriptorSense: false,
  noReleaseAttention: false,
  queueError: 0,
  writeProtect: false,
  tellsAborted: false,
  writeCache: true,
};

export const Attention = {
  powerOn: 0x2900,
  reset: 0x2903,
  nexusLoss: 0x2907,
  modesChanged: 0x2a01,
  timestampChanged: 0x2a10,
  mediumChanged: 0x2800,
  cleared: 0x2f00,
} as const;

/** SAM-5 "Unit attention condition precedence level": the wider the event, the earlier it is told. All others are told in their order. */
const precedence = new Map<number, number>([
  [Attention.powerOn, 3],
  [Attention.reset, 2],
  [Attention.nexusLoss, 1],
]);

/** A write whose data has not come. */
export interface OpenTask {
  readonly id: number;
  readonly nexus: NexusName;
  /** The task set that it has entered. */
  readonly order: string;
  /** Its data has come while an ACA condition blocked it. */
  isParked: boolean;
}

export interface Entry {
  readonly access: 'always' | 'persistent' | 'read' | 'write';
  readonly isPersistentReserve?: boolean;
  readonly passesAttention?: boolean;
  readonly passesNotReady?: boolean;
  readonly writes?: boolean;
  readonly wantsMedium?: boolean;
  readonly naca?: boolean;
  readonly acaAttribute?: boolean;
  readonly isPreemptAndAbort?: boolean;
}

/** What becomes of open commands: they end with TASK ABORTED status, or are never heard of again. */
export interface Ended {
  readonly task: OpenTask;
  readonly status: number | null;
}

/** One logical unit as SAM-5, SPC-4 and SBC-3 tell of it: who is let in, what they are told, and what becomes of commands. */
export class ReferenceUnit {
  readonly lun: number;
  readonly reservations: ReferenceReservations;
  modes: Modes = defaultModes;
  saved: Modes = defaultModes;
  /** Of RESERVE. */
  reservedBy: NexusName | null = null;
  isStopped = false;
  /** ASC of a low power condition, which the next command that wants the medium ends; 0 for none. */
  lowPower = 0;
  hasMedium = true;
  readonly preventing = new Set<NexusName>();
  /** By the nexuses that are logged in. */
  readonly attentions = new Map<NexusName, number[]>();
  tasks: OpenTask[] = [];
  /** Task set to faulted nexus. */
  readonly acas = new Map<string, NexusName>();
  /** What has become of commands since it was taken. */
  ended: Ended[] = [];

  constructor(lun: number, targetPorts: readonly number[], isKept: boolean) {
    this.lun = lun;
    this.reservations = new ReferenceReservations(targetPorts, isKept);
  }

  orderOf(nexus: NexusName): string {
    return this.modes.perNexus ? nexus : 'shared';
  }

  establish(nexus: NexusName, asc: number): void {
    const queue = this.attentions.get(nexus);
    if (queue === undefined) return;
    const rank = precedence.get(asc) ?? 0;
    const first = queue[0] === undefined ? 0 : (precedence.get(queue[0]) ?? 0);
    if (rank === 0) {
      if (!queue.includes(asc)) queue.push(asc);
    } else if (rank > first) queue.splice(0, queue.length, asc);
    // What was there is settled by the reset, and the reset by the wider one.
    else queue.splice(1);
  }

  tell(asc: number, except?: NexusName): void {
    for (const nexus of this.attentions.keys()) if (nexus !== except) this.establish(nexus, asc);
  }

  /** Whether the command is performed: null, or what it ends with instead. */
  refusal(nexus: NexusName, entry: Entry): Outcome | null {
    const blocked = this.#acaRefusal(nexus, entry);
    if (blocked !== null) return blocked;
    if (entry.passesAttention !== true) {
      const asc = this.attentions.get(nexus)?.shift();
      if (asc !== undefined) return check(6, asc);
    }
    if (this.#conflicts(nexus, entry)) return conflict;
    if (entry.wantsMedium === true) this.lowPower = 0;
    if (entry.passesNotReady !== true) {
      if (!this.hasMedium) return check(2, 0x3a00);
      if (this.isStopped) return check(2, 0x0402);
    }
    return entry.writes === true && this.modes.writeProtect ? check(7, 0x2700) : null;
  }

  #acaRefusal(nexus: NexusName, { acaAttribute = false, naca = false, isPreemptAndAbort = false }: Entry): Outcome | null {
    const faulted = this.acas.get(this.orderOf(nexus));
    if (faulted === undefined) return acaAttribute ? check(5, 0x4900) : null;
    if (faulted === nexus) return acaAttribute ? null : { status: Status.acaActive };
    if (isPreemptAndAbort) return null;
    return { status: acaAttribute || naca ? Status.acaActive : Status.busy };
  }

  #conflicts(nexus: NexusName, { access, isPersistentReserve = false }: Entry): boolean {
    if (access === 'always') return false;
    if (this.reservedBy !== null) return isPersistentReserve || this.reservedBy !== nexus;
    return access !== 'persistent' && !this.reservations.admits(nexus, access);
  }

  /** RESERVE and RELEASE; they do nothing where registrants may ask for them in vain. */
  reserve(nexus: NexusName, isRelease: boolean): Outcome {
    if (this.reservations.keys.size > 0) return this.reservations.hasFullAccess(nexus) ? { status: Status.good } : conflict;
    if (isRelease) {
      if (this.reservedBy === nexus) this.reservedBy = null;
    } else if (this.reservedBy !== null && this.reservedBy !== nexus) return conflict;
    else this.reservedBy = nexus;
    return { status: Status.good };
  }

  /** A command has ended: what CHECK CONDITION means to the others. SAM-5 "Establishing an ACA condition", SPC-4 "Control mode page", QERR. */
  afterEnd(nexus: NexusName, { status }: Outcome, { naca = false, acaAttribute = false }: Entry): void {
    if (status !== Status.checkCondition) return;
    const order = this.orderOf(nexus);
    const faulted = this.acas.get(order);
    const { queueError } = this.modes;
    if (queueError !== 0) this.abort((task) => task.order === order && (queueError === 1 || task.nexus === nexus), nexus);
    if (faulted === undefined) {
      if (naca) this.acas.set(order, nexus);
    } else if (faulted === nexus && acaAttribute && !naca) this.clearAca((each) => each === nexus);
  }

  /** Stops those commands for what nexus `by` has done; null is a reset, of which nobody is told so. */
  abort(concerns: (task: OpenTask) => boolean, by: NexusName | null): void {
    const stopped = this.tasks.filter(concerns);
    this.tasks = this.tasks.filter((task) => !stopped.includes(task));
    for (const task of stopped) {
      const isOfOther = by !== null && task.nexus !== by;
      if (isOfOther && !this.modes.tellsAborted) this.establish(task.nexus, Attention.cleared);
      this.ended.push({ task, status: isOfOther && this.modes.tellsAborted ? Status.taskAborted : null });
    }
  }

  clearAca(concerns: (faulted: NexusName) => boolean): void {
    for (const [order, faulted] of this.acas) {
      if (!concerns(faulted)) continue;
      this.acas.delete(order);
      const resumed = this.tasks.filter((task) => task.isParked && task.order === order);
      this.tasks = this.tasks.filter((task) => !resumed.includes(task));
      for (const task of resumed) this.ended.push({ task, status: Status.good });
    }
  }

  /** SAM-5 "Logical unit reset". */
  reset(): void {
    this.abort(() => true, null);
    this.acas.clear();
    this.reservedBy = null;
    this.preventing.clear();
    this.isStopped = false;
    this.lowPower = 0;
    this.modes = this.saved;
    this.tell(Attention.reset);
  }

  /** SAM-5 "I_T nexus loss". */
  loseNexus(nexus: NexusName): void {
    this.abort((task) => task.nexus === nexus, null);
    this.clearAca((faulted) => faulted === nexus);
    if (this.reservedBy === nexus) this.reservedBy = null;
    this.preventing.delete(nexus);
  }

  /** Power was lost. */
  restart(): void {
    this.tasks = [];
    this.ended = [];
    this.acas.clear();
    this.attentions.clear();
    this.reservedBy = null;
    this.preventing.clear();
    this.isStopped = false;
    this.lowPower = 0;
    this.hasMedium = true;
    this.modes = this.saved;
    this.reservations.restart();
  }
}
