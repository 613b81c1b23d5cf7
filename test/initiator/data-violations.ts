import { emptyScsiResponse, encodeScsiResponse, Opcode, ResidualFlag } from '../../engine/pdu/index.js';
import { pattern } from './session-harness.js';
import { byteIs, data, first, ignore, reading, solicited, testing, type Violation, whole, writing } from './violation.js';

/** What can go wrong while data moves and when its status comes. */
export const dataViolations: readonly Violation[] = [
  // Data-In, RFC 7143 §11.7.
  { name: 'DataSN does not begin at 0', check: 'dataSN', script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 512), { dataSN: 1 })) },
  {
    name: 'DataSN leaves one out',
    check: 'dataSN',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), first);
      connection.dataIn(c, data.subarray(512, 1024), { dataSN: 2, bufferOffset: 512 });
    }),
  },
  {
    name: 'DataSN begins anew after F',
    check: 'dataSN',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), { ...first, final: true });
      connection.dataIn(c, data.subarray(512, 1024), { dataSN: 0, bufferOffset: 512 });
    }),
  },
  {
    name: 'Buffer Offset leaves a gap',
    check: 'dataInOffset',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), first);
      connection.dataIn(c, data.subarray(512, 1024), { dataSN: 1, bufferOffset: 1024 });
    }),
  },
  {
    name: 'Buffer Offset goes back',
    check: 'dataInOffset',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), first);
      connection.dataIn(c, data.subarray(512, 1024), { dataSN: 1, bufferOffset: 256 });
    }),
  },
  {
    name: 'Data-In overlaps where any order is allowed',
    check: 'dataInOffset',
    options: { offers: { DataPDUInOrder: 'No', DataSequenceInOrder: 'No' } },
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), { dataSN: 0, bufferOffset: 1024 });
      connection.dataIn(c, data.subarray(0, 512), { dataSN: 1, bufferOffset: 768 });
    }),
  },
  {
    name: 'Data-In has a gap at the end where any order is allowed',
    check: 'dataInOffset',
    options: { offers: { DataPDUInOrder: 'No', DataSequenceInOrder: 'No' } },
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), { dataSN: 0, bufferOffset: 1024, final: true });
      connection.scsiResponse(c, { expDataSN: 1, residualFlags: ResidualFlag.underflow, residualCount: 1536 });
    }),
  },
  {
    name: 'more Data-In than expected',
    check: 'dataInLength',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), { ...first, bufferOffset: 1536 })),
    options: { offers: { DataPDUInOrder: 'No' } },
  },
  {
    name: 'a sequence above MaxBurstLength',
    check: 'dataInBurst',
    keys: { MaxBurstLength: '1024', FirstBurstLength: '512' },
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 1024), first);
      connection.dataIn(c, data.subarray(1024, 1536), { dataSN: 1, bufferOffset: 1024 });
    }),
  },
  { name: 'Data-In for a command without', check: 'dataInUnexpected', script: testing(({ connection }, c) => connection.dataIn(c, data.subarray(0, 4))) },
  {
    name: 'S without F',
    check: 'dataInStatusBit',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), { statusPresent: true })),
  },
  {
    name: 'S for a bidirectional command',
    check: 'dataInStatusBit',
    script: async ({ session, connection }) => {
      ignore(session.command({ lun: 0, cdb: Buffer.alloc(16), dataOut: pattern(100), dataInLength: 512 }));
      connection.dataIn(await connection.next(), data.subarray(0, 512), whole);
    },
  },
  {
    name: 'CHECK CONDITION in a Data-In',
    check: 'dataInStatus',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), { ...whole, status: 2 })),
  },
  {
    name: 'A at ErrorRecoveryLevel 0',
    check: 'dataInAcknowledgeBit',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), { ...first, acknowledge: true })),
  },
  {
    name: 'a data segment above our MaxRecvDataSegmentLength',
    check: 'dataSegmentLength',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1025), first)),
  },
  {
    name: 'no F at the end of the Data-In',
    check: 'finalBit',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 1024), first);
      connection.dataIn(c, data.subarray(1024), { dataSN: 1, bufferOffset: 1024 });
      connection.scsiResponse(c, { expDataSN: 2 });
    }),
  },

  // Status and residuals, RFC 7143 §11.4.
  { name: 'success after too little Data-In', check: 'residual', script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), whole)) },
  {
    name: 'a residual that does not fit the Data-In',
    check: 'residual',
    script: reading(({ connection }, c) =>
      connection.dataIn(c, data.subarray(0, 1024), { ...whole, residualFlags: ResidualFlag.underflow, residualCount: 1023 }),
    ),
  },
  {
    name: 'more Data-In than the residual of a failed command leaves',
    check: 'residual',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 1024), { ...first, final: true });
      connection.scsiResponse(c, { status: 2, expDataSN: 1, residualFlags: ResidualFlag.underflow, residualCount: 2048 });
    }),
  },
  {
    name: 'O and U together',
    check: 'residual',
    script: testing(({ connection }, c) => connection.scsiResponse(c, { residualFlags: 0 }, undefined, byteIs(1, 0x86))),
  },
  {
    name: 'a residual above what was expected',
    check: 'residual',
    script: reading(({ connection }, c) => connection.scsiResponse(c, { status: 2, residualFlags: ResidualFlag.underflow, residualCount: 2049 })),
  },
  {
    name: 'a bidirectional residual for a read',
    check: 'residual',
    script: reading(({ connection }, c) => connection.scsiResponse(c, { status: 2, residualFlags: ResidualFlag.bidirectionalReadUnderflow })),
  },
  { name: 'a write that succeeds before its data was asked for', check: 'residual', script: writing(({ connection }, c) => connection.scsiResponse(c)) },
  {
    name: 'ExpDataSN does not fit',
    check: 'expDataSN',
    script: reading(({ connection }, c) => {
      connection.dataIn(c, data.subarray(0, 512), { ...first, final: true });
      connection.scsiResponse(c, { status: 2, expDataSN: 2 });
    }),
  },
  {
    name: 'SenseLength beyond the data segment',
    check: 'senseLength',
    script: testing(({ connection }, c) => {
      connection.statSN++;
      const pdu = { ...emptyScsiResponse(), status: 2, initiatorTaskTag: c.initiatorTaskTag, ...connection.unnumbered(), statSN: connection.statSN - 1 };
      connection.pdu((view) => encodeScsiResponse(pdu, 4, view, 0), Buffer.from('00037000', 'hex'));
    }),
  },

  // R2T, RFC 7143 §11.8.
  {
    name: 'an R2T for a read',
    check: 'r2tUnexpected',
    script: reading(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512 })),
  },
  {
    name: 'R2TSN does not begin at 0',
    check: 'r2tSN',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 1, bufferOffset: 0, desiredDataTransferLength: 512 })),
  },
  {
    name: 'R2TSN does not go on',
    check: 'r2tSN',
    keys: solicited,
    script: writing(async ({ connection }, c) => {
      connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512 });
      await connection.next(Opcode.dataOut);
      connection.r2t(c, { r2tSN: 0, bufferOffset: 512, desiredDataTransferLength: 512 });
    }),
  },
  {
    name: 'an R2T for nothing',
    check: 'r2tLength',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 0 })),
  },
  {
    name: 'an R2T above MaxBurstLength',
    check: 'r2tLength',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 2049 })),
  },
  {
    name: 'an R2T beyond the data',
    check: 'r2tOffset',
    keys: solicited,
    options: { offers: { DataSequenceInOrder: 'No' } },
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 3072, desiredDataTransferLength: 1025 })),
  },
  {
    name: 'an R2T out of order',
    check: 'r2tOffset',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 512, desiredDataTransferLength: 512 })),
  },
  {
    name: 'an R2T for unsolicited data that was sent',
    check: 'r2tOffset',
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 512, desiredDataTransferLength: 512 })),
  },
  {
    name: 'an R2T for the same bytes again',
    check: 'r2tOffset',
    keys: solicited,
    options: { offers: { DataSequenceInOrder: 'No' } },
    script: writing(async ({ connection }, c) => {
      connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512 });
      await connection.next(Opcode.dataOut);
      connection.r2t(c, { r2tSN: 1, bufferOffset: 256, desiredDataTransferLength: 512 });
    }),
  },
  {
    name: 'more R2Ts than MaxOutstandingR2T',
    check: 'r2tOutstanding',
    keys: solicited,
    script: writing(({ connection }, c) => {
      connection.hold();
      connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512 });
      connection.r2t(c, { r2tSN: 1, bufferOffset: 512, desiredDataTransferLength: 512 });
      connection.release();
    }),
  },
  {
    name: 'an R2T with the reserved Target Transfer Tag',
    check: 'targetTransferTag',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512, targetTransferTag: 0xffffffff })),
  },
  {
    name: 'an R2T with another LUN',
    check: 'lun',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512, lunHigh: 0x00010000 })),
  },
  {
    name: 'an R2T that counts a StatSN',
    check: 'statSN',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512, statSN: 1000 })),
  },
  {
    name: 'an R2T without F',
    check: 'finalBit',
    keys: solicited,
    script: writing(({ connection }, c) => connection.r2t(c, { r2tSN: 0, bufferOffset: 0, desiredDataTransferLength: 512 }, byteIs(1, 0))),
  },
];
