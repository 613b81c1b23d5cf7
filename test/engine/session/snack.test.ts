import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeDataIn, decodeScsiResponse, Opcode, RejectReason, readOpcode, SnackType } from '../../../engine/pdu/index.js';
import { acknowledge, finishRecovery, joinedData, patterned, recovering, shortly, statSNOf } from './recovery-scene.js';
import { BLOCK, Lun, Scene } from './scene.js';
import type { TestInitiator } from './test-initiator.js';

const { dataOrR2T, status, dataAck, rData } = SnackType;

/** 4 KiB in four segments and two bursts. */
function readEight(initiator: TestInitiator) {
  const tag = initiator.read(0, 8, { lun: Lun.copy });
  const sent = initiator.take();
  assert.equal(shortly(sent), ['data 0 @0 +1024', 'data 1 @1024 +1024 F A', 'data 2 @2048 +1024', 'data 3 @3072 +1024 F S']);
  return { tag, sent, ackTag: decodeDataIn((sent[1] as (typeof sent)[number]).header, 0).targetTransferTag };
}

function rejected(initiator: TestInitiator, reason: number): void {
  const sent = initiator.take();
  assert.equal(shortly(sent), [`reject ${reason}`]);
  assert.is((sent[0]?.data[0] ?? 0) & 0x3f, Opcode.snackRequest, 'the SNACK is what is rejected');
}

/** Headers without ExpCmdSN and MaxCmdSN, which are those of now. */
function fixedPart({ header }: { header: DataView }): string {
  const bytes = Buffer.from(header.buffer, header.byteOffset, 48);
  return bytes.toString('hex', 0, 28) + bytes.toString('hex', 36);
}

test('ErrorRecoveryLevel 0: SNACK is rejected, and nothing is kept', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 0);
  initiator.read(0, 1);
  initiator.takeDataIn();
  assert.is(initiator.connection.retransmission, null);
  initiator.snack(status);
  assert.is(initiator.takeReject().reason, RejectReason.snackReject);
  finishRecovery(scene, initiator);
});

test('Data SNACK: the same PDUs once more, a run of them or all, RFC 7143 §11.16', () => {
  const scene = new Scene();
  const data = patterned(scene);
  const initiator = recovering(scene, 1);
  const { tag, sent } = readEight(initiator);
  assert.equal(joinedData(sent), data(0, 8));
  initiator.transport.output.flush();
  // What the store holds now is not what was read.
  (scene.stores[Lun.copy] as { bytes: Uint8Array }).bytes.fill(0xee);
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 1, runLength: 2 });
  const run = initiator.take();
  assert.equal(run.map(fixedPart), sent.slice(1, 3).map(fixedPart));
  assert.equal(joinedData(run), joinedData(sent.slice(1, 3)));
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 2 });
  assert.equal(initiator.take().map(fixedPart), sent.slice(2).map(fixedPart), 'RunLength 0: all from there');
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  const all = initiator.take();
  assert.equal(all.map(fixedPart), sent.map(fixedPart), 'BegRun and RunLength 0: all that is not acknowledged');
  assert.equal(joinedData(all), joinedData(sent));
  finishRecovery(scene, initiator);
});

test('what was never sent, and what is acknowledged, is a protocol error', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const { tag, ackTag } = readEight(initiator);
  for (const run of [
    { begRun: 4, runLength: 1 },
    { begRun: 3, runLength: 2 },
    { begRun: 4, runLength: 0 },
    { begRun: 0, runLength: 0xffffffff },
    { begRun: 0xffffffff, runLength: 2 },
  ]) {
    initiator.snack(dataOrR2T, { initiatorTaskTag: tag, ...run });
    rejected(initiator, RejectReason.protocolError);
  }
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag + 1 });
  rejected(initiator, RejectReason.protocolError);
  initiator.snack(dataAck, { targetTransferTag: ackTag, begRun: 2 });
  initiator.assertSilent();
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 1, runLength: 1 });
  rejected(initiator, RejectReason.protocolError);
  acknowledge(initiator);
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 2, runLength: 1 });
  rejected(initiator, RejectReason.protocolError);
  initiator.snack(9);
  rejected(initiator, RejectReason.invalidPduField);
  finishRecovery(scene, initiator);
});

