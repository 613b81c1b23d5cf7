import {
  BHS_LENGTH,
  decodeDataIn,
  decodeReadyToTransfer,
  decodeScsiCommand,
  emptyDataIn,
  emptyReadyToTransfer,
  emptyScsiCommand,
  encodeDataIn,
  encodeReadyToTransfer,
  encodeScsiCommand,
} from '../../../engine/pdu/index.js';
import type { MicroCase } from '../model.js';

/** Headers side by side, as in a receive chunk: what is read changes with each operation. */
const HEADER_COUNT = 64;
const HEADER_MASK = HEADER_COUNT - 1;
const READ_10 = Uint8Array.of(0x28, 0, 0, 0, 0x10, 0, 0, 0, 8, 0);
const DATA_BYTES = 4096;

const headers = (): DataView => new DataView(new ArrayBuffer(HEADER_COUNT * BHS_LENGTH));

/** Codecs of the PDUs that every command needs. Records are reused, as the engine does. */
export const pduCases: readonly MicroCase[] = [
  {
    name: 'bhs/scsi-command/decode',
    title: 'decode a SCSI Command header',
    open() {
      const view = headers();
      const pdu = { ...emptyScsiCommand(), read: true, expectedDataTransferLength: DATA_BYTES };
      for (let i = 0; i < HEADER_COUNT; i++) encodeScsiCommand({ ...pdu, initiatorTaskTag: i, cmdSN: i }, READ_10, 0, 0, view, i * BHS_LENGTH);
      return {
        run(count) {
          let sum = 0;
          for (let i = 0; i < count; i++) {
            decodeScsiCommand(view, (i & HEADER_MASK) * BHS_LENGTH, pdu);
            sum += pdu.cmdSN + pdu.attribute + pdu.initiatorTaskTag + pdu.expectedDataTransferLength;
          }
          return sum;
        },
      };
    },
  },
  {
    name: 'bhs/scsi-command/encode',
    title: 'encode a SCSI Command header',
    open() {
      const view = headers();
      const pdu = { ...emptyScsiCommand(), read: true, expectedDataTransferLength: DATA_BYTES };
      return {
        run(count) {
          for (let i = 0; i < count; i++) {
            pdu.cmdSN = i;
            encodeScsiCommand(pdu, READ_10, 0, 0, view, (i & HEADER_MASK) * BHS_LENGTH);
          }
          return view.getUint32(24);
        },
      };
    },
  },
  {
    name: 'bhs/data-in/encode',
    title: 'encode a Data-In header with status',
    open() {
      const view = headers();
      const pdu = { ...emptyDataIn(), final: true, statusPresent: true };
      return {
        run(count) {
          for (let i = 0; i < count; i++) {
            pdu.statSN = i;
            encodeDataIn(pdu, DATA_BYTES, view, (i & HEADER_MASK) * BHS_LENGTH);
          }
          return view.getUint32(24);
        },
      };
    },
  },
  {
    name: 'bhs/data-in/decode',
    title: 'decode a Data-In header',
    open() {
      const view = headers();
      const pdu = emptyDataIn();
      for (let i = 0; i < HEADER_COUNT; i++) encodeDataIn({ ...pdu, dataSN: i }, DATA_BYTES, view, i * BHS_LENGTH);
      return {
        run(count) {
          let sum = 0;
          for (let i = 0; i < count; i++) {
            decodeDataIn(view, (i & HEADER_MASK) * BHS_LENGTH, pdu);
            sum += pdu.dataSN + pdu.bufferOffset + pdu.initiatorTaskTag + pdu.status;
          }
          return sum;
        },
      };
    },
  },
  {
    name: 'bhs/r2t/encode',
    title: 'encode a Ready To Transfer header',
    open() {
      const view = headers();
      const pdu = { ...emptyReadyToTransfer(), desiredDataTransferLength: DATA_BYTES };
      return {
        run(count) {
          for (let i = 0; i < count; i++) {
            pdu.r2tSN = i;
            encodeReadyToTransfer(pdu, view, (i & HEADER_MASK) * BHS_LENGTH);
          }
          return view.getUint32(36);
        },
      };
    },
  },
  {
    name: 'bhs/r2t/decode',
    title: 'decode a Ready To Transfer header',
    open() {
      const view = headers();
      const pdu = emptyReadyToTransfer();
      for (let i = 0; i < HEADER_COUNT; i++) encodeReadyToTransfer({ ...pdu, r2tSN: i }, view, i * BHS_LENGTH);
      return {
        run(count) {
          let sum = 0;
          for (let i = 0; i < count; i++) {
            decodeReadyToTransfer(view, (i & HEADER_MASK) * BHS_LENGTH, pdu);
            sum += pdu.r2tSN + pdu.bufferOffset + pdu.desiredDataTransferLength;
          }
          return sum;
        },
      };
    },
  },
];
