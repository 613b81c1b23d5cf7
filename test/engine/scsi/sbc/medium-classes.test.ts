import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandRow } from '../../../../engine/scsi/command-table.js';
import { disk } from '../../../../engine/scsi/sbc/disk.js';

/** SBC-3 "SBC-3 commands that are allowed in the presence of various reservations": what reads the medium, and what changes it. */
const classes: Record<string, 'read' | 'write'> = {
  'COMPARE AND WRITE': 'write',
  'ORWRITE (16)': 'write',
  'WRITE ATOMIC (16)': 'write',
  'WRITE SAME (10)': 'write',
  'WRITE SAME (16)': 'write',
  'WRITE SAME (32)': 'write',
  UNMAP: 'write',
  'SYNCHRONIZE CACHE (10)': 'write',
  'GET LBA STATUS': 'read',
  'PRE-FETCH (10)': 'read',
  'PRE-FETCH (16)': 'read',
  'READ DEFECT DATA (10)': 'read',
  'READ DEFECT DATA (12)': 'read',
};

for (const [name, expected] of Object.entries(classes)) {
  test(`${name} conflicts with reservations like every command that ${expected}s`, () => {
    const row = disk.commands.rows.find((each) => each.name === name) as CommandRow;
    assert.is(row.reservation, expected);
    if (row.runsOn === 'any' && row.mediumAccess !== 'flush') assert.is(row.mediumAccess, expected, 'and claims its range so');
  });
}

test.run();
