import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { viewOf } from '../protocol/attribute-list.js';
import { attributeGeometry, pieceOf } from '../protocol/attribute-request.js';
import { decodeOffset } from '../protocol/buffer-offset.js';
import { CommandFailure, invalidCdbField } from '../protocol/command-failure.js';
import type { DataIn } from '../protocol/data-in.js';
import { CDB, INTEGRITY_CHECK_VALUE_LENGTH, type OsdCdb } from '../protocol/osd-cdb.js';
import { integrityCheckValue, isEqual } from './integrity.js';

/*
 * Integrity information of ALLDATA, OSD-2 "The ALLDATA security method".
 *
 *   of Data-Out:  0| data bytes (8) | 8| set attributes bytes (8) | 16| get attributes bytes (8) | 24| integrity check value (32)
 *   of Data-In:   0| data bytes (8) | 8| retrieved attributes bytes (8) | 16| integrity check value (32)
 */
const OUT_VALUE_AT = 24;
export const DATA_OUT_INTEGRITY_LENGTH = OUT_VALUE_AT + INTEGRITY_CHECK_VALUE_LENGTH;
const IN_VALUE_AT = 16;
export const DATA_IN_INTEGRITY_LENGTH = IN_VALUE_AT + INTEGRITY_CHECK_VALUE_LENGTH;

/** Where the information lies in its buffer; null when the field says that there is none. */
export function integrityOffset(cdb: OsdCdb, at: typeof CDB.dataInIntegrityOffset | typeof CDB.dataOutIntegrityOffset): number | null {
  const offsetBytes = decodeOffset(cdb.view.getUint32(at));
  if (offsetBytes === undefined) throw invalidCdbField(at);
  return offsetBytes;
}

/** Data-Out, its lengths and its value have to be what was signed. `dataBytes`: the command's own part, at the start. */
export function checkDataOut(cdb: OsdCdb, dataOut: Uint8Array, dataBytes: number, key: Uint8Array): void {
  const { getList, setData } = attributeGeometry(cdb);
  const offsetBytes = integrityOffset(cdb, CDB.dataOutIntegrityOffset);
  if (dataBytes === 0 && getList === null && setData === null) return;
  if (offsetBytes === null) throw invalidCdbField(CDB.dataOutIntegrityOffset);
  const information = pieceOf(dataOut, { offsetBytes, lengthBytes: DATA_OUT_INTEGRITY_LENGTH });
  const view = viewOf(information);
  const none = new Uint8Array(0);
  const sets = setData === null ? none : pieceOf(dataOut, setData);
  const gets = getList === null ? none : pieceOf(dataOut, getList);
  const isWhole = view.getBigUint64(0) === BigInt(dataBytes) && view.getBigUint64(8) === BigInt(sets.length) && view.getBigUint64(16) === BigInt(gets.length);
  const expected = integrityCheckValue(key, dataOut.subarray(0, dataBytes), sets, gets);
  if (!isWhole || !isEqual(expected, information.subarray(OUT_VALUE_AT)))
    throw new CommandFailure(SenseKey.illegalRequest, Asc.invalidDataOutBufferIntegrityCheckValue);
}

export function writeDataInIntegrity(cdb: OsdCdb, dataIn: DataIn, key: Uint8Array): void {
  const offsetBytes = integrityOffset(cdb, CDB.dataInIntegrityOffset);
  if (offsetBytes === null) return;
  const information = new Uint8Array(DATA_IN_INTEGRITY_LENGTH);
  const view = viewOf(information);
  view.setBigUint64(0, BigInt(dataIn.data.length));
  view.setBigUint64(8, BigInt(dataIn.retrieved.length));
  information.set(integrityCheckValue(key, dataIn.data, dataIn.retrieved), IN_VALUE_AT);
  dataIn.put(information, offsetBytes);
}