test('DataACK gives memory free, once for each A bit; others are invalid', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const { tag, ackTag } = readEight(initiator);
  const kept = scene.admission.retainedBytes;
  for (const wrong of [
    { targetTransferTag: ackTag, begRun: 5 },
    { targetTransferTag: ackTag, begRun: 0 },
    { targetTransferTag: ackTag, begRun: 2, runLength: 1 },
    { targetTransferTag: ackTag + 1, begRun: 2 },
    { begRun: 2 },
  ]) {
    initiator.snack(dataAck, wrong);
    rejected(initiator, RejectReason.invalidDataAck);
  }
  acknowledge(initiator);
  assert.is(scene.admission.retainedBytes, 0, 'a status that arrived acknowledges the data too');
  initiator.snack(dataAck, { targetTransferTag: ackTag, begRun: 2 });
  rejected(initiator, RejectReason.invalidDataAck);
  acknowledge(initiator);
  const next = readEight(initiator);
  assert.is(scene.admission.retainedBytes, kept);
  initiator.snack(dataAck, { targetTransferTag: next.ackTag, begRun: 2 });
  assert.ok(scene.admission.retainedBytes <= kept - 2048, 'two segments are gone');
  initiator.snack(dataOrR2T, { initiatorTaskTag: next.tag });
  assert.equal(shortly(initiator.take()), ['data 2 @2048 +1024', 'data 3 @3072 +1024 F S']);
  assert.is.not(tag, next.tag);
  finishRecovery(scene, initiator);
});

test('Status SNACK: every kind of numbered PDU once more, as it was, and none that is acknowledged', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const { statSN } = initiator.connection;
  initiator.command('00');
  initiator.command('fe');
  initiator.nopOut({ data: new Uint8Array(5).fill(7) });
  initiator.taskManagement(1, { referencedTaskTag: 99 });
  initiator.read(0, 1);
  initiator.snack(dataOrR2T, { initiatorTaskTag: 0x999 });
  const sent = initiator.take();
  assert.equal(shortly(sent), ['status 0', 'status 2', 'nopIn', 'taskManagementResponse', 'data 0 @0 +512 F S', 'reject 4']);
  assert.equal(
    sent.map((pdu) => statSNOf(pdu) - statSN),
    [0, 1, 2, 3, 4, 5],
  );
  initiator.snack(status);
  const again = initiator.take();
  assert.equal(again.map(fixedPart), sent.map(fixedPart));
  assert.equal(
    again.map(({ data }) => data),
    sent.map(({ data }) => data),
  );
  initiator.snack(status, { begRun: statSN + 1, runLength: 2 });
  assert.equal(initiator.take().map(fixedPart), sent.slice(1, 3).map(fixedPart));
  initiator.expStatSN = statSN + 2;
  initiator.snack(status, { begRun: statSN + 4, runLength: 0 });
  assert.equal(initiator.take().map(fixedPart), sent.slice(4).map(fixedPart));
  for (const run of [
    { begRun: statSN + 1, runLength: 1 },
    { begRun: statSN + 6, runLength: 1 },
    { begRun: statSN + 5, runLength: 9 },
    { begRun: (statSN + 0x80000000) >>> 0, runLength: 0 },
  ]) {
    initiator.snack(status, run);
    rejected(initiator, RejectReason.protocolError);
  }
  finishRecovery(scene, initiator);
  initiator.snack(status);
  initiator.assertSilent();
});

test('ExpStatSN beyond what was sent acknowledges nothing; StatSN wraps around', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1, { expStatSN: 0xfffffffa });
  const { statSN } = initiator.connection;
  assert.ok(statSN > 0xfffffff0 || statSN < 4);
  for (let count = 0; count < 8; count++) initiator.command('00');
  const sent = initiator.take();
  initiator.expStatSN = (initiator.connection.statSN + 1) >>> 0;
  initiator.nopOut({ immediate: true, initiatorTaskTag: 0xffffffff });
  assert.is(initiator.connection.retransmission?.responseCount, 8);
  initiator.expStatSN = statSN;
  initiator.snack(status, { begRun: (statSN + 4) >>> 0, runLength: 4 });
  assert.equal(initiator.take().map(fixedPart), sent.slice(4).map(fixedPart));
  finishRecovery(scene, initiator);
});

