import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { invalidFieldInCdb } from '../../../scsi/sense.js';
import { driveOf } from '../drive/optical-drive.js';
import { driveFeatures } from '../features/drive-features.js';
import { encodeFeature, type FeatureContext } from '../features/feature.js';

/*
 * GET CONFIGURATION, MMC-6 "GET CONFIGURATION command".
 *
 *     0| 0x46 | . RT (2) | Starting Feature Number (2) | Reserved (3) | Allocation Length (2) | Control |
 */
const RT_MASK = 0x03;
const RT_BIT = 1;
const Request = { all: 0, current: 1, one: 2 } as const;
const HEADER_LENGTH = 8;

export const getConfigurationRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x46,
  name: 'GET CONFIGURATION',
  clause: 'MMC-6 "GET CONFIGURATION command"',
  cdbLength: 10,
  cdbUsage: [0x46, RT_MASK, ALL_BITS, ALL_BITS, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesUnitAttention: true,
  passesNotReady: true,
  execute(command, unit) {
    const request = (command.cdb[1] as number) & RT_MASK;
    if (request > Request.one) return invalidFieldInCdb(command, 1, RT_BIT);
    const start = command.cdbView.getUint16(2);
    const { disc } = driveOf(unit);
    const context: FeatureContext = { disc, serial: unit.identity.serial };
    const features = driveFeatures.filter((feature) => {
      if (request === Request.one) return feature.code === start;
      return feature.code >= start && (request === Request.all || feature.isPersistent || feature.isCurrent(context));
    });
    const data = Buffer.concat([new Uint8Array(HEADER_LENGTH), ...features.map((feature) => encodeFeature(feature, context))]);
    data.writeUInt32BE(data.length - 4, 0);
    data.writeUInt16BE(disc?.profile.number ?? 0, 6);
    returnData(command, data, command.cdbView.getUint16(7));
  },
};
