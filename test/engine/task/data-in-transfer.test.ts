import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeDataIn, decodeScsiResponse, Opcode, ResidualFlag, readOpcode } from '../../../engine/pdu/index.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { DataDirection } from '../../../engine/shm/layout.js';
import { answerTask } from '../../../engine/task/data-in-transfer.js';
import type { PduTaskOwner, Task } from '../../../engine/task/task.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { RecordingOutput, type SentPdu } from './recording-output.js';

interface Case {
  readonly status?: number;
  readonly senseLength?: number;
  readonly expectedIn?: number;
  /** What the device server has. */
  readonly hasIn?: number;
  readonly expectedOut?: number;
  readonly plannedOut?: number;
  /** R and W are set, and so many R2Ts were sent. */
  readonly bidirectionalR2Ts?: number;
  readonly segmentMax?: number;
  readonly burstMax?: number;
}

const DATA_START = 12;
const data = seededRandom(31).bytes(20_000);

function answer(fields: Case): { sent: SentPdu[]; owner: { statSN: number } } {
  const output = new RecordingOutput();
  const owner = {
    output,
    parameters: {
      maxRecvDataSegmentLength: fields.segmentMax ?? 8192,
      maxBurstLength: fields.burstMax ?? 16_384,
      firstBurstLength: 0,
      maxOutstandingR2T: 1,
      errorRecoveryLevel: 0,
    },
    expCmdSN: 0xfffffffe,
    maxCmdSN: 0x10,
    statSN: 0xffffffff,
    takeStatSN: () => {
      const { statSN } = owner;
      owner.statSN = (statSN + 1) >>> 0;
      return statSN;
    },
  };
  const slot = new CommandSlot(SlotMemory.allocate(1), 0);
  slot.status = fields.status ?? ScsiStatus.good;
  slot.senseLength = fields.senseLength ?? 0;
  for (let at = 0; at < slot.sense.length; at++) slot.sense[at] = at;
  slot.expectedDataInLength = fields.expectedIn ?? 0;
  slot.dataInLength = fields.hasIn ?? 0;
  slot.expectedDataOutLength = fields.expectedOut ?? 0;
  slot.plannedDataOutLength = fields.plannedOut ?? 0;
  slot.dataIn = new Uint8Array(DATA_START + data.length);
  slot.dataIn.set(data, DATA_START);
  slot.dataInStart = DATA_START;
  slot.direction = fields.bidirectionalR2Ts === undefined ? DataDirection.none : DataDirection.bidirectional;
  const dataOut = { r2tCount: fields.bidirectionalR2Ts };
  answerTask({ slot, dataOut, owner, initiatorTaskTag: 0xabcd1234 } as unknown as Task, owner as unknown as PduTaskOwner);
  return { sent: output.take(), owner };
}

const opcodes = (sent: SentPdu[]) => sent.map((pdu) => readOpcode(pdu.header, 0));
const dataInOf = (sent: SentPdu[]) => sent.filter((pdu) => readOpcode(pdu.header, 0) === Opcode.dataIn).map((pdu) => decodeDataIn(pdu.header, 0));
const responseOf = (sent: SentPdu[]) => decodeScsiResponse((sent.at(-1) as SentPdu).header, 0);

test('data and GOOD status travel in one PDU, RFC 7143 §11.7.1', () => {
  const { sent, owner } = answer({ expectedIn: 4096, hasIn: 4096 });
  assert.equal(opcodes(sent), [Opcode.dataIn]);
  const [pdu] = dataInOf(sent);
  assert.ok(pdu?.final && pdu.statusPresent);
  assert.equal([pdu.status, pdu.statSN, pdu.expCmdSN, pdu.maxCmdSN, pdu.initiatorTaskTag], [0, 0xffffffff, 0xfffffffe, 0x10, 0xabcd1234]);
  assert.equal([pdu.residualFlags, pdu.residualCount, pdu.targetTransferTag], [0, 0, 0xffffffff]);
  assert.is(owner.statSN, 0, 'one StatSN, and round it goes');
  assertBytes((sent[0] as SentPdu).data, data.subarray(0, 4096));
});

test('data goes in segments that the initiator takes, with F at the end of each burst', () => {
  const { sent, owner } = answer({ expectedIn: 10_000, hasIn: 10_000, segmentMax: 3000, burstMax: 4000 });
  const pdus = dataInOf(sent);
  assert.equal(
    pdus.map((pdu, at) => [pdu.bufferOffset, (sent[at] as SentPdu).data.length, pdu.final, pdu.statusPresent, pdu.dataSN]),
    [
      [0, 3000, false, false, 0],
      [3000, 1000, true, false, 1],
      [4000, 3000, false, false, 2],
      [7000, 1000, true, false, 3],
      [8000, 2000, true, true, 4],
    ],
  );
  assert.is(owner.statSN, 0, 'data without status uses up no StatSN');
  assertBytes(Buffer.concat(sent.map((pdu) => pdu.data)), data.subarray(0, 10_000));
});

