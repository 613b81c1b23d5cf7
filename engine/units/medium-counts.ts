import type { UnitMetrics } from '../metrics/unit-metrics.js';
import type { CommandRow } from '../scsi/command-table.js';
import type { MediumCounts } from '../scsi/unit-host.js';

/** What the medium commands of a logical unit did, from the counts of each of its rows. */
export function readMediumCounts(metrics: UnitMetrics): MediumCounts {
  const { readMicros, writeMicros, readFaultCount, writeFaultCount, verifyFaultCount } = metrics.read();
  const counts = { readCommandCount: 0, writeCommandCount: 0, verifyCommandCount: 0, readBytes: 0, writeBytes: 0 };
  for (const stages of metrics.commandStages) {
    // Stages of this engine are always those of rows.
    const row = stages.command as CommandRow | null;
    if (row?.runsOn !== 'any') continue;
    const { count, readBytes, writeBytes } = stages.read();
    if (row.mediumAccess === 'write') counts.writeCommandCount += count;
    else if (row.mediumAccess === 'read') counts[row.name.startsWith('VERIFY') ? 'verifyCommandCount' : 'readCommandCount'] += count;
    counts.readBytes += readBytes;
    counts.writeBytes += row.mediumAccess === 'write' ? writeBytes : 0;
  }
  return { ...counts, readMicros, writeMicros, readFaultCount, writeFaultCount, verifyFaultCount };
}
