import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RejectReason } from '../../../engine/pdu/index.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const GOOD = 0x00;
const CHECK = 0x02;
const KEYS = ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=4096', 'MaxBurstLength=8192', 'MaxOutstandingR2T=2'];

function writer(keys: readonly string[] = KEYS): { scene: Scene; initiator: TestInitiator; stored: (lun: number, lba: number, count: number) => Uint8Array } {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys });
  const stored = (lun: number, lba: number, count: number) => (scene.stores[lun] as { bytes: Uint8Array }).bytes.subarray(lba * BLOCK, (lba + count) * BLOCK);
  return { scene, initiator, stored };
}

function finish(scene: Scene, initiator: TestInitiator): void {
  initiator.assertSilent();
  initiator.transport.output.flush();
  scene.assertIdle();
}

for (const lun of [Lun.view, Lun.pool, Lun.copy]) {
  test(`immediate data, an unsolicited sequence and R2Ts fill one write, on LUN ${lun}`, () => {
    const { scene, initiator, stored } = writer();
    const data = seededRandom(lun).bytes(60 * BLOCK);
    const tag = initiator.write(5, 60, { lun, data: data.subarray(0, 1024), final: false });
    initiator.dataOut(tag, data.subarray(1024, 3072), { dataSN: 0, bufferOffset: 1024, final: false });
    initiator.assertSilent();
    initiator.dataOut(tag, data.subarray(3072, 4096), { dataSN: 1, bufferOffset: 3072, final: true });
    let offset = 4096;
    let r2tSN = 0;
    for (let open = initiator.take(); open.length > 0; open = initiator.take()) {
      assert.ok(open.length <= 2, 'no more than MaxOutstandingR2T');
      if (open.some((pdu) => pdu.header.getUint8(0) !== 0x31)) break;
      for (const { header } of open) {
        assert.is(header.getUint32(36), r2tSN++, 'R2TSN');
        assert.is(header.getUint32(40), offset, 'Buffer Offset');
        const length = header.getUint32(44);
        assert.is(length, Math.min(8192, data.length - offset), 'Desired Data Transfer Length');
        const half = length >> 1;
        const targetTransferTag = header.getUint32(20);
        initiator.dataOut(tag, data.subarray(offset, offset + half), { targetTransferTag, dataSN: 0, bufferOffset: offset, final: false });
        initiator.dataOut(tag, data.subarray(offset + half, offset + length), { targetTransferTag, dataSN: 1, bufferOffset: offset + half });
        offset += length;
      }
    }
    assert.is(offset, data.length);
    scene.dispatcher.completeAll();
    assertBytes(stored(lun, 5, 60), data);
    initiator.take();
    finish(scene, initiator);
  });
}

test('what the initiator sends beyond the need of the command is counted as residual, not written', () => {
  const { scene, initiator, stored } = writer();
  const before = Buffer.from(stored(0, 1, 4));
  const data = seededRandom(3).bytes(4 * BLOCK);
  initiator.write(1, 2, { data, write: data.length });
  const response = initiator.takeResponse();
  assert.equal([response.status, response.residualFlags, response.residualCount], [GOOD, 0x02, 2 * BLOCK]);
  assertBytes(stored(0, 1, 2), data.subarray(0, 2 * BLOCK));
  assertBytes(stored(0, 3, 2), before.subarray(2 * BLOCK));
  finish(scene, initiator);
});

test('an initiator that offers less than the command wants is told of the overflow', () => {
  const { scene, initiator } = writer();
  initiator.write(1, 4, { data: new Uint8Array(BLOCK), write: BLOCK });
  const response = initiator.takeResponse();
  assert.equal([response.status, response.residualFlags, response.residualCount], [GOOD, 0x04, 3 * BLOCK]);
  finish(scene, initiator);
});

const mistakes = {
  'a DataSN that skips one': { dataSN: 1 },
  'a Buffer Offset that leaves a gap': { bufferOffset: 2048 },
  'F before the burst is complete': { length: 512, final: true },
  'no F at the end of the burst': { final: false },
  'more than was asked for': { length: 8192 + 4 },
} as const;