test('short data is copied next to its header, long data is sent from where it lies', () => {
  assert.is(answer({ expectedIn: 512, hasIn: 512 }).sent[0]?.isView, false);
  assert.is(answer({ expectedIn: 513, hasIn: 513 }).sent[0]?.isView, true);
});

const residuals: readonly [string, Case, number, number][] = [
  ['a read that has less than was expected', { expectedIn: 4096, hasIn: 1000 }, ResidualFlag.underflow, 3096],
  ['a read that has more', { expectedIn: 1000, hasIn: 4096 }, ResidualFlag.overflow, 3096],
  ['a read of nothing', { expectedIn: 4096, hasIn: 0 }, ResidualFlag.underflow, 4096],
  ['a read that nobody wants', { expectedIn: 0, hasIn: 4096 }, ResidualFlag.overflow, 4096],
  ['a write that wants less', { expectedOut: 4096, plannedOut: 512 }, ResidualFlag.underflow, 3584],
  ['a write that wants more', { expectedOut: 512, plannedOut: 4096 }, ResidualFlag.overflow, 3584],
  ['a write without data', { expectedOut: 0, plannedOut: 4096 }, ResidualFlag.overflow, 4096],
  ['a command that wants no data and is given some', { expectedOut: 512 }, ResidualFlag.underflow, 512],
  ['neither', {}, ResidualFlag.none, 0],
  ['lengths beyond 2^31', { expectedIn: 0xffffffff, hasIn: 0 }, ResidualFlag.underflow, 0xffffffff],
];

for (const [name, fields, flags, count] of residuals) {
  test(`residual of ${name}, RFC 7143 §11.4.5`, () => {
    const { sent } = answer(fields);
    const last = sent.at(-1) as SentPdu;
    const told = readOpcode(last.header, 0) === Opcode.dataIn ? decodeDataIn(last.header, 0) : decodeScsiResponse(last.header, 0);
    assert.equal([told.residualFlags, told.residualCount], [flags, count]);
  });
}

test('sense data follows the data that came with it, in a SCSI Response', () => {
  const { sent } = answer({ status: ScsiStatus.checkCondition, senseLength: 18, expectedIn: 2000, hasIn: 1000, segmentMax: 512 });
  assert.equal(opcodes(sent), [Opcode.dataIn, Opcode.dataIn, Opcode.scsiResponse]);
  assert.ok(dataInOf(sent).every((pdu) => !pdu.statusPresent && pdu.statSN === 0 && pdu.residualCount === 0));
  assert.ok(dataInOf(sent).at(-1)?.final, 'the data ends');
  const response = responseOf(sent);
  assert.equal([response.status, response.expDataSN, response.statSN], [ScsiStatus.checkCondition, 2, 0xffffffff]);
  assert.equal([response.residualFlags, response.residualCount], [ResidualFlag.underflow, 1000]);
  const segment = (sent.at(-1) as SentPdu).data;
  assert.is(segment.readUInt16BE(0), 18);
  assertBytes(
    segment.subarray(2),
    Uint8Array.from({ length: 18 }, (_, at) => at),
  );
});

test('the longest sense data fits', () => {
  const segment = (answer({ status: ScsiStatus.checkCondition, senseLength: 252 }).sent[0] as SentPdu).data;
  assert.equal([segment.length, segment.readUInt16BE(0), segment[253]], [254, 252, 251]);
});

test('status other than GOOD is never collapsed into Data-In', () => {
  const { sent } = answer({ status: ScsiStatus.conditionMet, expectedIn: 512, hasIn: 512 });
  assert.equal(opcodes(sent), [Opcode.dataIn, Opcode.scsiResponse]);
  assert.is(responseOf(sent).status, ScsiStatus.conditionMet);
});

test('a command with data both ways has its status in a SCSI Response with both residuals', () => {
  const { sent } = answer({ expectedIn: 4096, hasIn: 1024, expectedOut: 512, plannedOut: 2048, bidirectionalR2Ts: 0 });
  assert.equal(opcodes(sent), [Opcode.dataIn, Opcode.scsiResponse]);
  assert.ok(dataInOf(sent).every((pdu) => !pdu.statusPresent && pdu.residualFlags === 0));
  const response = responseOf(sent);
  assert.is(response.residualFlags, ResidualFlag.overflow | ResidualFlag.bidirectionalReadUnderflow);
  assert.equal([response.residualCount, response.bidirectionalReadResidualCount, response.expDataSN], [1536, 3072, 1]);
  const over = responseOf(answer({ expectedIn: 100, hasIn: 164, expectedOut: 512, plannedOut: 512, bidirectionalR2Ts: 0 }).sent);
  assert.equal([over.residualFlags, over.bidirectionalReadResidualCount], [ResidualFlag.bidirectionalReadOverflow, 64]);
});

