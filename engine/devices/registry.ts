import { TargetError } from '../errors.js';
import type { DeviceType } from '../scsi/command-table.js';
import { deviceTypes } from '../scsi/device-types.js';
import { bridgeKind } from './bridge/index.js';
import { cdromKind } from './cdrom/index.js';
import { changerKind } from './changer/index.js';
import { controllerKind } from './controller/index.js';
import type { DeviceKind } from './device-kind.js';
import { osdKind } from './osd/index.js';
import { passthroughKind } from './passthrough/index.js';
import { tapeKind } from './tape/index.js';

/** Every kind of device beside disks, one line each. */
export const deviceKinds: readonly DeviceKind[] = [controllerKind, bridgeKind, passthroughKind, changerKind, cdromKind, tapeKind, osdKind];

export function findDeviceKind(name: string): DeviceKind | undefined {
  return deviceKinds.find((kind) => kind.name === name);
}

/** The kind of a checked configuration. */
export function deviceKindNamed(name: string): DeviceKind {
  const kind = findDeviceKind(name);
  if (kind === undefined) throw new TargetError('DEVICE_KIND_UNKNOWN', `there is no kind of device named ${name}`);
  return kind;
}

/** The device type of a medium that a worker is told of. Throws `TargetError` `DEVICE_TYPE_UNKNOWN`. */
export function mediumTypeNamed(name: string): DeviceType {
  const types = [...Object.values<DeviceType>(deviceTypes), ...deviceKinds.flatMap((kind) => kind.mediumTypes ?? [])];
  const type = types.find((candidate) => candidate.name === name);
  if (type === undefined) throw new TargetError('DEVICE_TYPE_UNKNOWN', `there is no device type named ${name}`);
  return type;
}