for (const [name, mistake] of Object.entries(mistakes)) {
  test(`${name} ends the command with CHECK CONDITION once its sequences have ended`, () => {
    const { scene, initiator, stored } = writer();
    const before = Buffer.from(stored(0, 0, 64));
    const tag = initiator.write(0, 64);
    const [first, second] = initiator.take().map((pdu) => pdu.header.getUint32(20)) as [number, number];
    const { length = 8192, ...fields } = { ...mistake } as { length?: number; final?: boolean; dataSN?: number; bufferOffset?: number };
    initiator.dataOut(tag, new Uint8Array(length), { targetTransferTag: first, ...fields });
    initiator.assertSilent();
    if (fields.final === false) initiator.dataOut(tag, new Uint8Array(4), { targetTransferTag: first, bufferOffset: 8192, dataSN: 1 });
    initiator.dataOut(tag, new Uint8Array(8192), { targetTransferTag: second, bufferOffset: 8192 });
    const response = initiator.takeResponse();
    assert.is(response.status, CHECK);
    assert.match(response.sense, /^0b\//);
    assertBytes(stored(0, 0, 64), before, 'nothing was written');
    finish(scene, initiator);
  });
}

test('Data-Out for no task is rejected with its header', () => {
  const { scene, initiator } = writer();
  initiator.dataOut(0x4711, new Uint8Array(512));
  const reject = initiator.takeReject();
  assert.is(reject.reason, RejectReason.invalidPduField);
  assert.is(reject.rejected.readUInt32BE(16), 0x4711);
  finish(scene, initiator);
});

test('stray Data-Out does not touch a command that a worker has', () => {
  const { scene, initiator, stored } = writer();
  const data = seededRandom(5).bytes(2 * BLOCK);
  const tag = initiator.write(0, 2, { lun: Lun.pool, data });
  assert.is(scene.dispatcher.held.length, 1);
  initiator.dataOut(tag, new Uint8Array(512));
  const answered = initiator.take();
  initiator.transport.output.flush();
  assert.is(scene.runner.openTaskCount, 1, 'the command keeps its slot while the worker has it');
  assert.equal(
    answered.map((pdu) => pdu.header.getUint8(0)),
    [0x3f],
    'a Reject, and no answer of the command',
  );
  scene.dispatcher.completeAll();
  assert.is(initiator.takeResponse().status, GOOD);
  assertBytes(stored(Lun.pool, 0, 2), data);
  finish(scene, initiator);
});

test('stray Data-Out does not touch a command that waits for a block range', () => {
  const { scene, initiator } = writer();
  initiator.write(0, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK) });
  const second = initiator.write(1, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK) });
  assert.is(scene.dispatcher.held.length, 1, 'the second waits for the first');
  initiator.dataOut(second, new Uint8Array(512));
  initiator.takeReject();
  initiator.transport.output.flush();
  scene.dispatcher.completeHeld();
  assert.is(initiator.takeResponse().status, GOOD);
  scene.dispatcher.completeHeld();
  assert.is(initiator.takeResponse().status, GOOD);
  finish(scene, initiator);
});

