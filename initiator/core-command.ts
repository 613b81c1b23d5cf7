import { BHS_CDB_LENGTH, BHS_LENGTH, encodeLunHigh, encodeScsiCommand, RESERVED_TAG, SCSI_COMMAND, TaskAttribute } from '../engine/pdu/index.js';
import { planUnsolicited } from './data-out-transfer.js';
import { InitiatorError } from './errors.js';
import type { NegotiatedKeys } from './key-negotiation.js';

/** A kind of command that a load repeats; only its LBA changes. */
export interface CoreCommandOptions {
  readonly lun: number;
  /** Up to 16 bytes. */
  readonly cdb: Uint8Array;
  /** Where the LBA stands in the CDB, as bytes and their number; left out when nothing is to be patched. */
  readonly lba?: { readonly at: number; readonly widthBytes: 4 | 8 };
  readonly direction: 'none' | 'in' | 'out';
  /** Bytes that one command moves. */
  readonly lengthBytes: number;
  readonly attribute?: TaskAttribute;
}

/** A command with all of its header made beforehand. */
export interface CoreCommand {
  readonly header: Uint8Array;
  readonly lunHigh: number;
  /** Offset in the header, -1 when there is no LBA. */
  readonly lbaAt: number;
  readonly isLbaWide: boolean;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly lengthBytes: number;
  readonly immediateBytes: number;
  readonly dataOutBytes: number;
}

/** Throws `ARGUMENT_INVALID`. */
export function prepareCommand(options: CoreCommandOptions, negotiated: NegotiatedKeys): CoreCommand {
  const { cdb, direction, lba } = options;
  const lengthBytes = direction === 'none' ? 0 : options.lengthBytes;
  if (cdb.length > BHS_CDB_LENGTH) throw new InitiatorError('ARGUMENT_INVALID', `a pipelined CDB has up to ${BHS_CDB_LENGTH} bytes, not ${cdb.length}`);
  if (lba !== undefined && lba.at + lba.widthBytes > cdb.length) throw new InitiatorError('ARGUMENT_INVALID', 'the LBA lies outside of the CDB');
  const writes = direction === 'out';
  const plan = writes ? planUnsolicited(lengthBytes, negotiated) : { immediateBytes: 0, dataOutBytes: 0 };
  const header = new Uint8Array(BHS_LENGTH);
  const lunHigh = encodeLunHigh(options.lun);
  const pdu = {
    immediate: false,
    final: plan.dataOutBytes === 0,
    read: direction === 'in',
    write: writes,
    attribute: options.attribute ?? TaskAttribute.simple,
    lunHigh,
    lunLow: 0,
    initiatorTaskTag: RESERVED_TAG,
    expectedDataTransferLength: lengthBytes,
    cmdSN: 0,
    expStatSN: 0,
  };
  encodeScsiCommand(pdu, cdb, 0, plan.immediateBytes, new DataView(header.buffer), 0);
  return {
    header,
    lunHigh,
    lbaAt: lba === undefined ? -1 : SCSI_COMMAND.cdb + lba.at,
    isLbaWide: lba?.widthBytes === 8,
    reads: direction === 'in',
    writes,
    lengthBytes,
    ...plan,
  };
}