test('R-Data SNACK: all data that is not acknowledged in new segments, and a response with its tag and the same StatSN, RFC 7143 §11.16.3', () => {
  const scene = new Scene();
  const data = patterned(scene);
  const initiator = recovering(scene, 1);
  const { tag, sent, ackTag } = readEight(initiator);
  initiator.snack(dataAck, { targetTransferTag: ackTag, begRun: 2 });
  initiator.connection.parameters = { ...initiator.connection.parameters, maxRecvDataSegmentLength: 512 };
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  rejected(initiator, RejectReason.protocolError);
  for (const wrong of [{ begRun: 1 }, { runLength: 1 }, { targetTransferTag: 0 }, { targetTransferTag: 0xffffffff }]) {
    initiator.snack(rData, { initiatorTaskTag: tag, targetTransferTag: 77, ...wrong });
    rejected(initiator, RejectReason.protocolError);
  }
  for (const snackTag of [77, 78]) {
    initiator.snack(rData, { initiatorTaskTag: tag, targetTransferTag: snackTag });
    const again = initiator.take();
    assert.equal(shortly(again), ['data 2 @2048 +512', 'data 3 @2560 +512', 'data 4 @3072 +512', 'data 5 @3584 +512 F', 'status 0']);
    assert.equal(joinedData(again), data(4, 4));
    const response = decodeScsiResponse((again[4] as (typeof again)[number]).header, 0);
    assert.equal([response.snackTag, response.statSN, response.expDataSN], [snackTag, statSNOf(sent[3] as (typeof sent)[number]), 6]);
  }
  initiator.snack(status, { begRun: statSNOf(sent[3] as (typeof sent)[number]), runLength: 1 });
  assert.is(decodeScsiResponse(initiator.takeOne(Opcode.scsiResponse).header, 0).snackTag, 78, 'a Status SNACK brings the last tag');
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 5, runLength: 1 });
  assert.equal(shortly(initiator.take()), ['data 5 @3584 +512 F']);
  finishRecovery(scene, initiator);
});

test('Status SNACK for status that came with more data than the initiator takes by now: it comes alone, RFC 7143 §11.16.3, §13.12', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const { sent } = readEight(initiator);
  initiator.connection.parameters = { ...initiator.connection.parameters, maxRecvDataSegmentLength: 512 };
  const statSN = statSNOf(sent[3] as (typeof sent)[number]);
  initiator.snack(status, { begRun: statSN, runLength: 1 });
  const response = initiator.takeResponse();
  assert.equal([response.status, response.statSN, response.expDataSN], [0, statSN, 4], 'what data there is, the initiator learns from ExpDataSN');
  initiator.connection.parameters = { ...initiator.connection.parameters, maxRecvDataSegmentLength: 1024 };
  initiator.snack(status, { begRun: statSN, runLength: 1 });
  assert.equal(shortly(initiator.take()), ['data 3 @3072 +1024 F S']);
  finishRecovery(scene, initiator);
});

test('Status SNACK for a SCSI Response whose data was given up: the response as it was', () => {
  const scene = new Scene({ limits: { retainedBytesMax: 65_536 } });
  const initiator = recovering(scene, 1);
  const tag = initiator.read(0, 64, { lun: Lun.copy });
  initiator.take();
  initiator.snack(rData, { initiatorTaskTag: tag, targetTransferTag: 77 });
  const [original] = initiator.take().slice(-1);
  for (const at of [1, 2]) initiator.read(at * 64, 64, { lun: Lun.copy });
  initiator.transport.output.flush();
  initiator.take();
  initiator.snack(status, { begRun: initiator.expStatSN, runLength: 1 });
  const again = initiator.take();
  assert.equal(shortly(again), ['status 0']);
  assert.equal(again.map(fixedPart), [fixedPart(original as (typeof again)[number])], 'ExpDataSN and SNACK Tag too');
  finishRecovery(scene, initiator);
});

