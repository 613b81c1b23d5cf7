import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode } from '../../../engine/pdu/index.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import type { SentPdu } from '../task/recording-output.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const GOOD = 0x00;

interface Rules {
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly firstBurstLength: number;
  readonly maxBurstLength: number;
  readonly maxOutstandingR2T: number;
  readonly dataPDUInOrder: boolean;
  readonly segmentLength: number;
  readonly errorRecoveryLevel: number;
}

function keysOf(rules: Rules): string[] {
  const yesNo = (value: boolean): string => (value ? 'Yes' : 'No');
  return [
    `InitialR2T=${yesNo(rules.initialR2T)}`,
    `ImmediateData=${yesNo(rules.immediateData)}`,
    `FirstBurstLength=${rules.firstBurstLength}`,
    `MaxBurstLength=${rules.maxBurstLength}`,
    `MaxOutstandingR2T=${rules.maxOutstandingR2T}`,
    `DataPDUInOrder=${yesNo(rules.dataPDUInOrder)}`,
    'DataSequenceInOrder=No',
    'MaxRecvDataSegmentLength=512',
    `ErrorRecoveryLevel=${rules.errorRecoveryLevel}`,
  ];
}

interface Sequence {
  readonly targetTransferTag: number | undefined;
  /** Pieces in the order in which they are sent. */
  readonly pieces: { from: number; to: number }[];
  dataSN: number;
}

function sequenceOf(random: SeededRandom, rules: Rules, from: number, to: number, targetTransferTag?: number): Sequence {
  const pieces: { from: number; to: number }[] = [];
  for (let at = from; at < to; at += rules.segmentLength) {
    const place = rules.dataPDUInOrder ? pieces.length : random.below(pieces.length + 1);
    pieces.splice(place, 0, { from: at, to: Math.min(at + rules.segmentLength, to) });
  }
  return { targetTransferTag, pieces, dataSN: 0 };
}

/** Checks R2Ts against the keys: RFC 7143 §11.8, §13.13, §13.17. */
class R2TWatch {
  #r2tSN = 0;
  readonly #asked: Uint8Array;

  constructor(lengthBytes: number, unasked: number) {
    this.#asked = new Uint8Array(lengthBytes).fill(1, 0, unasked);
  }

