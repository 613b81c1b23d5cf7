import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitCondition } from '../logical-unit.js';
import { Asc, SenseKey, writeDescriptorSense, writeFixedSense } from '../sense.js';

/*
 * REQUEST SENSE, SPC-4 §6.39.
 *
 *     0| 0x03 | Reserved      DESC | Reserved (2) |
 *     4| Allocation Length | Control              |
 */
const DESC_BIT = 0x01;
const ALLOCATION_LENGTH_AT = 4;
/** Fixed format, or descriptor format with all descriptors that there are. */
const SENSE_LENGTH_MAX = 64;

/**
 * The REQUEST SENSE row of a device type. Sense data of commands travels with their status, so that there is only what
 * `poll` finds to be said now.
 */
export function requestSenseRow(poll: (unit: LogicalUnit, nexus: ITNexus) => UnitCondition): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'always',
    accessState: 'transitioning',
    opcode: 0x03,
    name: 'REQUEST SENSE',
    clause: 'SPC-4 §6.39',
    cdbLength: 6,
    cdbUsage: [0x03, DESC_BIT, 0x00, 0x00, ALL_BITS, CONTROL_UNUSED],
    passesUnitAttention: true,
    passesNotReady: true,
    execute(command, unit, nexus) {
      const { key, asc, details } = poll(unit, nexus);
      const data = new Uint8Array(SENSE_LENGTH_MAX);
      const descriptorFormat = ((command.cdb[1] as number) & DESC_BIT) !== 0;
      const lengthBytes = descriptorFormat ? writeDescriptorSense(data, key, asc, details) : writeFixedSense(data, key, asc, details);
      returnData(command, data.subarray(0, lengthBytes), command.cdb[ALLOCATION_LENGTH_AT] as number);
    },
  };
}

/**
 * SPC-4 §6.39: a pending unit attention first, which is thereby cleared; then why the unit is not ready; then the power condition that it is in;
 * then nothing.
 */
export function pollUnit(unit: LogicalUnit, nexus: ITNexus): UnitCondition {
  const attention = unit.takeUnitAttention(nexus);
  if (attention !== undefined) return { key: SenseKey.unitAttention, asc: attention.asc };
  const conditions = unit.conditions();
  // Work that is under way goes before what it makes good: a sanitize before the format that was interrupted.
  const notReady = conditions.find(({ key }) => key === SenseKey.notReady) ?? conditions.find(({ key }) => key !== SenseKey.noSense);
  if (notReady !== undefined) return notReady;
  return unit.mediumCondition ?? conditions[0] ?? { key: SenseKey.noSense, asc: Asc.none };
}
