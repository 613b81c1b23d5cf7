import { absent } from './absent/absent.js';
import type { DeviceType } from './command-table.js';
import { disk, protectedDisk } from './sbc/disk.js';
import { reportLunsUnit } from './wellknown/report-luns-unit.js';

/** Disks and what answers where no device is, one line each, by the name that the workers use; other kinds of devices stand in `engine/devices`. */
export const deviceTypes = {
  disk,
  protectedDisk,
  absent,
  reportLunsUnit,
} as const satisfies Record<string, DeviceType>;

export type DeviceTypeName = keyof typeof deviceTypes;
