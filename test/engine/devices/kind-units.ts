import { bridge } from '../../../engine/devices/bridge/bridge.js';
import { BridgeMembers } from '../../../engine/devices/bridge/bridge-members.js';
import { controller } from '../../../engine/devices/controller/controller.js';
import type { DeviceType } from '../../../engine/scsi/command-table.js';
import { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { soleUnitHost } from '../../../engine/scsi/unit-host.js';
import { identity } from '../scsi/scsi-fixture.js';
import { imageFolder, pressedScene } from './cdrom/optical-fixture.js';
import { makeScene } from './changer/changer-fixture.js';
import { openBed } from './osd/osd-fixture.js';
import { TapeRig } from './tape/tape-fixture.js';

/** A unit that is ready, with what it needs around it. */
export interface KindUnit {
  readonly unit: LogicalUnit;
  close(): Promise<void>;
}

/** By the name of the device type: what opens a unit of it. */
export const kindUnits: Readonly<Record<string, () => Promise<KindUnit>>> = {
  controller: async () => withoutMedium(controller),
  bridge: async () => {
    const member = new LogicalUnit({ handle: 9, lun: 5, deviceType: { ...controller, name: 'passthrough' }, medium: null, identity });
    const host = { ...soleUnitHost, luns: () => [0, 5], unitAt: (lun: number) => (lun === 5 ? member : undefined) };
    return { unit: new LogicalUnit({ handle: 1, lun: 0, deviceType: bridge, medium: null, identity, host, parts: [new BridgeMembers([])] }), close };
  },
  optical: async () => {
    const images = imageFolder();
    const { unit } = await pressedScene(images.path('every.iso'));
    return { unit, close: images.remove };
  },
  changer: makeScene,
  tape: async () => {
    const rig = await TapeRig.make();
    return { unit: rig.unit, close: () => rig.end() };
  },
  osd: openBed,
};

/** What their commands are another device says. */
export const typesWithoutUnits: readonly string[] = ['passthrough'];

const close = () => Promise.resolve();

function withoutMedium(deviceType: DeviceType): KindUnit {
  return { unit: new LogicalUnit({ handle: 1, lun: 0, deviceType, medium: null, identity }), close };
}
