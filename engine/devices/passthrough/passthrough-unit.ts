import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { assert, TargetError } from '../../errors.js';
import type { Limits } from '../../limits.js';
import { isNacaSet } from '../../scsi/cdb.js';
import type { Deferral } from '../../scsi/command-table.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit, ResetCause, UnitCondition, UnitPart } from '../../scsi/logical-unit.js';
import { Asc, invalidFieldInCdb, readSense, SenseKey } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import type { UnitState } from '../../scsi/unit-host.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { CommandFlag, DataDirection } from '../../shm/layout.js';
import { answerAway, awayCondition } from './away.js';
import type { CarriedEnd, CarriedTask, Connector } from './carrier.js';
import { DeviceNews } from './device-news.js';
import type { Disturbance } from './disturbance.js';
import { answerLost, answerRefused, bringBack, carriedFrom, senseOf } from './outcome.js';
import { Path, type SettleCause } from './path.js';

const STATE_SECTION = 'passthrough';
const SEED_LENGTH = 16;
const SEED_PATTERN = /^[0-9a-f]{32}$/;
const REQUEST_SENSE = 0x03;
const MICROS_PER_MS = 1000;
const DESCRIPTOR_RESPONSE_CODE = 0x72;
const RESPONSE_CODE_MASK = 0x7e;

export interface PassthroughUnitOptions {
  readonly connector: Connector;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly disturbance: Disturbance;
  readonly onNotice: (message: string) => void;
}

/**
 * Stands for a device elsewhere: what comes for the unit goes there, and what the device answers comes back. There is one path of our own, which knows whether
 * the device is there; where the connector can tell nexuses apart each has a path of its own besides, so that reservations, unit attentions and task sets are
 * the device's own business. Where it cannot, all share the first.
 */
export class PassthroughUnit implements UnitPart {
  readonly #options: PassthroughUnitOptions;
  readonly news: DeviceNews;
  #unit: LogicalUnit | null = null;
  #seed = '';
  #main: Path | null = null;
  readonly #byNexus = new Map<number, { readonly nexus: ITNexus; readonly path: Path }>();
  readonly #leaving = new Set<Promise<void>>();
  #ownBytes = 0;

  constructor(options: PassthroughUnitOptions) {
    this.#options = options;
    this.news = new DeviceNews(options.onNotice, options.connector.name);
  }