test('R-Data SNACK for a command without data, or one that is not there', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const tag = initiator.command('00');
  initiator.takeResponse();
  for (const initiatorTaskTag of [tag, tag + 1]) {
    initiator.snack(rData, { initiatorTaskTag, targetTransferTag: 5 });
    rejected(initiator, RejectReason.protocolError);
  }
  finishRecovery(scene, initiator);
});

test('R2T SNACK: R2Ts that are not answered, as they were', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1, {}, 'MaxOutstandingR2T=3');
  const tag = initiator.write(0, 16);
  const sent = initiator.take();
  assert.equal(shortly(sent), ['r2t 0 @0 +2048', 'r2t 1 @2048 +2048', 'r2t 2 @4096 +2048']);
  const dataFor = (at: number) => {
    const targetTransferTag = sent[at]?.header.getUint32(20) as number;
    initiator.dataOut(tag, new Uint8Array(2048), { targetTransferTag, bufferOffset: 2048 * at });
  };
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag, begRun: 1, runLength: 2 });
  const again = initiator.take();
  assert.equal(
    again.map(({ header }) => header.getUint32(20)),
    sent.slice(1).map(({ header }) => header.getUint32(20)),
  );
  assert.equal(shortly(again), shortly(sent.slice(1)));
  dataFor(0);
  assert.equal(shortly(initiator.take()), ['r2t 3 @6144 +2048']);
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  assert.equal(shortly(initiator.take()), ['r2t 1 @2048 +2048', 'r2t 2 @4096 +2048', 'r2t 3 @6144 +2048']);
  for (const run of [
    { begRun: 0, runLength: 1 },
    { begRun: 4, runLength: 0 },
    { begRun: 3, runLength: 2 },
  ]) {
    initiator.snack(dataOrR2T, { initiatorTaskTag: tag, ...run });
    rejected(initiator, RejectReason.protocolError);
  }
  initiator.connection.context.runner.abort(initiator.connection.tasks.get(tag) as never, () => {});
  finishRecovery(scene, initiator);
});

test('data beyond its bound is given up, the oldest first: a SNACK for it is rejected, and its status can still be had', () => {
  const scene = new Scene({ limits: { retainedBytesMax: 65_536 } });
  const initiator = recovering(scene, 1);
  const tags = [0, 1, 2].map((at) => initiator.read(at * 64, 64, { lun: Lun.copy }));
  initiator.transport.output.flush();
  initiator.take();
  assert.ok(scene.admission.retainedBytes <= 65_536);
  const [first, , last] = tags as [number, number, number];
  initiator.snack(dataOrR2T, { initiatorTaskTag: first });
  rejected(initiator, RejectReason.snackReject);
  initiator.snack(rData, { initiatorTaskTag: first, targetTransferTag: 5 });
  rejected(initiator, RejectReason.snackReject);
  initiator.snack(dataOrR2T, { initiatorTaskTag: last, begRun: 0, runLength: 1 });
  assert.is(initiator.takeDataIn().data.length, 1024);
  initiator.snack(status, { begRun: initiator.expStatSN, runLength: 1 });
  const response = initiator.takeResponse();
  assert.equal([response.initiatorTaskTag, response.status, response.statSN], [first, 0, initiator.expStatSN], 'the status, without the data it came with');
  finishRecovery(scene, initiator);
});

test('one command longer than all that may be kept, and no room in the engine: it is answered all the same', () => {
  for (const limits of [{ retainedBytesMax: 65_536 }, { retainedBytesTotalMax: 65_536 }]) {
    const scene = new Scene({ limits });
    const initiator = recovering(scene, 1);
    const tag = initiator.read(0, 512, { lun: Lun.copy });
    assert.is(initiator.take().length, 256);
    initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
    rejected(initiator, RejectReason.snackReject);
    assert.ok(scene.admission.retainedBytes < 65_536);
    finishRecovery(scene, initiator);
  }
});