test('a broken unsolicited sequence of a dormant command leaves the task set in order', () => {
  const { scene, initiator } = writer();
  initiator.write(0, 2, { lun: Lun.pool, attribute: 2, data: new Uint8Array(2 * BLOCK) });
  const dormant = initiator.write(8, 16, { lun: Lun.pool, final: false });
  initiator.dataOut(dormant, new Uint8Array(512), { dataSN: 9, final: false });
  initiator.assertSilent();
  scene.dispatcher.completeHeld();
  assert.is(initiator.takeResponse().status, GOOD, 'the ORDERED command ends, and the broken one is passed by');
  const third = initiator.write(40, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
  scene.dispatcher.completeHeld();
  assert.is(initiator.takeResponse().initiatorTaskTag, third, 'others go on');
  initiator.dataOut(dormant, new Uint8Array(512), { dataSN: 10, bufferOffset: 512, final: true });
  const response = initiator.takeResponse();
  assert.equal([response.initiatorTaskTag, response.status, response.sense], [dormant, CHECK, '0b/4b/00']);
  finish(scene, initiator);
});

test('a refused command keeps its own sense data while its unsolicited data still comes', () => {
  const { scene, initiator } = writer();
  const tag = initiator.write(0xffffff, 16, { final: false });
  initiator.dataOut(tag, new Uint8Array(2048), { final: false });
  initiator.dataOut(tag, new Uint8Array(2048), { dataSN: 1, bufferOffset: 2048 });
  const response = initiator.takeResponse();
  assert.equal([response.status, response.sense], [CHECK, '05/21/00']);
  assert.equal([response.residualFlags, response.residualCount], [0x02, 16 * BLOCK]);
  finish(scene, initiator);
});

test('unsolicited data where InitialR2T=Yes, and immediate data where ImmediateData=No, end the command', () => {
  const { scene, initiator } = writer(['InitialR2T=Yes', 'ImmediateData=No']);
  initiator.write(0, 1, { data: new Uint8Array(BLOCK) });
  assert.equal(initiator.takeResponse().sense, '0b/0c/0c');
  const tag = initiator.write(0, 1, { final: false });
  initiator.assertSilent();
  initiator.dataOut(tag, new Uint8Array(BLOCK));
  assert.equal(initiator.takeResponse().sense, '0b/0c/0c');
  finish(scene, initiator);
});

test('immediate data beyond FirstBurstLength ends the command', () => {
  const { scene, initiator } = writer();
  initiator.write(0, 16, { data: new Uint8Array(4096 + 512) });
  assert.equal(initiator.takeResponse().sense, '0b/0c/0c');
  finish(scene, initiator);
});

test('a command that comes early keeps its unsolicited data until its turn', () => {
  for (const immediateData of ['Yes', 'No']) {
    const { scene, initiator, stored } = writer(['InitialR2T=No', `ImmediateData=${immediateData}`, 'FirstBurstLength=4096']);
    const data = seededRandom(6).bytes(4096);
    const turn = initiator.cmdSN;
    const sent = immediateData === 'Yes' ? 1024 : 0;
    const tag = initiator.write(9, 8, { cmdSN: turn + 1, final: false, ...(sent > 0 ? { data: data.subarray(0, sent) } : {}) });
    initiator.dataOut(tag, data.subarray(sent), { bufferOffset: sent });
    initiator.assertSilent();
    initiator.nopOut({ cmdSN: turn });
    const answers = initiator.take();
    assert.equal(
      answers.map((pdu) => pdu.header.getUint8(0)),
      [0x20, 0x21],
      'the NOP-In, then the response',
    );
    assert.is(answers[1]?.header.getUint8(3), GOOD, `ImmediateData=${immediateData}`);
    assertBytes(stored(0, 9, 8), data);
    finish(scene, initiator);
  }
});

test('data in the receive chunk is kept for a command that must wait: its turn, its task set, its range', () => {
  const waits: Record<string, (initiator: TestInitiator, data: Uint8Array) => void> = {
    turn: (initiator, data) => {
      const turn = initiator.cmdSN;
      initiator.write(9, 2, { cmdSN: turn + 1, data });
      initiator.nopOut({ cmdSN: turn });
    },
    'task set': (initiator, data) => {
      const ordered = initiator.write(0, 1, { attribute: 2 });
      const { targetTransferTag } = initiator.takeR2T();
      initiator.write(9, 2, { data });
      initiator.dataOut(ordered, new Uint8Array(BLOCK), { targetTransferTag });
    },
    range: (initiator, data) => {
      initiator.read(9, 1);
      initiator.write(9, 2, { data });
      initiator.transport.output.flush();
    },
  };
  for (const [name, wait] of Object.entries(waits)) {
    const { scene, initiator, stored } = writer();
    const data = seededRandom(7).bytes(2 * BLOCK);
    wait(initiator, data);
    assertBytes(stored(0, 9, 2), data, `what waited for its ${name}`);
    initiator.take();
    finish(scene, initiator);
  }
});

test('a wrong data digest is answered with a Reject of that very PDU, and the connection ends', () => {
  const { scene, initiator } = writer([...KEYS, 'DataDigest=CRC32C', 'HeaderDigest=CRC32C']);
  const tag = initiator.write(0, 64);
  const { header } = initiator.take()[0] as { header: DataView };
  initiator.dataOut(tag, new Uint8Array(8192), { targetTransferTag: header.getUint32(20), corrupt: true });
  const reject = initiator.takeReject();
  assert.is(reject.reason, RejectReason.dataDigestError);
  assert.is(reject.rejected[0], 0x05, 'the header of the Data-Out');
  assert.is(reject.rejected.readUInt32BE(16), tag);
  assert.ok(initiator.transport.isClosed);
  finish(scene, initiator);
});

test('an unsolicited sequence that ends before the first burst is full ends the command with 0B/0C/0D, and nothing is written', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No', 'FirstBurstLength=4096'] });
  const tag = initiator.write(0, 16, { data: new Uint8Array(BLOCK).fill(1), final: false });
  initiator.dataOut(tag, new Uint8Array(BLOCK).fill(1), { bufferOffset: BLOCK, final: true });
  assert.is(initiator.takeResponse().sense, '0b/0c/0d');
  assert.is.not((scene.stores[0] as { bytes: Uint8Array }).bytes[0], 1);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
