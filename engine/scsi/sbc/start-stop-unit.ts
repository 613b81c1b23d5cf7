import type { CommandSlot } from '../../shm/command-slot.js';
import { CONTROL_UNUSED } from '../cdb.js';
import type { Deferral, UnitCommandRow } from '../command-table.js';
import { endAs } from '../internal-outcome.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { MediumRemoval } from '../spc/medium-removal.js';
import { ScsiStatus } from '../status.js';
import { LateAnswer } from './background-work.js';
import { synchronizeMedium } from './internal-cdb.js';
import { type LowPowerCondition, type PowerCause, PowerConditions } from './power-conditions.js';

/*
 * START STOP UNIT, SBC-3 "START STOP UNIT command".
 *
 *     0| 0x1b | . IMMED | Reserved | . Power Condition Modifier |
 *     4| Power Condition . NO_FLUSH LOEJ START | Control |
 */
const IMMED_BIT = 0x01;
const MODIFIER_AT = 3;
const MODIFIER_BITS = 0x0f;
const MODIFIER_BIT = 3;
const ACTION_AT = 4;
const POWER_CONDITION_BITS = 0xf0;
const POWER_CONDITION_SHIFT = 4;
const POWER_CONDITION_BIT = 7;
const NO_FLUSH_BIT = 0x04;
const LOEJ_BIT = 0x02;
const LOEJ_BIT_NUMBER = 1;
const START_BIT = 0x01;

/** POWER CONDITION field. */
const PowerCondition = { startValid: 0x0, active: 0x1, idle: 0x2, standby: 0x3, luControl: 0x7, forceIdle0: 0xa, forceStandby0: 0xb } as const;
/** By POWER CONDITION MODIFIER. */
const IDLE: readonly LowPowerCondition[] = ['idle_a', 'idle_b', 'idle_c'];
const STANDBY: readonly LowPowerCondition[] = ['standby_z', 'standby_y'];

/** Legal ones with what they do, by the modifiers that they have. */
const POWER_ACTIONS: ReadonlyMap<number, readonly ((power: PowerConditions) => void)[]> = new Map([
  [PowerCondition.active, [(power: PowerConditions) => power.enterActive()]],
  [PowerCondition.idle, IDLE.map((condition) => enterLow(condition, 'command'))],
  [PowerCondition.standby, STANDBY.map((condition) => enterLow(condition, 'command'))],
  // Gives the timers back to the logical unit: none of them is enabled, so that nothing follows.
  [PowerCondition.luControl, [() => {}]],
  // As if the timer had run out.
  [PowerCondition.forceIdle0, IDLE.map((condition) => enterLow(condition, 'timer'))],
  [PowerCondition.forceStandby0, STANDBY.map((condition) => enterLow(condition, 'timer'))],
]);

function enterLow(condition: LowPowerCondition, cause: PowerCause): (power: PowerConditions) => void {
  return (power) => power.enterLow(condition, cause);
}

export const startStopUnitRow: UnitCommandRow = {
  runsOn: 'main',
  // Starting a unit takes nothing from anybody. SBC-3 "SBC-3 commands that are allowed in the presence of various reservations".
  reservation: (command) => (((command.cdb[ACTION_AT] as number) & (POWER_CONDITION_BITS | START_BIT)) === START_BIT ? 'always' : 'write'),
  opcode: 0x1b,
  name: 'START STOP UNIT',
  clause: 'SBC-3 "START STOP UNIT command"',
  cdbLength: 6,
  cdbUsage: [0x1b, IMMED_BIT, 0x00, MODIFIER_BITS, POWER_CONDITION_BITS | NO_FLUSH_BIT | LOEJ_BIT | START_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit, nexus, deferral) {
    const action = command.cdb[ACTION_AT] as number;
    const condition = (action & POWER_CONDITION_BITS) >> POWER_CONDITION_SHIFT;
    if (condition !== PowerCondition.startValid) return changePowerCondition(command, unit, deferral, condition);
    // The modifier is of no meaning here, so that it counts as reserved.
    if (command.cdb[MODIFIER_AT] !== 0) return invalidFieldInCdb(command, MODIFIER_AT, MODIFIER_BIT);
    if ((action & LOEJ_BIT) !== 0) return loadOrEject(command, unit, nexus, deferral);
    if ((action & START_BIT) !== 0) return unit.part(PowerConditions).enterActive();
    // Drives for removable media start by themselves when the medium is wanted: what keeps them from use is to eject it.
    if (unit.removable) return changePowerCondition(command, unit, deferral, PowerCondition.standby);
    stop(command, unit, deferral, { answersAtOnce: answersAtOnce(command), onFlushed: () => {} });
  },
};

