import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { Asc, FIXED_SENSE_LENGTH, SenseKey, writeDescriptorSense, writeFixedSense } from '../sense.js';

/*
 * REQUEST SENSE, SPC-4 §6.39.
 *
 *     0| 0x03 | Reserved      DESC | Reserved (2) |
 *     4| Allocation Length | Control              |
 */
const DESC_BIT = 0x01;
const ALLOCATION_LENGTH_AT = 4;

export interface PolledSense {
  readonly key: SenseKey;
  readonly asc: number;
}

/**
 * The REQUEST SENSE row of a device type. Sense data of commands travels with their status, so that there is only what
 * `poll` finds to be said now.
 */
export function requestSenseRow(poll: (unit: LogicalUnit, nexus: ITNexus) => PolledSense): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'always',
    opcode: 0x03,
    name: 'REQUEST SENSE',
    clause: 'SPC-4 §6.39',
    cdbLength: 6,
    cdbUsage: [0x03, DESC_BIT, 0x00, 0x00, ALL_BITS, CONTROL_UNUSED],
    passesUnitAttention: true,
    passesNotReady: true,
    execute(command, unit, nexus) {
      const { key, asc } = poll(unit, nexus);
      const data = new Uint8Array(FIXED_SENSE_LENGTH);
      const descriptorFormat = ((command.cdb[1] as number) & DESC_BIT) !== 0;
      const lengthBytes = descriptorFormat ? writeDescriptorSense(data, key, asc) : writeFixedSense(data, key, asc);
      returnData(command, data.subarray(0, lengthBytes), command.cdb[ALLOCATION_LENGTH_AT] as number);
    },
  };
}

/** SPC-4 §6.39: a pending unit attention first, which is thereby cleared; then why the unit is not ready; then nothing. */
export function pollUnit(unit: LogicalUnit, nexus: ITNexus): PolledSense {
  const attention = unit.takeUnitAttention(nexus);
  if (attention !== undefined) return { key: SenseKey.unitAttention, asc: attention.asc };
  if (unit.medium === null) return { key: SenseKey.notReady, asc: Asc.mediumNotPresent };
  if (unit.stopped) return { key: SenseKey.notReady, asc: Asc.logicalUnitStopped };
  return { key: SenseKey.noSense, asc: Asc.none };
}
