import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BIDIRECTIONAL_AHS_LENGTH_BYTES,
  decodeDataIn,
  decodeReadyToTransfer,
  decodeScsiResponse,
  encodeBidirectionalReadLengthAhs,
  encodeExtendedCdbAhs,
  extendedCdbAhsLengthBytes,
  Opcode,
  ResidualFlag,
  readOpcode,
  TaskManagementFunction,
} from '../../../engine/pdu/index.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import type { SentPdu } from '../task/recording-output.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { type CommandChoices, cdb10, loggedIn, type TestInitiator } from './test-initiator.js';

const MEDIUM_ERROR_READ = '03/11/00';

/** The AHS of a CDB beyond 16 bytes and of a read length, in either order. */
function ahsOf(cdb: Uint8Array, readLength: number | null, lengthFirst = false): Buffer {
  const cdbAhs = Buffer.alloc(extendedCdbAhsLengthBytes(cdb.length));
  if (cdbAhs.length > 0) encodeExtendedCdbAhs(cdb, new DataView(cdbAhs.buffer, cdbAhs.byteOffset, cdbAhs.length), 0);
  const lengthAhs = Buffer.alloc(readLength === null ? 0 : BIDIRECTIONAL_AHS_LENGTH_BYTES);
  if (readLength !== null) encodeBidirectionalReadLengthAhs(readLength, new DataView(lengthAhs.buffer, lengthAhs.byteOffset, lengthAhs.length), 0);
  return lengthFirst ? Buffer.concat([lengthAhs, cdbAhs]) : Buffer.concat([cdbAhs, lengthAhs]);
}

function cdb32(action: number, lba: number, lbaCount: number): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 0x18;
  cdb.writeUInt16BE(action, 8);
  cdb.writeUInt32BE(lba, 16);
  cdb.writeUInt32BE(lbaCount, 28);
  return cdb;
}

/** XDWRITEREAD (10) with as much each way unless told. */
function exchange(initiator: TestInitiator, lba: number, lbaCount: number, choices: CommandChoices & { readLength?: number } = {}): number {
  const length = lbaCount * BLOCK;
  const cdb = cdb10(0x53, lba, lbaCount);
  return initiator.command(cdb, { write: length, read: 0, ahs: ahsOf(hex(cdb), choices.readLength ?? length), ...choices });
}

const xor = (left: Uint8Array, right: Uint8Array) => left.map((byte, at) => byte ^ (right[at] as number));
const dataInOf = (sent: SentPdu[]) => sent.filter((pdu) => readOpcode(pdu.header, 0) === Opcode.dataIn);
const responseOf = (sent: SentPdu[]) => decodeScsiResponse((sent.at(-1) as SentPdu).header, 0);
const returnedBy = (sent: SentPdu[]) => Buffer.concat(dataInOf(sent).map((pdu) => pdu.data));

/** Answers all R2Ts, one after the other, and runs what goes to the held dispatcher; answers everything that was sent. */
function serve(scene: Scene, initiator: TestInitiator, tag: number, data: Uint8Array): SentPdu[] {
  const all: SentPdu[] = [];
  for (;;) {
    scene.dispatcher.completeAll();
    const sent = initiator.take();
    all.push(...sent);
    const r2ts = sent.filter((pdu) => readOpcode(pdu.header, 0) === Opcode.readyToTransfer).map((pdu) => decodeReadyToTransfer(pdu.header, 0));
    if (r2ts.length === 0) return all;
    for (const { bufferOffset, desiredDataTransferLength, targetTransferTag } of r2ts) {
      initiator.dataOut(tag, data.subarray(bufferOffset, bufferOffset + desiredDataTransferLength), { targetTransferTag, bufferOffset });
    }
  }
}

