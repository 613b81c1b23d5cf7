import type { UnitCommandRow } from '../command-table.js';
import { copyOperationAbortRow, extendedCopyRows } from './extended-copy.js';
import { populateTokenRow } from './populate-token.js';
import { receiveCopyRows } from './receive-copy.js';
import { writeUsingTokenRow } from './write-using-token.js';

/** All third-party copy commands of a block device, by opcode and service action. */
export const thirdPartyCopyRows: readonly UnitCommandRow[] = [
  ...extendedCopyRows,
  populateTokenRow,
  writeUsingTokenRow,
  copyOperationAbortRow,
  ...receiveCopyRows,
];