test('who keeps all there is leaves the others their part', () => {
  const scene = new Scene({ limits: { retainedBytesTotalMax: 65_536, connectionCountMax: 8 } });
  const greedy = recovering(scene, 1);
  for (let count = 0; count < 40; count++) {
    greedy.read(count, 8, { lun: Lun.copy });
    greedy.transport.output.flush();
  }
  assert.ok(scene.admission.retainedBytes > 60_000);
  const other = recovering(scene, 1, { isid: '80000000000c' });
  const { tag } = readEight(other);
  other.snack(dataOrR2T, { initiatorTaskTag: tag });
  assert.is(other.take().length, 4);
  greedy.take();
  finishRecovery(scene, greedy, other);
});

test('more responses than are kept: the oldest cannot be had again', () => {
  const scene = new Scene({ limits: { retainedResponseCountMax: 8 } });
  const initiator = recovering(scene, 1);
  const { expStatSN } = initiator;
  for (let count = 0; count < 1000; count++) {
    initiator.command('00');
    initiator.transport.output.flush();
  }
  initiator.take();
  assert.is(initiator.connection.retransmission?.responseCount, 8);
  initiator.snack(status, { begRun: expStatSN, runLength: 1 });
  rejected(initiator, RejectReason.snackReject);
  initiator.snack(status, { begRun: initiator.connection.statSN - 2, runLength: 2 });
  assert.equal(shortly(initiator.take()), ['status 0', 'reject 3']);
  finishRecovery(scene, initiator);
});

test('an answer was given up before it was acknowledged: who asks for its data, or acknowledges it, has made no mistake', () => {
  const scene = new Scene({ limits: { retainedResponseCountMax: 8 } });
  const initiator = recovering(scene, 1);
  const { tag, ackTag } = readEight(initiator);
  for (let count = 0; count < 8; count++) initiator.nopOut();
  initiator.take();
  initiator.snack(dataAck, { targetTransferTag: ackTag, begRun: 2 });
  initiator.assertSilent();
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  rejected(initiator, RejectReason.snackReject);
  initiator.snack(rData, { initiatorTaskTag: tag, targetTransferTag: 1 });
  rejected(initiator, RejectReason.snackReject);
  acknowledge(initiator);
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  rejected(initiator, RejectReason.protocolError);
  finishRecovery(scene, initiator);
});

test('thousands of SNACKs: each is answered, or rejected as long as too much waits to be sent; nothing grows', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const { tag } = readEight(initiator);
  const kept = scene.admission.retainedBytes;
  for (let count = 0; count < 3000; count++) initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  assert.is(initiator.take().length, 12_000);
  assert.is(scene.admission.retainedBytes, kept);
  initiator.transport.backlogBytes = scene.limits.sendBacklogBytesMax + 1;
  for (let count = 0; count < 3000; count++) initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  const sent = initiator.take();
  assert.ok(sent.length === 3000 && sent.every(({ header }) => readOpcode(header, 0) === Opcode.reject));
  assert.ok(scene.admission.retainedBytes < kept + scene.limits.retainedResponseCountMax * 512, 'rejects are kept up to their bound');
  initiator.transport.backlogBytes = 0;
  finishRecovery(scene, initiator);
});

test('data and sense of one command are both kept', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  const tag = initiator.read(0xfffff, 1);
  assert.is(initiator.takeResponse().sense, '05/21/00');
  initiator.snack(status);
  assert.is(initiator.takeResponse().sense, '05/21/00');
  initiator.snack(dataOrR2T, { initiatorTaskTag: tag });
  rejected(initiator, RejectReason.protocolError);
  initiator.write(0, 1, { data: new Uint8Array(BLOCK) });
  initiator.takeResponse();
  finishRecovery(scene, initiator);
});

test('a connection that is lost gives back all that was kept for it', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 1);
  readEight(initiator);
  initiator.transport.destroy();
  finishRecovery(scene, initiator);
});

test.run();
