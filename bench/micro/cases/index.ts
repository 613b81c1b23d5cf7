import type { MicroCase } from '../model.js';
import { accountingCases } from './accounting.js';
import { arenaCases } from './arena.js';
import { digestCases } from './digests.js';
import { loginCases } from './login.js';
import { loopbackCases } from './loopback.js';
import { orderingCases } from './ordering.js';
import { pathCases } from './path.js';
import { pduCases } from './pdu.js';
import { ringCases } from './ring.js';
import { scsiCases } from './scsi.js';

/** Every case, in the order in which the table shows them. */
export const microCases: readonly MicroCase[] = [
  ...pduCases,
  ...loginCases,
  ...digestCases,
  ...ringCases,
  ...scsiCases,
  ...orderingCases,
  ...arenaCases,
  ...accountingCases,
  ...pathCases,
  ...loopbackCases,
];
