import { TargetError } from '../errors.js';
import { absent } from './absent/absent.js';
import type { DeviceType } from './command-table.js';
import { disk, protectedDisk } from './sbc/disk.js';
import { reportLunsUnit } from './wellknown/report-luns-unit.js';

/** Every device type, one line each, by the name that the configuration and the workers use. */
export const deviceTypes = {
  disk,
  protectedDisk,
  absent,
  reportLunsUnit,
} as const satisfies Record<string, DeviceType>;

export type DeviceTypeName = keyof typeof deviceTypes;

/** The device type of a name that came from elsewhere. Throws `TargetError` `DEVICE_TYPE_UNKNOWN`. */
export function deviceTypeNamed(name: string): DeviceType {
  if (!Object.hasOwn(deviceTypes, name)) throw new TargetError('DEVICE_TYPE_UNKNOWN', `there is no device type named ${name}`);
  return deviceTypes[name as DeviceTypeName];
}
