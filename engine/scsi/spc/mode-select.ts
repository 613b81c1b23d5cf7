import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { Deferral, UnitCommandRow } from '../command-table.js';
import { endAs } from '../internal-outcome.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, parameterListLengthError, SenseKey } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { ModePages } from './mode-page-values.js';
import { type HeaderShape, headerShapes, readModeParameters } from './mode-select-list.js';

/*
 * MODE SELECT, SPC-4 "MODE SELECT(6) command" and "MODE SELECT(10) command".
 *
 *     0| 0x15 | .  PF .     SP | Reserved (2) | Parameter List Length | Control |
 *     0| 0x55 | .  PF .     SP | Reserved (5)
 *                                                   7| Parameter List Length (2) | Control |
 */
const PF_BIT = 0x10;
const SP_BIT = 0x01;
const FLAGS_AT = 1;
const SP_BIT_NUMBER = 0;

const common = { runsOn: 'main', reservation: 'write', accessState: 'standby', passesNotReady: true } as const;

/** The MODE SELECT rows of a device type that has `modes`. */
export const modeSelectRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x15,
    name: 'MODE SELECT (6)',
    clause: 'SPC-4 "MODE SELECT(6) command"',
    cdbLength: 6,
    cdbUsage: [0x15, PF_BIT | SP_BIT, 0x00, 0x00, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, command.cdb[4] as number, 4),
    execute: (command, unit, nexus, deferral) => select(command, unit, nexus, deferral, headerShapes.six, command.cdb[4] as number),
  },
  {
    ...common,
    opcode: 0x55,
    name: 'MODE SELECT (10)',
    clause: 'SPC-4 "MODE SELECT(10) command"',
    cdbLength: 10,
    cdbUsage: [0x55, PF_BIT | SP_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, command.cdbView.getUint16(7), 7),
    execute: (command, unit, nexus, deferral) => select(command, unit, nexus, deferral, headerShapes.ten, command.cdbView.getUint16(7)),
  },
];

function savesPages(command: CommandSlot): boolean {
  return ((command.cdb[FLAGS_AT] as number) & SP_BIT) !== 0;
}

function plan(command: CommandSlot, unit: LogicalUnit, lengthBytes: number, lengthAt: number): void {
  if (savesPages(command) && !unit.part(ModePages).isKept) invalidFieldInCdb(command, FLAGS_AT, SP_BIT_NUMBER);
  else planParameterList(command, lengthBytes, lengthAt);
}

function select(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral, shape: HeaderShape, lengthBytes: number): void {
  const list = parameterListOf(command);
  if (list.length < lengthBytes) {
    // The initiator sent less than its CDB says.
    parameterListLengthError(command);
    return;
  }
  const selection = readModeParameters(command, unit, list, shape, ((command.cdb[FLAGS_AT] as number) & PF_BIT) !== 0);
  if (selection === null) return;
  const modes = unit.part(ModePages);
  const mustFlush = modes.needsFlush(selection.pages);
  // In force first: nothing that needs a flush may be written any more when the flush begins.
  const before = modes.change(selection.pages);
  const takeHeaderBack = selection.header === null ? null : (modes.profile.applyHeader?.(selection.header, unit) ?? null);
  const isChanged = before.size > 0 || takeHeaderBack !== null;
  if (!savesPages(command) && !mustFlush) {
    if (isChanged) tellOthers(unit, nexus);
    return;
  }
  const finish = deferral.defer();
  void makeLast(command, unit, mustFlush).then((isDone) => {
    if (!isDone) {
      modes.change(before);
      takeHeaderBack?.();
    } else if (isChanged) tellOthers(unit, nexus);
    finish();
  });
}

/** SPC-4 "MODE SELECT(6) command": who shares the mode pages and did not change them is told. */
function tellOthers(unit: LogicalUnit, nexus: ITNexus): void {
  unit.tellNexuses(Asc.modeParametersChanged, nexus);
}

/** Flushes and saves as the command asks. False when that failed, with the outcome in the command; never rejects. */
async function makeLast(command: CommandSlot, unit: LogicalUnit, mustFlush: boolean): Promise<boolean> {
  const modes = unit.part(ModePages);
  if (mustFlush) {
    const outcome = await modes.profile.flush(unit);
    if (outcome.status !== ScsiStatus.good) {
      endAs(command, outcome);
      return false;
    }
  }
  if (!savesPages(command)) return true;
  try {
    await modes.save();
    return true;
  } catch {
    checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
    return false;
  }
}
