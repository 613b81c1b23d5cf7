import { returnData } from '../../scsi/cdb.js';
import type { UnitCondition } from '../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey, writeDescriptorSense, writeFixedSense } from '../../scsi/sense.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import type { VpdPages } from './device-queries.js';

const EVPD_BIT = 0x01;
const DESC_BIT = 0x01;
const PAGE_CODE_AT = 2;
const SENSE_LENGTH_MAX = 64;

/** The device of an unknown type is not connected, SPC-4 "Standard INQUIRY data": PERIPHERAL QUALIFIER 001b and PERIPHERAL DEVICE TYPE 1Fh. */
const NOT_CONNECTED = 0x3f;
const STANDARD_LENGTH = 36;
const VERSION_SPC_3 = 0x05;
const RESPONSE_DATA_FORMAT = 0x02;
const CMDQUE_BIT = 0x02;

/** What is known of the device while it is away: what it said of itself when it was last there. */
export interface KnownDevice {
  readonly standard: Uint8Array | null;
  readonly pages: VpdPages;
}

export const unknownDevice: KnownDevice = { standard: null, pages: new Map() };

/** Standard INQUIRY data of a device that was never there. */
export function absentInquiry(): Uint8Array {
  const data = new Uint8Array(STANDARD_LENGTH);
  data.set([NOT_CONNECTED, 0, VERSION_SPC_3, RESPONSE_DATA_FORMAT, STANDARD_LENGTH - 5, 0, 0, CMDQUE_BIT]);
  data.set(new TextEncoder().encode('LUNLOOM PASSTHROUGH     0100'), 8);
  return data;
}

/**
 * Why a device that is away cannot do what is asked. For a while it may well come back, and initiators are to try again (Linux and ESXi do so on NOT READY,
 * IN PROCESS OF BECOMING READY until their time for the command is over); then they are to fail the path.
 */
export function awayCondition(isLong: boolean, wasThere: boolean): UnitCondition {
  if (!isLong) return { key: SenseKey.notReady, asc: Asc.logicalUnitBecomingReady };
  return wasThere ? { key: SenseKey.hardwareError, asc: Asc.logicalUnitCommunicationFailure } : { key: SenseKey.notReady, asc: Asc.logicalUnitNotReady };
}

/** INQUIRY from memory. SPC-4: it is answered whether the device is ready or not. */
export function answerInquiryFromMemory(command: CommandSlot, known: KnownDevice): void {
  const allocationLength = command.cdbView.getUint16(3);
  const page = command.cdb[PAGE_CODE_AT] as number;
  const wantsPage = ((command.cdb[1] as number) & EVPD_BIT) !== 0;
  const data = wantsPage ? known.pages.get(page) : page === 0 ? (known.standard ?? absentInquiry()) : undefined;
  if (data === undefined) invalidFieldInCdb(command, PAGE_CODE_AT);
  else returnData(command, Uint8Array.from(data), allocationLength);
}

/** REQUEST SENSE that is answered here. */
export function answerRequestSense(command: CommandSlot, { key, asc }: UnitCondition): void {
  const data = new Uint8Array(SENSE_LENGTH_MAX);
  const write = ((command.cdb[1] as number) & DESC_BIT) !== 0 ? writeDescriptorSense : writeFixedSense;
  returnData(command, data.subarray(0, write(data, key, asc)), command.cdb[4] as number);
}

export function answerAway(command: CommandSlot, { key, asc }: UnitCondition): void {
  checkCondition(command, key, asc);
}