  take(pdu: SentPdu, rules: Rules): { targetTransferTag: number; from: number; to: number } {
    const { header } = pdu;
    assert.is(header.getUint32(36), this.#r2tSN++, 'R2TSN');
    const from = header.getUint32(40);
    const lengthBytes = header.getUint32(44);
    assert.ok(lengthBytes > 0 && lengthBytes <= rules.maxBurstLength, 'Desired Data Transfer Length');
    assert.not.ok(this.#asked.subarray(from, from + lengthBytes).includes(1), 'no byte is asked for twice');
    this.#asked.fill(1, from, from + lengthBytes);
    return { targetTransferTag: header.getUint32(20), from, to: from + lengthBytes };
  }

  assertAllAsked(): void {
    assert.not.ok(this.#asked.includes(0), 'every byte was asked for');
  }
}

/** Writes `data` by the rules, with R2Ts answered in any order and their PDUs mixed. */
function write(random: SeededRandom, scene: Scene, initiator: TestInitiator, rules: Rules, lun: number, lba: number, data: Uint8Array): SentPdu {
  const firstBurst = Math.min(rules.firstBurstLength, data.length);
  const immediate = rules.immediateData ? Math.min(firstBurst, random.boolean() ? firstBurst : random.below(firstBurst)) : 0;
  const unsolicitedEnd = rules.initialR2T || immediate === firstBurst ? immediate : firstBurst;
  const isOpen = unsolicitedEnd > immediate;
  const tag = initiator.write(lba, data.length / BLOCK, { lun, data: data.subarray(0, immediate), final: !isOpen });
  const watch = new R2TWatch(data.length, unsolicitedEnd);
  let open = isOpen ? [sequenceOf(random, rules, immediate, unsolicitedEnd)] : [];
  for (;;) {
    scene.dispatcher.completeAll();
    for (const pdu of initiator.take()) {
      if (readOpcode(pdu.header, 0) !== Opcode.readyToTransfer) {
        watch.assertAllAsked();
        assert.is(open.length, 0, 'no answer while data is owed');
        return pdu;
      }
      const { targetTransferTag, from, to } = watch.take(pdu, rules);
      open.push(sequenceOf(random, rules, from, to, targetTransferTag));
    }
    assert.ok(open.length > 0 && open.length <= rules.maxOutstandingR2T, `${open.length} open sequences`);
    const sequence = open[random.below(open.length)] as Sequence;
    const { from, to } = sequence.pieces.shift() as { from: number; to: number };
    const final = sequence.pieces.length === 0;
    open = open.filter(({ pieces }) => pieces.length > 0);
    const { targetTransferTag } = sequence;
    const tagField = targetTransferTag === undefined ? {} : { targetTransferTag };
    initiator.dataOut(tag, data.subarray(from, to), { ...tagField, dataSN: sequence.dataSN++, bufferOffset: from, final });
  }
}

const bursts: readonly { first: number; max: number; segment: number; blocks: number; note: string }[] = [
  { first: 512, max: 512, segment: 512, blocks: 9, note: 'the least bursts' },
  { first: 512, max: 1000, segment: 512, blocks: 12, note: 'bursts that end within a block' },
  { first: 777, max: 1301, segment: 333, blocks: 20, note: 'odd lengths' },
  { first: 4096, max: 4096, segment: 511, blocks: 20, note: 'FirstBurstLength as long as MaxBurstLength' },
  { first: 16777215, max: 16777215, segment: 8191, blocks: 600, note: 'the longest bursts, which the target cuts' },
];

for (const initialR2T of [true, false]) {
  for (const immediateData of [true, false]) {
    for (const dataPDUInOrder of [true, false]) {
      for (const { first, max, segment, blocks, note } of bursts) {
        const names = `InitialR2T=${initialR2T ? 'Yes' : 'No'}, ImmediateData=${immediateData ? 'Yes' : 'No'}, DataPDUInOrder=${dataPDUInOrder ? 'Yes' : 'No'}`;
        test(`${names}, ${note}: every byte is written and read back (RFC 7143 §13.10 to §13.19)`, () => {
          for (const [lun, maxOutstandingR2T, errorRecoveryLevel] of [
            [Lun.view, 1, 0],
            [Lun.copy, 4, 2],
            [Lun.pool, 3, 1],
          ] as const) {
            const scene = new Scene();
            const offered: Rules = {
              initialR2T,
              immediateData,
              dataPDUInOrder,
              maxOutstandingR2T,
              errorRecoveryLevel,
              firstBurstLength: first,
              maxBurstLength: max,
              segmentLength: segment,
            };
            const initiator = loggedIn(scene, { keys: keysOf(offered) });
            const { firstBurstLength, maxBurstLength } = initiator.connection.parameters;
            const rules = { ...offered, maxBurstLength, firstBurstLength: immediateData || !initialR2T ? firstBurstLength : 0 };
            const random = seededRandom(first + max + maxOutstandingR2T);
            const data = random.bytes(blocks * BLOCK);
            const response = write(random, scene, initiator, rules, lun, 3, data);
            assert.is(response.header.getUint8(0) & 0x3f, Opcode.scsiResponse);
            assert.is(response.header.getUint8(3), GOOD);
            assert.is(response.header.getUint32(44), 0, 'no residual');
            assertBytes((scene.stores[lun] as { bytes: Uint8Array }).bytes.subarray(3 * BLOCK, (3 + blocks) * BLOCK), data);
            initiator.transport.output.flush();
            assertReadBack(scene, initiator, lun, data, maxBurstLength);
            initiator.transport.output.flush();
            scene.assertIdle();
          }
        });
      }
    }
  }
}

/** Data-In by MaxRecvDataSegmentLength 512 and MaxBurstLength: DataSN, offsets, and F at the end of each burst. RFC 7143 §11.7. */
function assertReadBack(scene: Scene, initiator: TestInitiator, lun: number, data: Uint8Array, maxBurstLength: number): void {
  initiator.read(3, data.length / BLOCK, { lun });
  scene.dispatcher.completeAll();
  const pdus = initiator.take();
  let offset = 0;
  let burst = 0;
  pdus.forEach((pdu, index) => {
    const { header } = pdu;
    assert.is(readOpcode(header, 0), Opcode.dataIn);
    assert.is(header.getUint32(36), index, 'DataSN');
    assert.is(header.getUint32(40), offset, 'Buffer Offset');
    assert.ok(pdu.data.length > 0 && pdu.data.length <= 512, `${pdu.data.length} bytes`);
    assertBytes(pdu.data, data.subarray(offset, offset + pdu.data.length));
    offset += pdu.data.length;
    burst += pdu.data.length;
    assert.ok(burst <= maxBurstLength, 'no burst is longer than MaxBurstLength');
    const isEnd = burst === maxBurstLength || offset === data.length;
    assert.is((header.getUint8(1) & 0x80) !== 0, isEnd, 'F');
    if (isEnd) burst = 0;
  });
  assert.is(offset, data.length);
}

const KEYS = ['InitialR2T=Yes', 'ImmediateData=No', 'MaxBurstLength=8192', 'MaxOutstandingR2T=2', 'DataPDUInOrder=No'];

for (const [name, second, sense] of [
  ['bytes that have come', { dataSN: 1, bufferOffset: 4096 }, '0b/4b/00'],
  ['a DataSN that skips one', { dataSN: 2, bufferOffset: 0 }, '0b/4b/00'],
  ['F with bytes missing', { dataSN: 1, bufferOffset: 0, final: true }, '0b/0c/0d'],
] as const) {
  test(`DataPDUInOrder=No: ${name} end the command, and nothing is written`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: KEYS });
    const tag = initiator.write(0, 16);
    const { targetTransferTag } = initiator.takeR2T();
    const before = Buffer.from((scene.stores[0] as { bytes: Uint8Array }).bytes.subarray(0, 8192));
    initiator.dataOut(tag, new Uint8Array(1024), { targetTransferTag, bufferOffset: 4096, final: false });
    initiator.dataOut(tag, new Uint8Array(512), { targetTransferTag, final: false, ...second });
    if (!('final' in second)) initiator.dataOut(tag, new Uint8Array(0), { targetTransferTag, dataSN: 3, final: true });
    assert.is(initiator.takeResponse().sense, sense);
    assertBytes((scene.stores[0] as { bytes: Uint8Array }).bytes.subarray(0, 8192), before);
    initiator.transport.output.flush();
    scene.assertIdle();
  });
}

test('DataPDUInOrder=No: more gaps than the limit end the command', () => {
  const scene = new Scene({ limits: { dataOutPieceCountMax: 16 } });
  const initiator = loggedIn(scene, { keys: KEYS });
  const tag = initiator.write(0, 16);
  const { targetTransferTag } = initiator.takeR2T();
  for (let n = 0; n < 17; n++) {
    initiator.assertSilent();
    initiator.dataOut(tag, new Uint8Array(4), { targetTransferTag, dataSN: n, bufferOffset: n * 8, final: false });
  }
  initiator.dataOut(tag, new Uint8Array(0), { targetTransferTag, dataSN: 17, final: true });
  assert.is(initiator.takeResponse().sense, '0b/4b/00');
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
