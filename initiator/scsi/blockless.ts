import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { InitiatorError } from '../errors.js';
import { deviceTypeName } from './inquiry-data.js';
import type { LogicalUnitClient } from './logical-unit-client.js';
import { ScsiError } from './scsi-errors.js';

/** Direct access, write-once, CD/DVD, optical memory, simplified direct access: devices whose media are blocks that READ CAPACITY counts. */
const TYPES_WITH_BLOCKS: readonly number[] = [0x00, 0x04, 0x05, 0x07, 0x0e, 0x14];

/** What asks for the capacity of a unit: a tape that refuses it is said to be a tape. Then throws `InitiatorError` `NOT_SUPPORTED`. */
export async function namingBlockless<T>(unit: LogicalUnitClient, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ScsiError) || error.senseKey !== SenseKey.illegalRequest) throw error;
    const inquiry = await unit.inquiry().catch(() => null);
    if (inquiry === null || TYPES_WITH_BLOCKS.includes(inquiry.peripheralDeviceType)) throw error;
    const type = deviceTypeName(inquiry.peripheralDeviceType);
    throw new InitiatorError('NOT_SUPPORTED', `LUN ${unit.lun} has no blocks to read and write: its type is ${type}`, { cause: error });
  }
}