for (const lun of [Lun.view, Lun.pool, Lun.copy]) {
  test(`R2Ts and Data-In of one command are one sequence, and its status comes by itself, on LUN ${lun} (RFC 7143 §4.2.2.4)`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, {
      keys: ['InitialR2T=Yes', 'ImmediateData=No', 'MaxBurstLength=2048', 'MaxOutstandingR2T=1', 'MaxRecvDataSegmentLength=1024'],
    });
    const store = scene.stores[lun] as (typeof scene.stores)[number];
    const before = store.bytes.slice(3 * BLOCK, 13 * BLOCK);
    const data = seededRandom(lun).bytes(10 * BLOCK);
    const sent = serve(scene, initiator, exchange(initiator, 3, 10, { lun }), data);
    const numbers = sent.map((pdu) => {
      const opcode = readOpcode(pdu.header, 0);
      if (opcode === Opcode.readyToTransfer) return `R2T ${decodeReadyToTransfer(pdu.header, 0).r2tSN}`;
      return opcode === Opcode.dataIn ? `Data-In ${decodeDataIn(pdu.header, 0).dataSN}` : 'Response';
    });
    assert.equal(numbers, ['R2T 0', 'R2T 1', 'R2T 2', 'Data-In 3', 'Data-In 4', 'Data-In 5', 'Data-In 6', 'Data-In 7', 'Response']);
    for (const pdu of dataInOf(sent)) assert.not.ok(decodeDataIn(pdu.header, 0).statusPresent, 'no S bit');
    const response = responseOf(sent);
    assert.equal([response.status, response.expDataSN, response.residualFlags], [0, 8, 0]);
    assertBytes(returnedBy(sent), xor(data, before));
    assertBytes(store.bytes.subarray(3 * BLOCK, 13 * BLOCK), data);
    initiator.transport.output.flush();
    scene.assertIdle();
  });

  test(`immediate data serves a bidirectional command, and its memory lasts until the Data-In has left, on LUN ${lun}`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=65536', 'MaxRecvDataSegmentLength=65536'] });
    const store = scene.stores[lun] as (typeof scene.stores)[number];
    const before = store.bytes.slice(3 * BLOCK, 7 * BLOCK);
    const data = seededRandom(9).bytes(4 * BLOCK);
    const sent = serve(scene, initiator, exchange(initiator, 3, 4, { lun, data }), data);
    assertBytes(returnedBy(sent), xor(data, before));
    assert.is(responseOf(sent).expDataSN, 1);
    // Others write in the meantime: `flush` looks whether what was lent has changed.
    for (let lba = 0; lba < 64; lba += 8) initiator.write(lba, 8, { lun, data: seededRandom(lba).bytes(8 * BLOCK) });
    scene.dispatcher.completeAll();
    assert.ok(scene.arena.freeBytes < scene.arena.sizeBytes, 'the Data-In is still held');
    initiator.transport.output.flush();
    scene.assertIdle();
  });
}

