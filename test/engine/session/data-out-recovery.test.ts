import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, RejectReason } from '../../../engine/pdu/index.js';
import { seededRandom } from '../../support/random.js';
import { acknowledge, finishRecovery, recovering, shortly } from './recovery-scene.js';
import { BLOCK, Lun, Scene } from './scene.js';
import type { TestInitiator } from './test-initiator.js';

const DIGEST = 'DataDigest=CRC32C';

function stored(scene: Scene, lbaCount: number): Buffer {
  return Buffer.from((scene.stores[Lun.copy] as { bytes: Uint8Array }).bytes.subarray(0, lbaCount * BLOCK));
}

/** Target Transfer Tags of the R2Ts sent since, which are checked in short. */
function takeR2Ts(initiator: TestInitiator, ...expected: string[]): number[] {
  const sent = initiator.take();
  assert.equal(shortly(sent), expected);
  return sent.map(({ header }) => header.getUint32(20));
}

function writer(level = 1, ...keys: string[]) {
  const scene = new Scene();
  return { scene, initiator: recovering(scene, level, {}, ...keys), data: seededRandom(3).bytes(16 * BLOCK) };
}

test('a PDU of a solicited sequence is missing: the rest is dropped and asked for again by a recovery R2T, RFC 7143 §7.9', () => {
  const { scene, initiator, data } = writer();
  const tag = initiator.write(0, 4, { lun: Lun.copy });
  const [first] = takeR2Ts(initiator, 'r2t 0 @0 +2048') as [number];
  initiator.dataOut(tag, data.subarray(0, 512), { targetTransferTag: first, final: false });
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag: first, dataSN: 2, bufferOffset: 1024, final: false });
  const [second] = takeR2Ts(initiator, 'r2t 1 @512 +1536') as [number];
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag: first, dataSN: 3, bufferOffset: 1536 });
  initiator.assertSilent();
  initiator.dataOut(tag, data.subarray(512, 1024), { targetTransferTag: second, bufferOffset: 512, final: false });
  initiator.dataOut(tag, data.subarray(512, 1024), { targetTransferTag: second, bufferOffset: 512, final: false });
  initiator.assertSilent();
  initiator.dataOut(tag, data.subarray(1024, 2048), { targetTransferTag: second, dataSN: 1, bufferOffset: 1024 });
  assert.is(initiator.takeResponse().status, 0);
  assert.equal(stored(scene, 4), Buffer.from(data.subarray(0, 2048)));
  finishRecovery(scene, initiator);
});

test('a wrong data digest of Data-Out: Reject, then a recovery R2T, RFC 7143 §7.8', () => {
  const { scene, initiator, data } = writer(1, DIGEST);
  const tag = initiator.write(0, 4, { lun: Lun.copy });
  const [first] = takeR2Ts(initiator, 'r2t 0 @0 +2048') as [number];
  initiator.dataOut(tag, data.subarray(0, 1024), { targetTransferTag: first, final: false });
  initiator.dataOut(tag, new Uint8Array(1024), { targetTransferTag: first, dataSN: 1, bufferOffset: 1024, corrupt: true });
  const [, second] = takeR2Ts(initiator, 'reject 2', 'r2t 1 @1024 +1024') as [number, number];
  initiator.dataOut(tag, data.subarray(1024, 2048), { targetTransferTag: second, bufferOffset: 1024 });
  assert.is(initiator.takeResponse().status, 0);
  assert.equal(stored(scene, 4), Buffer.from(data.subarray(0, 2048)));
  finishRecovery(scene, initiator);
});

test('unsolicited data that is lost is asked for by R2T, from the first byte that lacks', () => {
  const { scene, initiator, data } = writer(1, 'InitialR2T=No', DIGEST);
  const tag = initiator.write(0, 8, { lun: Lun.copy, data: data.subarray(0, 512), final: false });
  initiator.dataOut(tag, data.subarray(512, 1024), { bufferOffset: 512, final: false });
  initiator.dataOut(tag, new Uint8Array(512), { dataSN: 1, bufferOffset: 1024, final: false, corrupt: true });
  const [, first] = takeR2Ts(initiator, 'reject 2', 'r2t 0 @1024 +2048') as [number, number];
  initiator.dataOut(tag, new Uint8Array(512), { dataSN: 2, bufferOffset: 1536 });
  initiator.assertSilent();
  initiator.dataOut(tag, data.subarray(1024, 3072), { targetTransferTag: first, bufferOffset: 1024 });
  const [second] = takeR2Ts(initiator, 'r2t 1 @3072 +1024') as [number];
  initiator.dataOut(tag, data.subarray(3072, 4096), { targetTransferTag: second, bufferOffset: 3072 });
  assert.is(initiator.takeResponse().status, 0);
  assert.equal(stored(scene, 8), Buffer.from(data.subarray(0, 4096)));
  finishRecovery(scene, initiator);
});

