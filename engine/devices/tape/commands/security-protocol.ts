import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { parameterListOf, planParameterList } from '../../../scsi/parameter-list.js';
import { checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import { DataEncryption } from '../encryption/data-encryption.js';
import { encryptionInPages, NEXT_BLOCK_ENCRYPTION_STATUS } from '../encryption/encryption-pages.js';
import { EncryptionScope, readSetDataEncryption, SET_DATA_ENCRYPTION } from '../encryption/set-data-encryption.js';
import { tapeOf } from '../tape-unit.js';

/*
 * SECURITY PROTOCOL IN and OUT, SPC-4 "SECURITY PROTOCOL IN command" and "SECURITY PROTOCOL OUT command".
 *
 *     0| 0xa2, 0xb5 | SECURITY PROTOCOL | SECURITY PROTOCOL SPECIFIC (2) | INC_512 . | . | ALLOCATION or TRANSFER LENGTH (4) | . | CONTROL |
 */
const PROTOCOL_AT = 1;
const SPECIFIC_AT = 2;
const INC_512_AT = 4;
const INC_512_BIT = 0x80;
const LENGTH_AT = 6;
const MSB = 7;
const BLOCK_BYTES = 512;

/** Security protocols: information on them, and tape data encryption. */
const Protocol = { information: 0x00, tapeDataEncryption: 0x20 } as const;
/** What can be asked about them: the list, and a certificate, of which there is none. */
const Information = { list: 0x0000, certificate: 0x0001 } as const;

const usageOf = (opcode: number) => [opcode, ALL_BITS, ALL_BITS, ALL_BITS, INC_512_BIT, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED];

const common = { runsOn: 'main', cdbLength: 12, passesNotReady: true } as const;

/** In bytes; with INC_512 the field counts blocks of 512. */
function lengthOf(command: CommandSlot): number {
  const length = command.cdbView.getUint32(LENGTH_AT);
  return ((command.cdb[INC_512_AT] as number) & INC_512_BIT) === 0 ? length : length * BLOCK_BYTES;
}

export const securityProtocolInRow: UnitCommandRow = {
  ...common,
  reservation: 'read',
  opcode: 0xa2,
  name: 'SECURITY PROTOCOL IN',
  clause: 'SPC-4 "SECURITY PROTOCOL IN command"',
  cdbUsage: usageOf(0xa2),
  execute(command, unit, nexus, deferral) {
    const protocol = command.cdb[PROTOCOL_AT] as number;
    const specific = command.cdbView.getUint16(SPECIFIC_AT);
    if (protocol === Protocol.information) return returnInformation(command, specific);
    if (protocol !== Protocol.tapeDataEncryption) return invalidFieldInCdb(command, PROTOCOL_AT, MSB);
    const page = encryptionInPages.find(({ code }) => code === specific);
    if (page === undefined) return invalidFieldInCdb(command, SPECIFIC_AT, MSB);
    const { readiness } = tapeOf(unit);
    if (specific === NEXT_BLOCK_ENCRYPTION_STATUS && readiness !== null) return checkCondition(command, readiness.key, readiness.asc);
    const body = page.build(unit, nexus);
    if (body instanceof Uint8Array) returnPage(command, specific, body);
    else runDeferred(command, deferral, async () => returnPage(command, specific, await body));
  },
};

/*
 *     0| PAGE CODE (2) | PAGE LENGTH (2) | … |
 */
function returnPage(command: CommandSlot, code: number, body: Uint8Array): void {
  const header = Uint8Array.of(code >> 8, code & ALL_BITS, body.length >> 8, body.length & ALL_BITS);
  returnPadded(command, Buffer.concat([header, body]));
}

/** SPC-4 "Security protocol information": six reserved bytes, the length, and the protocols; a certificate of no length. */
function returnInformation(command: CommandSlot, specific: number): void {
  if (specific === Information.list) returnPadded(command, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, Protocol.information, Protocol.tapeDataEncryption));
  else if (specific === Information.certificate) returnPadded(command, new Uint8Array(4));
  else invalidFieldInCdb(command, SPECIFIC_AT, MSB);
}

/** With INC_512 data comes in whole blocks, padded with zeros. */
function returnPadded(command: CommandSlot, data: Uint8Array): void {
  if (((command.cdb[INC_512_AT] as number) & INC_512_BIT) === 0) {
    returnData(command, data, lengthOf(command));
    return;
  }
  const padded = new Uint8Array(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(data);
  returnData(command, padded, lengthOf(command));
}

export const securityProtocolOutRow: UnitCommandRow = {
  ...common,
  reservation: 'write',
  opcode: 0xb5,
  name: 'SECURITY PROTOCOL OUT',
  clause: 'SPC-4 "SECURITY PROTOCOL OUT command"',
  cdbUsage: usageOf(0xb5),
  plan(command) {
    if (command.cdb[PROTOCOL_AT] !== Protocol.tapeDataEncryption) return invalidFieldInCdb(command, PROTOCOL_AT, MSB);
    if (command.cdbView.getUint16(SPECIFIC_AT) !== SET_DATA_ENCRYPTION) return invalidFieldInCdb(command, SPECIFIC_AT, MSB);
    planParameterList(command, lengthOf(command), LENGTH_AT);
  },
  execute(command, unit, nexus) {
    if (command.plannedDataOutLength === 0) return;
    const list = parameterListOf(command);
    if (list.length < command.plannedDataOutLength) return parameterListLengthError(command);
    const request = readSetDataEncryption(withoutPadding(command, list));
    // The key lay in memory that will hold other data soon; this copy of it is of no use any more.
    list.fill(0);
    if ('fault' in request) {
      if (request.fault === 'length') parameterListLengthError(command);
      else invalidFieldInParameterList(command, request.fault.byte, request.fault.bit);
      return;
    }
    const { clearsOnPreempt, clearsOnReservationLoss } = request.parameters;
    const encryption = unit.part(DataEncryption);
    const goesWithReservation = request.scope !== EncryptionScope.public && (clearsOnPreempt || clearsOnReservationLoss);
    // SSC-4 "Set Data Encryption page", CKORP and CKORL: a key cannot go with a reservation that is not there.
    if (goesWithReservation && !encryption.isReservedFor(nexus)) return invalidFieldInParameterList(command, 5, clearsOnPreempt ? 1 : 0);
    encryption.set(nexus, request);
  },
};

/** With INC_512 zeros follow the page up to the end of a block. */
function withoutPadding(command: CommandSlot, list: Uint8Array): Uint8Array {
  if (((command.cdb[INC_512_AT] as number) & INC_512_BIT) === 0 || list.length < 4) return list;
  const toldLength = 4 + (((list[2] as number) << 8) | (list[3] as number));
  return toldLength < list.length ? list.subarray(0, toldLength) : list;
}
