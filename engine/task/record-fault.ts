import type { UnitMetrics } from '../metrics/unit-metrics.js';
import type { CommandRow } from '../scsi/command-table.js';
import { readSense, SenseKey } from '../scsi/sense.js';
import type { CommandSlot } from '../shm/command-slot.js';

/** Counts a command that has failed, when it was the medium that failed it; what an initiator did wrong is no fault of the unit. */
export function recordFault(metrics: UnitMetrics, row: CommandRow | null, slot: CommandSlot): void {
  const { key } = readSense(slot.sense.subarray(0, slot.senseLength));
  if (row?.runsOn !== 'any' || (key !== SenseKey.mediumError && key !== SenseKey.hardwareError)) return;
  if (row.mediumAccess !== 'read') metrics.recordFault('writeFaultCount');
  else metrics.recordFault(slot.plannedDataInLength > 0 ? 'readFaultCount' : 'verifyFaultCount');
}