test('a command whose immediate data has a wrong digest has not been received: it is sent again with its CmdSN, RFC 7143 §7.8', () => {
  const { scene, initiator, data } = writer(1, DIGEST, 'InitialR2T=No');
  const turn = initiator.cmdSN;
  const tag = initiator.write(0, 4, { lun: Lun.copy, data: new Uint8Array(512), final: false, corrupt: true });
  assert.equal(shortly(initiator.take()), ['reject 2']);
  assert.equal([scene.runner.openTaskCount, initiator.connection.expCmdSN], [0, turn]);
  initiator.dataOut(tag, new Uint8Array(1536), { bufferOffset: 512 });
  initiator.command('00');
  initiator.assertSilent();
  initiator.write(0, 4, { lun: Lun.copy, cmdSN: turn, initiatorTaskTag: tag, data: data.subarray(0, 512), final: false });
  initiator.dataOut(tag, data.subarray(512, 2048), { bufferOffset: 512 });
  assert.equal(shortly(initiator.take()), ['status 0', 'status 0']);
  assert.equal(stored(scene, 4), Buffer.from(data.subarray(0, 2048)));
  finishRecovery(scene, initiator);
});

test('at ErrorRecoveryLevel 0 a wrong data digest ends the connection', () => {
  const { scene, initiator } = writer(0, DIGEST);
  initiator.write(0, 1, { data: new Uint8Array(512), corrupt: true });
  assert.equal(shortly(initiator.take()), ['reject 2']);
  assert.not.ok(initiator.connection.isOpen);
  finishRecovery(scene, initiator);
});

test('a ping with a wrong data digest is rejected and not received; the rest goes on', () => {
  const { scene, initiator } = writer(1, DIGEST);
  const turn = initiator.cmdSN;
  initiator.command('00', { write: 4, data: new Uint8Array(4), corrupt: true });
  assert.is(initiator.takeReject().reason, RejectReason.dataDigestError);
  initiator.nopOut({ cmdSN: turn });
  initiator.takeOne(Opcode.nopIn);
  finishRecovery(scene, initiator);
});

test('a command that is sent again though it had come is ignored, with all its data, RFC 7143 §7.2.1', () => {
  const { scene, initiator, data } = writer(1, 'InitialR2T=No');
  const turn = initiator.cmdSN;
  const send = () => {
    initiator.write(0, 4, { lun: Lun.copy, cmdSN: turn, initiatorTaskTag: 0x77, data: data.subarray(0, 512), final: false });
    initiator.dataOut(0x77, data.subarray(512, 1024), { bufferOffset: 512, final: false });
  };
  send();
  send();
  initiator.assertSilent();
  initiator.dataOut(0x77, data.subarray(1024, 2048), { dataSN: 1, bufferOffset: 1024 });
  assert.is(initiator.takeResponse().status, 0);
  send();
  initiator.assertSilent();
  initiator.cmdSN = turn + 1;
  assert.equal(stored(scene, 4), Buffer.from(data.subarray(0, 2048)));
  const held = initiator.write(0, 4, { lun: Lun.pool, data: data.subarray(0, 512), final: false });
  initiator.dataOut(held, data.subarray(512, 2048), { bufferOffset: 512 });
  initiator.dataOut(held, data.subarray(512, 2048), { bufferOffset: 512 });
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(initiator.takeResponse().status, 0, 'while a worker has it, too');
  finishRecovery(scene, initiator);
});

test('Data-Out that stays away is asked for again after a while', () => {
  const scene = new Scene({ limits: { dataOutRecoveryMs: 2000, nopInIntervalMs: 3_600_000 } });
  const initiator = recovering(scene, 1, {}, 'InitialR2T=No');
  const tag = initiator.write(0, 4, { lun: Lun.copy, data: new Uint8Array(512), final: false });
  const tick = (ms: number) => {
    scene.clock.advance(ms);
    initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  };
  tick(1000);
  initiator.assertSilent();
  tick(1001);
  const [first] = takeR2Ts(initiator, 'r2t 0 @512 +1536') as [number];
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag: first, bufferOffset: 512, final: false });
  tick(2001);
  const [second] = takeR2Ts(initiator, 'r2t 1 @1024 +1024') as [number];
  initiator.dataOut(tag, new Uint8Array(1024), { targetTransferTag: second, bufferOffset: 1024 });
  assert.is(initiator.takeResponse().status, 0);
  finishRecovery(scene, initiator);
});

test('a command that broke the rules is answered though the rest of its data stays away', () => {
  const scene = new Scene({ limits: { dataOutRecoveryMs: 2000, nopInIntervalMs: 3_600_000, statusAckMs: 3_600_000 } });
  const initiator = recovering(scene, 1, {}, 'MaxOutstandingR2T=2');
  const tag = initiator.write(0, 8, { lun: Lun.copy });
  const [first, second] = takeR2Ts(initiator, 'r2t 0 @0 +2048', 'r2t 1 @2048 +2048') as [number, number];
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag: 0x7777, bufferOffset: 0 });
  initiator.dataOut(tag, new Uint8Array(2048), { targetTransferTag: first, bufferOffset: 0 });
  initiator.assertSilent();
  scene.clock.advance(2001);
  initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  assert.is(initiator.takeResponse().sense, '0b/0c/0c');
  initiator.dataOut(tag, new Uint8Array(2048), { targetTransferTag: second, bufferOffset: 2048 });
  initiator.assertSilent();
  finishRecovery(scene, initiator);
});

