import { deviceTypes } from '../../engine/scsi/device-types.js';
import type { ITNexus } from '../../engine/scsi/it-nexus.js';
import { LogicalUnit } from '../../engine/scsi/logical-unit.js';
import { Medium } from '../../engine/scsi/medium.js';
import { openRamStore } from '../../engine/store/ram-store.js';

export const BLOCK_BYTES = 512;
const TRANSFER_BYTES_MAX = 8 * 1024 * 1024;

export const benchNexus: ITNexus = {
  id: 1,
  initiatorPortName: 'iqn.2026-11.io.lunloom:bench-initiator,i,0x00023d000001',
  targetPortName: 'iqn.2026-11.io.lunloom:bench,t,0x0001',
  relativeTargetPortIdentifier: 1,
};

/** A disk over memory, as the engine builds it. */
export function benchUnit(sizeBytes: number): LogicalUnit {
  const medium = new Medium(openRamStore({ sizeBytes }), { blockLengthBytes: BLOCK_BYTES, readOnly: false, transferLengthBytesMax: TRANSFER_BYTES_MAX });
  const identity = { vendor: 'LUNLOOM', product: 'BENCH', revision: '0100', serial: 'BENCH', naa: '3000000000000001' };
  return new LogicalUnit({ handle: 1, lun: 0, deviceType: deviceTypes.disk, medium, identity });
}