test('each direction has a residual of its own (RFC 7143 §11.4.5)', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['InitialR2T=Yes', 'MaxRecvDataSegmentLength=65536'] });
  const { underflow: U, overflow: O, bidirectionalReadUnderflow: u, bidirectionalReadOverflow: o } = ResidualFlag;
  const cases: readonly (readonly [write: number, read: number, flags: number, outCount: number, inCount: number, returned: number])[] = [
    [2048, 2048, 0, 0, 0, 2048],
    [2048, 2500, u, 0, 452, 2048],
    [2048, 100, o, 0, 1948, 100],
    [2048, 0, o, 0, 2048, 0],
    [3000, 2048, U, 952, 0, 2048],
    [3000, 3000, U | u, 952, 952, 2048],
    [1024, 2048, O | u, 1024, 1024, 1024],
    [1024, 512, O | o, 1024, 512, 512],
    [0, 2048, O | u, 2048, 2048, 0],
  ];
  for (const [write, readLength, flags, outCount, inCount, returned] of cases) {
    const sent = serve(scene, initiator, exchange(initiator, 0, 4, { write, readLength }), seededRandom(1).bytes(write));
    const response = responseOf(sent);
    assert.equal([response.status, response.residualFlags, response.residualCount, response.bidirectionalReadResidualCount], [0, flags, outCount, inCount]);
    assert.is(returnedBy(sent).length, returned);
  }
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('the CDB length travels with the command: 32-byte commands of each direction, their segments in either order', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=65536', 'MaxRecvDataSegmentLength=65536'] });
  const store = scene.stores[Lun.copy] as (typeof scene.stores)[number];
  const data = seededRandom(2).bytes(3 * BLOCK);
  const write = cdb32(0x000b, 5, 3);
  initiator.command(write.toString('hex', 0, 16), { lun: Lun.copy, write: data.length, data, ahs: ahsOf(write, null) });
  assert.is(initiator.takeResponse().status, 0);
  assertBytes(store.bytes.subarray(5 * BLOCK, 8 * BLOCK), data);
  const read = cdb32(0x0009, 5, 3);
  initiator.command(read.toString('hex', 0, 16), { lun: Lun.copy, read: data.length, ahs: ahsOf(read, null) });
  assertBytes(initiator.takeDataIn().data, data);
  for (const lengthFirst of [false, true]) {
    const before = store.bytes.slice(5 * BLOCK, 8 * BLOCK);
    const next = seededRandom(lengthFirst ? 3 : 4).bytes(3 * BLOCK);
    const both = cdb32(0x0007, 5, 3);
    const ahs = ahsOf(both, next.length, lengthFirst);
    initiator.command(both.toString('hex', 0, 16), { lun: Lun.copy, write: next.length, read: 0, data: next, ahs });
    assertBytes(returnedBy(initiator.take()), xor(next, before));
  }
  // Without its segment the same CDB is one that does not agree with what came, whatever the slot held before.
  for (const cdb of [read, write]) {
    initiator.command(cdb.toString('hex', 0, 16), { lun: Lun.copy, read: data.length });
    assert.is(initiator.takeResponse().sense, '05/24/00');
  }
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('a bidirectional command without the length of its Data-In takes none, and is told how much there was', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const data = new Uint8Array(BLOCK);
  const sent = serve(scene, initiator, initiator.command(cdb10(0x53, 0, 1), { write: BLOCK, read: 0, data }), data);
  assert.equal([responseOf(sent).residualFlags, responseOf(sent).bidirectionalReadResidualCount], [ResidualFlag.bidirectionalReadOverflow, BLOCK]);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('data before a bad block comes before its sense data, for one direction and for two', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=65536', 'MaxRecvDataSegmentLength=65536'] });
  for (const lun of [Lun.copy, Lun.pool]) {
    const store = scene.stores[lun] as (typeof scene.stores)[number];
    store.readFaultFromBytes = 12 * BLOCK;
    const read = store.read.bind(store);
    store.read = (target, at, length, position) => (position + length > 12 * BLOCK ? StoreFault.io : read(target, at, length, position));
    const expected = store.bytes.slice(10 * BLOCK, 12 * BLOCK);
    initiator.read(10, 5, { lun });
    scene.dispatcher.completeAll();
    const sent = initiator.take();
    assert.equal(
      sent.map((pdu) => readOpcode(pdu.header, 0)),
      [Opcode.dataIn, Opcode.scsiResponse],
    );
    const dataIn = decodeDataIn((sent[0] as SentPdu).header, 0);
    assert.equal([dataIn.final, dataIn.statusPresent], [true, false]);
    assertBytes(returnedBy(sent), expected);
    assertSense(sent, 12);
    assert.equal([responseOf(sent).residualFlags, responseOf(sent).residualCount, responseOf(sent).expDataSN], [ResidualFlag.underflow, 3 * BLOCK, 1]);

    const data = seededRandom(6).bytes(5 * BLOCK);
    const both = serve(scene, initiator, exchange(initiator, 10, 5, { lun, data }), data);
    assertBytes(returnedBy(both), xor(data.subarray(0, 2 * BLOCK), expected));
    assertSense(both, 12);
    const response = responseOf(both);
    assert.equal([response.residualFlags, response.bidirectionalReadResidualCount], [ResidualFlag.bidirectionalReadUnderflow, 3 * BLOCK]);
  }
  initiator.transport.output.flush();
  scene.assertIdle();
});

function assertSense(sent: SentPdu[], lba: number): void {
  const segment = (sent.at(-1) as SentPdu).data;
  const sense = segment.subarray(2);
  assert.is(responseOf(sent).status, 2);
  assert.is([2, 12, 13].map((at) => sense.toString('hex', at, at + 1)).join('/'), MEDIUM_ERROR_READ);
  assert.is((sense[0] as number) & 0x80, 0x80, 'INFORMATION is valid');
  assert.is(sense.readUInt32BE(3), lba);
}

test('a bidirectional command that is aborted gives its one piece of memory back, wherever it is', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['InitialR2T=Yes', 'MaxRecvDataSegmentLength=65536'] });
  const abort = (tag: number) =>
    initiator.taskManagement(TaskManagementFunction.abortTask, { lun: Lun.pool, referencedTaskTag: tag, refCmdSN: initiator.cmdSN - 1 });
  // It waits for its data.
  abort(exchange(initiator, 0, 4, { lun: Lun.pool }));
  initiator.take();
  // It waits for a range that another holds.
  const holder = exchange(initiator, 0, 4, { lun: Lun.pool });
  answerR2T(initiator, holder);
  const waiting = exchange(initiator, 2, 4, { lun: Lun.pool });
  answerR2T(initiator, waiting);
  assert.is(scene.dispatcher.held.length, 1);
  abort(waiting);
  // It is with a worker.
  abort(holder);
  scene.dispatcher.completeAll();
  const statuses = initiator.take().filter((pdu) => readOpcode(pdu.header, 0) === Opcode.scsiResponse);
  assert.is(statuses.length, 0, 'no answers');
  initiator.transport.output.flush();
  scene.assertIdle();
});