test('one that loses its data again and again gets CHECK CONDITION, protocol service CRC error', () => {
  const scene = new Scene({ limits: { recoveryR2TCountMax: 3 } });
  const initiator = recovering(scene, 1);
  const tag = initiator.write(0, 4, { lun: Lun.copy });
  let [targetTransferTag] = takeR2Ts(initiator, 'r2t 0 @0 +2048') as [number];
  for (let count = 1; count <= 3; count++) {
    initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag, dataSN: 5 });
    [targetTransferTag] = takeR2Ts(initiator, `r2t ${count} @0 +2048`) as [number];
  }
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag, dataSN: 5 });
  const response = initiator.takeResponse();
  assert.equal([response.status, response.sense], [2, '0b/47/05']);
  finishRecovery(scene, initiator);
});

test('what breaks the rules otherwise still ends the command', () => {
  const { scene, initiator } = writer();
  const tag = initiator.write(0, 4, { lun: Lun.copy });
  const [targetTransferTag] = takeR2Ts(initiator, 'r2t 0 @0 +2048') as [number];
  initiator.dataOut(tag, new Uint8Array(4096), { targetTransferTag });
  assert.is(initiator.takeResponse().status, 2);
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag: 12345 });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  finishRecovery(scene, initiator);
});

test('bytes that nobody wants do not stand for those that were lost', () => {
  const { scene, initiator, data } = writer(1, DIGEST, 'InitialR2T=No', 'DataPDUInOrder=No');
  const tag = initiator.write(0, 2, { lun: Lun.copy, write: 4096, final: false });
  initiator.dataOut(tag, new Uint8Array(1024), { bufferOffset: 1024, final: false });
  initiator.dataOut(tag, new Uint8Array(1024), { dataSN: 1, bufferOffset: 0, corrupt: true });
  const [, first] = takeR2Ts(initiator, 'reject 2', 'r2t 0 @0 +1024') as [number, number];
  initiator.dataOut(tag, data.subarray(0, 1024), { targetTransferTag: first });
  assert.is(initiator.takeResponse().status, 0);
  assert.equal(stored(scene, 2), Buffer.from(data.subarray(0, 1024)));
  finishRecovery(scene, initiator);
});

test('the last PDU of a sequence that is only waited for may be damaged too', () => {
  const { scene, initiator } = writer(1, DIGEST);
  const tag = initiator.write(0, 4, { lun: Lun.copy });
  const [targetTransferTag] = takeR2Ts(initiator, 'r2t 0 @0 +2048') as [number];
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag, bufferOffset: 1024, final: false });
  initiator.assertSilent();
  initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag, dataSN: 1, bufferOffset: 1536, corrupt: true });
  assert.equal(shortly(initiator.take()), ['reject 2', 'status 2']);
  finishRecovery(scene, initiator);
});

for (const order of ['Yes', 'No']) {
  test(`any loss of Data-Out PDUs leads to the data in the end, DataPDUInOrder=${order}`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const scene = new Scene({ limits: { dataOutRecoveryMs: 1000, nopInIntervalMs: 3_600_000, recoveryR2TCountMax: 1000, sendStallMsMax: 3_600_000 } });
      const initiator = recovering(scene, 1, {}, 'InitialR2T=No', `DataPDUInOrder=${order}`, 'MaxOutstandingR2T=3');
      const data = random.bytes(16 * BLOCK);
      const tag = initiator.write(0, 16, { lun: Lun.copy, data: data.subarray(0, 512), final: false });
      const send = (targetTransferTag: number, from: number, to: number) => {
        const pieces: number[] = [];
        for (let at = from; at < to; at += 256) pieces.push(at);
        if (order === 'No') pieces.sort(() => (random.boolean() ? 1 : -1));
        pieces.forEach((at, dataSN) => {
          if (random.below(4) === 0) return;
          const final = dataSN === pieces.length - 1;
          initiator.dataOut(tag, data.subarray(at, Math.min(at + 256, to)), { targetTransferTag, dataSN, bufferOffset: at, final });
        });
      };
      send(0xffffffff, 512, 2048);
      let isDone = false;
      for (let round = 0; round < 500 && !isDone; round++) {
        const sent = initiator.take();
        if (sent.length === 0) {
          scene.clock.advance(1001);
          initiator.connection.keepalive.onTick(scene.clock.nowMicros());
        }
        for (const { header } of sent) {
          if (header.getUint8(0) === Opcode.readyToTransfer) send(header.getUint32(20), header.getUint32(40), header.getUint32(40) + header.getUint32(44));
          else if (header.getUint8(0) === Opcode.scsiResponse) {
            assert.is(header.getUint8(3), 0, `seed ${seed}: the status`);
            isDone = true;
          }
        }
      }
      assert.ok(isDone, `seed ${seed}: it ends`);
      assert.equal(stored(scene, 16), Buffer.from(data), `seed ${seed}: the data`);
      acknowledge(initiator);
      finishRecovery(scene, initiator);
    }
  });
}

test.run();
