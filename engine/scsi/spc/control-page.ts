import { CommandFlag } from '../../shm/layout.js';
import type { LogicalUnit } from '../logical-unit.js';
import { ControlMode, type QueueErrorManagement, type TaskSetType } from './control-mode.js';
import type { ModeFieldPlace, ModePage } from './mode-page.js';

/*
 * Control mode page, SPC-4 "Control mode page", behind its header:
 *
 *     0| TST (3) | TMF_ONLY | DPICZ | D_SENSE | GLTSD | RLEC   |
 *     1| QUEUE ALGORITHM MODIFIER (4) | NUAR | QERR (2) | .    |
 *     2| VS | RAC | UA_INTLCK_CTRL (2) | SWP | .               |
 *     3| ATO | TAS | ATMPE | RWWP | . | AUTOLOAD MODE (3)      |
 *     4| Obsolete (2)                                          |
 *     6| BUSY TIMEOUT PERIOD (2)                               |
 *     8| EXTENDED SELF-TEST COMPLETION TIME (2)                |
 */
const CONTROL_LENGTH = 0x0a;
const TST_SHIFT = 5;
const TST_MASK = 0xe0;
/** Disable protection information check if the PROTECT field is zero. */
const DPICZ_BIT = 0x08;
const D_SENSE_BIT = 0x04;
/** Global logging target save disable: log parameters are not saved. */
const GLTSD_BIT = 0x02;
const QUEUE_ALGORITHM_SHIFT = 4;
const QUEUE_ALGORITHM_MASK = 0xf0;
const NUAR_BIT = 0x08;
const QERR_SHIFT = 1;
const QERR_MASK = 0x06;
const SWP_BIT = 0x08;
const ATO_BIT = 0x80;
const TAS_BIT = 0x40;
const BUSY_TIMEOUT_PERIOD_AT = 6;
/** A unit may stay busy without a bound, as SPC-4 codes it. */
const BUSY_TIMEOUT_UNLIMITED = 0xff;

const TaskSetTypes = { shared: 0, perNexus: 1 } as const;
const QUERR_RESERVED = 2;
/** QUEUE ALGORITHM MODIFIER: 0h restricted and 1h unrestricted reordering. SIMPLE commands run on several threads. */
const UNRESTRICTED_REORDERING = 1;
const LEFTMOST_OF = { taskSetType: { byte: 0, bit: 7 }, queueAlgorithm: { byte: 1, bit: 7 }, queueError: { byte: 1, bit: 2 } } as const;

/** TMF_ONLY, RLEC, RAC, UA_INTLCK_CTRL and the others that cannot be changed are zero: what they would ask for is not done. */
export const controlPage: ModePage = {
  code: 0x0a,
  subpage: 0,
  defaults({ deviceType }) {
    const parameters = new Uint8Array(CONTROL_LENGTH);
    parameters[0] = GLTSD_BIT;
    parameters[1] = UNRESTRICTED_REORDERING << QUEUE_ALGORITHM_SHIFT;
    // Application tags of protection information are the initiators' own: nothing here changes them.
    if (deviceType.hasProtection === true) parameters[3] = ATO_BIT;
    parameters[BUSY_TIMEOUT_PERIOD_AT] = BUSY_TIMEOUT_UNLIMITED;
    parameters[BUSY_TIMEOUT_PERIOD_AT + 1] = BUSY_TIMEOUT_UNLIMITED;
    return parameters;
  },
  changeable({ deviceType }) {
    const mask = new Uint8Array(CONTROL_LENGTH);
    mask[0] = TST_MASK | D_SENSE_BIT | (deviceType.hasProtection === true ? DPICZ_BIT : 0);
    mask[1] = QUEUE_ALGORITHM_MASK | NUAR_BIT | QERR_MASK;
    mask[2] = SWP_BIT;
    mask[3] = TAS_BIT;
    return mask;
  },
  fault: faultOf,
  apply(parameters, unit) {
    const [first, second, third, fourth] = parameters as unknown as readonly [number, number, number, number];
    unit.setCommandFlag(CommandFlag.descriptorSense, (first & D_SENSE_BIT) !== 0);
    unit.setCommandFlag(CommandFlag.uncheckedAlone, (first & DPICZ_BIT) !== 0);
    unit.softwareWriteProtected = (third & SWP_BIT) !== 0;
    unit.part(ControlMode).set({
      taskSetType: (first >> TST_SHIFT) as TaskSetType,
      queueErrorManagement: queueErrorOf(second) as QueueErrorManagement,
      taskAbortedStatus: (fourth & TAS_BIT) !== 0,
      unrestrictedReordering: second >> QUEUE_ALGORITHM_SHIFT === UNRESTRICTED_REORDERING,
      noAttentionOnRelease: (second & NUAR_BIT) !== 0,
    });
  },
  // SWP inhibits writing "after writing all cached or buffered write data".
  needsFlush: (before, after, unit) => canFlush(unit) && ((after[2] as number) & ~(before[2] as number) & SWP_BIT) !== 0,
};

function queueErrorOf(second: number): number {
  return (second & QERR_MASK) >> QERR_SHIFT;
}

function faultOf(parameters: Uint8Array): ModeFieldPlace | null {
  const second = parameters[1] as number;
  if ((parameters[0] as number) >> TST_SHIFT > TaskSetTypes.perNexus) return LEFTMOST_OF.taskSetType;
  if (second >> QUEUE_ALGORITHM_SHIFT > UNRESTRICTED_REORDERING) return LEFTMOST_OF.queueAlgorithm;
  return queueErrorOf(second) === QUERR_RESERVED ? LEFTMOST_OF.queueError : null;
}

/** Whether a flush buys anything, and there is something to be flushed. */
export function canFlush({ medium }: LogicalUnit): boolean {
  return medium !== null && !medium.readOnly && medium.store.durability === 'power-loss';
}

const CONTROL_EXTENSION_LENGTH = 0x1c;
/** TCMOS: the clock is set by other means than SET TIMESTAMP, too: it starts as the host's. */
const TCMOS_BIT = 0x04;
/** SCSIP: what SET TIMESTAMP said goes before that. */
const SCSIP_BIT = 0x02;
/** IALUAE: target port groups may change their access state without being asked. */
const IALUAE_BIT = 0x01;

/** Control Extension mode page, SPC-4. MAXIMUM SENSE DATA LENGTH 0: no bound of its own. */
export const controlExtensionPage: ModePage = {
  code: 0x0a,
  subpage: 0x01,
  defaults() {
    const parameters = new Uint8Array(CONTROL_EXTENSION_LENGTH);
    parameters[0] = TCMOS_BIT | SCSIP_BIT | IALUAE_BIT;
    return parameters;
  },
};