test('Data-In of a bidirectional command is numbered behind its R2Ts, RFC 7143 §4.2.2.4', () => {
  const { sent } = answer({ expectedIn: 5000, hasIn: 5000, expectedOut: 5000, plannedOut: 5000, segmentMax: 2048, bidirectionalR2Ts: 3 });
  assert.equal(
    dataInOf(sent).map((pdu) => pdu.dataSN),
    [3, 4, 5],
  );
  assert.is(responseOf(sent).expDataSN, 6, 'R2Ts and Data-In are counted together');
});

test('ExpDataSN is 0 when there was no Data-In, whatever R2Ts there were, RFC 7143 §11.4.8', () => {
  const { sent } = answer({ expectedIn: 5000, expectedOut: 5000, bidirectionalR2Ts: 2, status: ScsiStatus.checkCondition, senseLength: 18 });
  assert.equal(opcodes(sent), [Opcode.scsiResponse]);
  assert.is(responseOf(sent).expDataSN, 0);
});

const bidirectionalResiduals: readonly [string, Case, number, number, number][] = [
  ['neither', { expectedIn: 512, hasIn: 512, expectedOut: 512, plannedOut: 512 }, ResidualFlag.none, 0, 0],
  ['U and u', { expectedIn: 900, hasIn: 512, expectedOut: 600, plannedOut: 512 }, ResidualFlag.underflow | ResidualFlag.bidirectionalReadUnderflow, 88, 388],
  ['U and o', { expectedIn: 100, hasIn: 512, expectedOut: 600, plannedOut: 512 }, ResidualFlag.underflow | ResidualFlag.bidirectionalReadOverflow, 88, 412],
  ['O and o', { expectedIn: 100, hasIn: 512, expectedOut: 1, plannedOut: 512 }, ResidualFlag.overflow | ResidualFlag.bidirectionalReadOverflow, 511, 412],
  ['O and u', { expectedIn: 513, hasIn: 512, expectedOut: 1, plannedOut: 512 }, ResidualFlag.overflow | ResidualFlag.bidirectionalReadUnderflow, 511, 1],
  ['no length announced either way', { hasIn: 512, plannedOut: 512 }, ResidualFlag.overflow | ResidualFlag.bidirectionalReadOverflow, 512, 512],
  ['a command that moves nothing', { expectedIn: 512, expectedOut: 600 }, ResidualFlag.underflow | ResidualFlag.bidirectionalReadUnderflow, 600, 512],
];
for (const [name, fields, flags, outCount, inCount] of bidirectionalResiduals) {
  test(`residuals of a bidirectional command: ${name}, RFC 7143 §11.4.1`, () => {
    const response = responseOf(answer({ ...fields, bidirectionalR2Ts: 0 }).sent);
    assert.equal([response.residualFlags, response.residualCount, response.bidirectionalReadResidualCount], [flags, outCount, inCount]);
  });
}

test('sense data that comes with GOOD is not lost in Data-In', () => {
  const { sent } = answer({ senseLength: 18, expectedIn: 512, hasIn: 512 });
  assert.equal(opcodes(sent), [Opcode.dataIn, Opcode.scsiResponse]);
  assert.is((sent[1] as SentPdu).data.readUInt16BE(0), 18);
});

test('sense data beyond 252 bytes is cut, with its length', () => {
  const segment = (answer({ status: ScsiStatus.checkCondition, senseLength: 300 }).sent[0] as SentPdu).data;
  assert.equal([segment.length, segment.readUInt16BE(0)], [254, 252]);
});

test('nothing of one answer shows in the next', () => {
  answer({ status: ScsiStatus.checkCondition, senseLength: 18, expectedIn: 4096, hasIn: 1024, expectedOut: 512, plannedOut: 2048, bidirectionalR2Ts: 3 });
  const response = responseOf(answer({}).sent);
  assert.equal([response.status, response.residualFlags, response.residualCount], [0, 0, 0]);
  assert.equal([response.bidirectionalReadResidualCount, response.expDataSN, response.response], [0, 0, 0]);
  answer({ expectedIn: 4096, hasIn: 100 });
  const [first] = dataInOf(answer({ expectedIn: 10_000, hasIn: 10_000 }).sent);
  assert.equal([first?.statusPresent, first?.residualFlags, first?.residualCount, first?.statSN], [false, 0, 0, 0]);
});

test.run();