/** START and LOEJ mean nothing then. SBC-3 "START STOP UNIT command", POWER CONDITION. */
function changePowerCondition(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, condition: number): void {
  const actions = POWER_ACTIONS.get(condition);
  // Drives for removable media pass over reserved values, as iscsi-test-cu expects of them: the medium stays in, and the power condition as it is.
  if (actions === undefined && unit.removable) return;
  const change = actions?.[command.cdb[MODIFIER_AT] as number];
  const isStandby = condition === PowerCondition.standby || condition === PowerCondition.forceStandby0;
  const onFlushed = () => change?.(unit.part(PowerConditions));
  if (actions === undefined) invalidFieldInCdb(command, ACTION_AT, POWER_CONDITION_BIT);
  else if (change === undefined) invalidFieldInCdb(command, MODIFIER_AT, MODIFIER_BIT);
  else if (isStandby) flushThen(command, unit, deferral, { answersAtOnce: answersAtOnce(command), onFlushed, onFault: () => {} });
  else onFlushed();
}

/** Without a removable medium there is nothing to load or eject. */
function loadOrEject(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral): void {
  if (!unit.removable) invalidFieldInCdb(command, ACTION_AT, LOEJ_BIT_NUMBER);
  else if (unit.part(MediumRemoval).isPrevented) checkCondition(command, SenseKey.illegalRequest, Asc.mediumRemovalPrevented);
  else if (((command.cdb[ACTION_AT] as number) & START_BIT) === 0) eject(command, unit, deferral);
  else load(unit, nexus);
}

function eject(command: CommandSlot, unit: LogicalUnit, deferral: Deferral): void {
  const removal = unit.part(MediumRemoval);
  const onFlushed = () => {
    // Somebody may have forbidden it while the cache was written.
    if (!removal.isPrevented) removal.eject();
    unit.part(PowerConditions).enterActive();
  };
  // IMMED allows to answer before the medium is out. Who asks then whether it is would find a unit that has only stopped.
  stop(command, unit, deferral, { answersAtOnce: false, onFlushed });
}

/** Who loads the medium knows it; the others learn that it may be another one. SPC-4 "Removable medium". */
function load(unit: LogicalUnit, nexus: ITNexus): void {
  const isNew = unit.part(MediumRemoval).load();
  unit.part(PowerConditions).enterActive();
  if (isNew) unit.tellNexuses(Asc.mediumMayHaveChanged, nexus);
}

interface Flush {
  /** The command does not wait for it. */
  readonly answersAtOnce: boolean;
  readonly onFlushed: () => void;
  readonly onFault: () => void;
}

function answersAtOnce(command: CommandSlot): boolean {
  return ((command.cdb[1] as number) & IMMED_BIT) !== 0;
}

/** The unit is not ready from now on, so that nothing is written behind the flush; it is ready again when the cache cannot be written. */
function stop(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, flush: Omit<Flush, 'onFault'>): void {
  const power = unit.part(PowerConditions);
  const wasStopped = unit.stopped;
  power.enterStopped();
  const onFault = () => {
    if (!wasStopped) power.enterActive();
  };
  flushThen(command, unit, deferral, { ...flush, onFault });
}

/** Writes the cache to the medium first, unless NO_FLUSH is set or there is nothing to write it to. */
function flushThen(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, flush: Flush): void {
  const isNeeded = ((command.cdb[ACTION_AT] as number) & NO_FLUSH_BIT) === 0 && unit.medium !== null && !unit.medium.readOnly;
  if (!isNeeded) {
    flush.onFlushed();
    return;
  }
  const answer = new LateAnswer(deferral);
  const flushed = synchronizeMedium(unit);
  if (flush.answersAtOnce) answer.give(() => {});
  void flushed.then((outcome) => {
    if (outcome.status === ScsiStatus.good) flush.onFlushed();
    else flush.onFault();
    answer.give(() => endAs(command, outcome));
  });
}