  // --- What the unit tells its part --------------------------------------------------------------------------------

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
    this.#seed = seedOf(unit.host.state, this.#options.onNotice);
    this.#main = this.#newPath(null);
  }

  /** The reset goes on to the device; every path then takes what the device has to tell of it, which we tell ourselves. */
  onReset(_cause: ResetCause): Promise<void> {
    const paths = this.#paths();
    const bearer = paths.find(({ state }) => state === 'open') ?? paths.find(({ state }) => state === 'settling');
    if (bearer === undefined) return Promise.resolve();
    const done = bearer.reset();
    for (const path of paths) if (path !== bearer) void path.settleAfterReset(done);
    return done;
  }

  onNexusLost(nexus: ITNexus): void {
    const own = this.#byNexus.get(nexus.id);
    if (own === undefined) return;
    this.#byNexus.delete(nexus.id);
    this.#leave(own.path);
  }

  onAcaCleared(nexus: ITNexus): void {
    this.#pathOf(nexus).clearAca();
  }

  onRemoved(): void {
    for (const path of this.#paths()) this.#leave(path);
  }

  condition(): UnitCondition | undefined {
    return this.#main === null || this.#main.takesCommands ? undefined : this.#awayCondition(this.#mainPath);
  }

  // --- Paths -------------------------------------------------------------------------------------------------------

  get #mainPath(): Path {
    assert(this.#main !== null, 'the device has been given to its unit');
    return this.#main;
  }

  #paths(): Path[] {
    return this.#main === null ? [] : [this.#main, ...Array.from(this.#byNexus.values(), ({ path }) => path)];
  }

  #newPath(nexus: ITNexus | null): Path {
    const { connector, clock, limits } = this.#options;
    return new Path({
      connector,
      clock,
      limits,
      wayName: `${this.#seed}/${nexus?.initiatorPortName ?? ''}`,
      events: {
        onSettled: (path, cause, attentions) => this.#onSettled(path, nexus, cause, attentions),
        onLost: (path, why) => this.#onLost(path, why),
        onUnreachable: (path, why, isFirst) => {
          if (path === this.#main && isFirst) this.news.onUnreachable(why);
        },
      },
    });
  }

  /** While the device is known to be away nobody waits for it anew. */
  #pathOf(nexus: ITNexus): Path {
    if (!this.#options.connector.isPerNexus) return this.#mainPath;
    const present = this.#byNexus.get(nexus.id);
    if (present !== undefined) return present.path;
    if (!this.#mainPath.takesCommands) return this.#mainPath;
    const path = this.#newPath(nexus);
    this.#byNexus.set(nexus.id, { nexus, path });
    return path;
  }

  #leave(path: Path): void {
    const leaving: Promise<void> = path.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #onLost(path: Path, why: string): void {
    if (path === this.#main) this.news.onLost(why);
  }

  /** Those that the device takes for the nexus of this path. */
  #nexusesOf(nexus: ITNexus | null): Iterable<ITNexus> {
    if (nexus !== null) return [nexus];
    return this.#options.connector.isPerNexus || this.#unit === null ? [] : this.#unit.host.nexusesOf(this.#unit.lun);
  }

  /**
   * What the device told before any command went through. Of its own power on and of resets each nexus is told once: by what the unit says to every new
   * nexus or after a reset of ours, and otherwise here.
   */
  async #onSettled(path: Path, nexus: ITNexus | null, cause: SettleCause, attentions: readonly number[]): Promise<void> {
    const unit = this.#unit;
    if (unit === null) return;
    // What there is to tell of the device as a whole is told before any command goes through.
    if (path !== this.#main) await this.#mainPath.whenKnown();
    const changes = path === this.#main && cause !== 'reset' ? await this.#recognize(path, cause) : [];
    const resets = attentions.filter(isReset);
    const told: number[] = attentions.filter((asc) => !isReset(asc));
    if (cause === 'returned') told.unshift(resets[0] ?? Asc.itNexusLossOccurred);
    // Told when it is open, and not before: whoever has heard it goes on.
    for (const each of this.#nexusesOf(nexus)) for (const asc of told) unit.establishUnitAttention(each.id, asc);
    for (const asc of changes) unit.tellNexuses(asc);
  }

  async #recognize(path: Path, cause: SettleCause): Promise<number[]> {
    for (const other of this.#paths()) if (other !== path) other.reconnect();
    const awayMicros = this.#options.clock.nowMicros() - path.awaySinceMicros;
    return this.news.onReturned(path, cause, awayMicros / MICROS_PER_MS);
  }

  // --- Commands ----------------------------------------------------------------------------------------------------

  #awayCondition(path: Path): UnitCondition {
    const awayMicros = this.#options.clock.nowMicros() - path.awaySinceMicros;
    return awayCondition(awayMicros > this.#options.limits.passthroughAwayMsMax * MICROS_PER_MS, path.wasOpen || this.#mainPath.wasOpen);
  }

  /** Null while the device can be asked. */
  awayConditionFor(nexus: ITNexus): UnitCondition | null {
    const path = this.#pathOf(nexus);
    return path.takesCommands ? null : this.#awayCondition(path);
  }

  /** Asks for as much data as the initiator has and takes: the CDB is the device's to read. */
  plan(command: CommandSlot): void {
    const { transferLengthBytesMax } = this.#options.limits;
    const { expectedDataOutLength, expectedDataInLength } = command;
    if (expectedDataOutLength > transferLengthBytesMax || expectedDataInLength > transferLengthBytesMax) {
      invalidFieldInCdb(command, 0);
      return;
    }
    command.plannedDataOutLength = expectedDataOutLength;
    if (command.direction !== DataDirection.bidirectional) command.plannedDataInLength = expectedDataInLength;
  }

  execute(command: CommandSlot, nexus: ITNexus, deferral: Deferral): void {
    const { disturbance } = this.#options;
    const verdict = disturbance.isActive ? disturbance.judge(command) : 'carry';
    if (verdict === 'fail') return;
    const away = this.awayConditionFor(nexus);
    if (away !== null) {
      answerAway(command, away);
      return;
    }
    if (verdict === 'drop') this.#drop(deferral);
    else if (disturbance.delayMs > 0) this.#carryLater(command, nexus, deferral, disturbance.delayMs);
    else this.#carry(command, nexus, deferral);
  }

  #drop(deferral: Deferral): void {
    const done = deferral.defer(() => queueMicrotask(done));
  }

  #carryLater(command: CommandSlot, nexus: ITNexus, deferral: Deferral, delayMs: number): void {
    let task: CarriedTask | null = null;
    const done = deferral.defer(() => {
      cancel();
      if (task !== null) task.abort();
      else queueMicrotask(done);
    });
    const cancel = this.#options.clock.after(delayMs, () => {
      task = this.#begin(command, nexus, done);
    });
  }

  #carry(command: CommandSlot, nexus: ITNexus, deferral: Deferral): void {
    let task: CarriedTask | null = null;
    const done = deferral.defer(() => task?.abort());
    task = this.#begin(command, nexus, done);
  }

  #begin(command: CommandSlot, nexus: ITNexus, done: () => void): CarriedTask {
    const isBidirectional = command.direction === DataDirection.bidirectional && command.expectedDataInLength > 0;
    const ownBytes = isBidirectional ? command.expectedDataInLength : 0;
    if (this.#ownBytes + ownBytes > this.#options.limits.passthroughOwnBytesMax) {
      command.status = ScsiStatus.taskSetFull;
      queueMicrotask(done);
      return { abort: () => {} };
    }
    this.#ownBytes += ownBytes;
    const ownMemory = isBidirectional ? new Uint8Array(ownBytes) : null;
    const path = this.#pathOf(nexus);
    let isAborted = false;
    const task = path.carry(carriedFrom(command, ownMemory), (end) => {
      this.#ownBytes -= ownBytes;
      this.#conclude(command, nexus, path, end, ownMemory);
      // Who aborted it does not hear how it ended, and would not know of an ACA condition that it has left at the device.
      if (isAborted && isNacaSet(command.cdb)) path.clearAca();
      done();
    });
    return {
      abort: () => {
        isAborted = true;
        task.abort();
      },
    };
  }

  #conclude(command: CommandSlot, nexus: ITNexus, path: Path, end: CarriedEnd, ownMemory: Uint8Array | null): void {
    switch (end.kind) {
      case 'answered':
        bringBack(command, end, ownMemory);
        if (end.sense.length > 0 || command.cdb[0] === REQUEST_SENSE) this.#hear(command, nexus);
        break;
      case 'unsent':
        answerAway(command, this.#awayCondition(path));
        break;
      case 'refused':
        answerRefused(command);
        break;
      default:
        answerLost(command);
    }
  }

  /** The device takes the nexuses that share a path for one: what it told one of them, the others are told here. */
  #hear(command: CommandSlot, nexus: ITNexus): void {
    const unit = this.#unit;
    const sense = senseOf(command);
    if (unit === null || sense.length === 0) return;
    if (command.status === ScsiStatus.checkCondition) {
      // What we say ourselves has the format that the device has been set to.
      unit.setCommandFlag(CommandFlag.descriptorSense, ((sense[0] as number) & RESPONSE_CODE_MASK) === DESCRIPTOR_RESPONSE_CODE);
    }
    const { key, asc } = readSense(sense);
    if (key !== SenseKey.unitAttention) return;
    if (!this.#options.connector.isPerNexus) unit.tellNexuses(asc, nexus);
  }

  // --- For operators -----------------------------------------------------------------------------------------------

  get isThere(): boolean {
    return this.#main?.state === 'open';
  }

  get counts(): { readonly pathCount: number; readonly inFlightCount: number; readonly returnCount: number } {
    const paths = this.#paths();
    const sum = (of: (path: Path) => number): number => paths.reduce((total, path) => total + of(path), 0);
    return {
      pathCount: paths.filter(({ state }) => state === 'open').length,
      inFlightCount: sum((path) => path.inFlightCount),
      returnCount: this.#main?.returnCount ?? 0,
    };
  }

  get stateText(): string {
    return this.#main === null || this.#main.state === 'closed' ? 'closed' : this.isThere ? 'connected' : this.#main.state === 'away' ? 'away' : 'connecting';
  }

  disconnect(): void {
    for (const path of this.#paths()) path.disconnect(true);
  }

  reconnect(): void {
    for (const path of this.#paths()) path.reconnect();
  }

  /** Resolves when every path has been let go of. */
  async close(): Promise<void> {
    this.onRemoved();
    this.#byNexus.clear();
    await Promise.all(this.#leaving);
  }
}

/**
 * Tells the ways of this unit from those of all others, wherever they are. Where there is a state directory it is the same after a restart: the device knows
 * its initiators again, and keeps what it has for them, such as persistent reservations.
 */
function seedOf(state: UnitState, onNotice: (message: string) => void): string {
  const kept = state.load(STATE_SECTION);
  if (typeof kept === 'string' && SEED_PATTERN.test(kept)) return kept;
  const seed = randomBytes(SEED_LENGTH).toString('hex');
  if (state.isKept) state.save(STATE_SECTION, seed).catch((error: Error) => onNotice(`the name of a passthrough unit could not be kept: ${error.message}`));
  return seed;
}

/** 29h: power on, reset, or I_T nexus loss. */
function isReset(asc: number): boolean {
  return asc >> 8 === 0x29;
}

/** An operator asked for something that makes no sense. */
export function badArgument(message: string): TargetError {
  return new TargetError('DEVICE_ARGUMENT', message);
}