function answerR2T(initiator: TestInitiator, tag: number): void {
  const { targetTransferTag, desiredDataTransferLength } = initiator.takeR2T();
  initiator.dataOut(tag, new Uint8Array(desiredDataTransferLength), { targetTransferTag });
}

test('bidirectional commands beyond what memory there is are all served: none holds some while it waits for more', () => {
  const PIECE = 64 * 1024;
  const scene = new Scene({ arenaBytes: 4 * PIECE, limits: { transferLengthBytesMax: PIECE, slotCount: 256 } });
  const keys = ['InitialR2T=Yes', 'MaxOutstandingR2T=1', `MaxBurstLength=${PIECE}`, 'MaxRecvDataSegmentLength=65536'];
  const hosts = Array.from({ length: 3 }, () => loggedIn(scene, { keys }));
  const data = seededRandom(11).bytes(PIECE);
  const left = new Map<TestInitiator, number>();
  for (const host of hosts) {
    for (let count = 0; count < 12; count++) exchange(host, 0, PIECE / BLOCK, { lun: count % 2 === 0 ? Lun.pool : Lun.copy });
    left.set(host, 12);
  }
  for (let round = 0; round < 200 && [...left.values()].some((count) => count > 0); round++) {
    for (const host of hosts) {
      for (const pdu of host.take()) {
        const opcode = readOpcode(pdu.header, 0);
        const tag = pdu.header.getUint32(16);
        if (opcode === Opcode.readyToTransfer) host.dataOut(tag, data, { targetTransferTag: decodeReadyToTransfer(pdu.header, 0).targetTransferTag });
        if (opcode === Opcode.scsiResponse) {
          assert.is(pdu.header.getUint8(3), 0);
          left.set(host, (left.get(host) as number) - 1);
        }
      }
      host.transport.output.flush();
    }
    scene.dispatcher.completeAll();
  }
  assert.equal([...left.values()], [0, 0, 0]);
  for (const host of hosts) host.transport.output.flush();
  scene.assertIdle();
});

test.run();
