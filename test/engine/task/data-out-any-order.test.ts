import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DataOutPdu, emptyDataOut, RESERVED_TAG } from '../../../engine/pdu/index.js';
import { DataOutTransfer, DataOutVerdict, type OutstandingR2T } from '../../../engine/task/data-out-transfer.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';

/** DataPDUInOrder=No, RFC 7143 §13.18. Bursts that are multiples of nothing. */
const BURST = 1000;
const FIRST_BURST = 777;
const PIECE_COUNT_MAX = 64;
const { accepted, unexpected, wrongDataSN, wrongOffset, tooLong, wrongFinal, tooScattered } = DataOutVerdict;

let nextTag = 1;
const takeTag = () => nextTag++;

function begin(expectedLength: number, immediateLength = 0, unsolicitedOpen = false, pieceCountMax = PIECE_COUNT_MAX): DataOutTransfer {
  const transfer = new DataOutTransfer();
  transfer.begin(expectedLength, immediateLength, unsolicitedOpen, FIRST_BURST, pieceCountMax);
  return transfer;
}

function pdu(fields: Partial<DataOutPdu>): DataOutPdu {
  return { ...emptyDataOut(), targetTransferTag: RESERVED_TAG, ...fields };
}

function deliver(transfer: DataOutTransfer, fields: Partial<DataOutPdu>, lengthBytes: number): DataOutVerdict {
  const header = pdu(fields);
  const verdict = transfer.check(header, lengthBytes);
  if (verdict === accepted) transfer.accept(header, lengthBytes);
  return verdict;
}

function solicit(transfer: DataOutTransfer, maxOutstandingR2T: number): OutstandingR2T[] {
  const sent: OutstandingR2T[] = [];
  for (let next = transfer.nextR2T(takeTag, BURST, maxOutstandingR2T); next !== null; next = transfer.nextR2T(takeTag, BURST, maxOutstandingR2T))
    sent.push(next);
  return sent;
}

test('a burst from its end to its beginning', () => {
  const transfer = begin(1000);
  const [{ targetTransferTag }] = solicit(transfer, 1) as [OutstandingR2T];
  assert.is(deliver(transfer, { targetTransferTag, dataSN: 0, bufferOffset: 600 }, 400), accepted);
  assert.is(deliver(transfer, { targetTransferTag, dataSN: 1, bufferOffset: 300 }, 300), accepted);
  assert.not.ok(transfer.isComplete);
  assert.is(deliver(transfer, { targetTransferTag, dataSN: 2, bufferOffset: 0, final: true }, 300), accepted);
  assert.ok(transfer.isComplete);
  assert.is(transfer.receivedLength, 1000);
});

test('an in-order command after one in any order is held to the order again', () => {
  const transfer = begin(1000);
  transfer.begin(1000, 0, false, FIRST_BURST);
  const [{ targetTransferTag }] = solicit(transfer, 1) as [OutstandingR2T];
  assert.is(transfer.check(pdu({ targetTransferTag, bufferOffset: 600 }), 400), wrongOffset);
});

const solicitedCases: readonly [string, Partial<DataOutPdu>, number, DataOutVerdict][] = [
  ['what is missing in the middle', { dataSN: 1, bufferOffset: 400 }, 200, accepted],
  ['what is missing at the beginning', { dataSN: 1 }, 400, accepted],
  ['a DataSN that was used', { dataSN: 0 }, 400, wrongDataSN],
  ['a skipped DataSN', { dataSN: 2 }, 400, wrongDataSN],
  ['bytes that have come', { dataSN: 1, bufferOffset: 600 }, 100, wrongOffset],
  ['one byte that has come', { dataSN: 1, bufferOffset: 500 }, 101, wrongOffset],
  ['all of the burst again', { dataSN: 1 }, 1000, wrongOffset],
  ['bytes behind the burst', { dataSN: 1, bufferOffset: 900 }, 101, tooLong],
  ['F with bytes missing', { dataSN: 1, bufferOffset: 0, final: true }, 400, wrongFinal],
  ['nothing, with F, with bytes missing', { dataSN: 1, bufferOffset: 0, final: true }, 0, wrongFinal],
  ['nothing', { dataSN: 1, bufferOffset: 0 }, 0, accepted],
];

for (const [name, fields, lengthBytes, verdict] of solicitedCases) {
  test(`solicited, bytes 600 to 900 of 1000 are here: ${name}`, () => {
    const transfer = begin(2000);
    const [{ targetTransferTag }] = solicit(transfer, 1) as [OutstandingR2T];
    assert.is(deliver(transfer, { targetTransferTag, bufferOffset: 600 }, 300), accepted);
    assert.is(transfer.check(pdu({ targetTransferTag, ...fields }), lengthBytes), verdict);
  });
}

test('bytes before the burst belong to another R2T', () => {
  const transfer = begin(2000);
  const [, second] = solicit(transfer, 2) as [OutstandingR2T, OutstandingR2T];
  assert.is(transfer.check(pdu({ targetTransferTag: second.targetTransferTag, bufferOffset: 900 }), 100), wrongOffset);
});

test('the PDU that makes a burst whole must carry F', () => {
  const transfer = begin(1000);
  const [{ targetTransferTag }] = solicit(transfer, 1) as [OutstandingR2T];
  deliver(transfer, { targetTransferTag, bufferOffset: 500 }, 500);
  assert.is(transfer.check(pdu({ targetTransferTag, dataSN: 1 }), 500), wrongFinal);
});

const unsolicitedCases: readonly [string, Partial<DataOutPdu>, number, DataOutVerdict][] = [
  ['the rest of the first burst', { dataSN: 1, bufferOffset: 100, final: true }, 400, accepted],
  ['the rest without F', { dataSN: 1, bufferOffset: 100 }, 400, wrongFinal],
  ['an early end with a gap', { dataSN: 1, bufferOffset: 300, final: true }, 200, wrongFinal],
  ['an early end with nothing', { dataSN: 1, bufferOffset: 777, final: true }, 0, wrongFinal],
  ['immediate data again', { dataSN: 1, bufferOffset: 99 }, 100, wrongOffset],
  ['more than the first burst', { dataSN: 1, bufferOffset: 400 }, 378, wrongOffset],
  ['what lies behind the first burst', { dataSN: 1, bufferOffset: 777 }, 1, tooLong],
];

for (const [name, fields, lengthBytes, verdict] of unsolicitedCases) {
  test(`unsolicited, bytes 0 to 100 and 500 to 777 are here: ${name}`, () => {
    const transfer = begin(2000, 100, true);
    assert.is(deliver(transfer, { bufferOffset: 500 }, 277), accepted);
    assert.is(transfer.check(pdu(fields), lengthBytes), verdict);
  });
}

test('unsolicited data has to fill the first burst, in whatever order (RFC 7143 §4.2.5.2)', () => {
  const transfer = begin(2000, 100, true);
  assert.is(deliver(transfer, { bufferOffset: 300 }, FIRST_BURST - 300), accepted);
  assert.is(transfer.check(pdu({ dataSN: 1, bufferOffset: 100, final: true }), 100), wrongFinal);
  assert.is(deliver(transfer, { dataSN: 1, bufferOffset: 100, final: true }, 200), accepted);
  assert.equal(
    solicit(transfer, 4).map((r2t) => [r2t.nextOffset, r2t.endOffset]),
    [
      [777, 1777],
      [1777, 2000],
    ],
  );
});

test('more gaps than are kept count of end the sequence, filling a gap does not', () => {
  const transfer = begin(1000, 0, false, 16);
  const [{ targetTransferTag }] = solicit(transfer, 1) as [OutstandingR2T];
  for (let n = 0; n < 16; n++) assert.is(deliver(transfer, { targetTransferTag, dataSN: n, bufferOffset: 2 * n + 1 }, 1), accepted);
  assert.is(transfer.check(pdu({ targetTransferTag, dataSN: 16, bufferOffset: 40 }), 1), tooScattered);
  assert.is(deliver(transfer, { targetTransferTag, dataSN: 16, bufferOffset: 2 }, 1), accepted);
  assert.is(transfer.check(pdu({ targetTransferTag, dataSN: 17, bufferOffset: 40 }), 1), accepted);
});

interface Piece {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Cuts `[from, to)` into pieces and mixes them. */
function scatter(random: SeededRandom, from: number, to: number): Piece[] {
  const pieces: Piece[] = [];
  for (let offset = from; offset < to; ) {
    const lengthBytes = Math.min(to - offset, 1 + random.below(300));
    pieces.splice(random.below(pieces.length + 1), 0, { offset, lengthBytes });
    offset += lengthBytes;
  }
  return pieces;
}

interface Sequence {
  readonly targetTransferTag: number;
  readonly pieces: Piece[];
  dataSN: number;
}

test('any order of any cut of any command brings every byte once, sequences in any order too', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const expectedLength = 1 + random.below(6000);
    const firstEnd = Math.min(expectedLength, FIRST_BURST);
    const immediateLength = random.boolean() ? random.below(firstEnd) : 0;
    const unsolicitedOpen = random.boolean();
    const transfer = begin(expectedLength, immediateLength, unsolicitedOpen);
    const seen = new Uint8Array(expectedLength).fill(1, 0, immediateLength);
    const sequence = (targetTransferTag: number, from: number, to: number): Sequence => {
      return { targetTransferTag, pieces: scatter(random, from, to), dataSN: 0 };
    };
    const outstandingMax = 1 + random.below(5);
    let open = unsolicitedOpen ? [sequence(RESERVED_TAG, immediateLength, firstEnd)] : [];
    for (;;) {
      const r2ts = transfer.unsolicitedOpen ? [] : solicit(transfer, outstandingMax);
      open.push(...r2ts.map((r2t) => sequence(r2t.targetTransferTag, r2t.nextOffset, r2t.endOffset)));
      if (open.length === 0) break;
      const chosen = open[random.below(open.length)] as Sequence;
      const { offset, lengthBytes } = chosen.pieces.shift() as Piece;
      const final = chosen.pieces.length === 0;
      const { targetTransferTag } = chosen;
      assert.is(deliver(transfer, { targetTransferTag, dataSN: chosen.dataSN++, bufferOffset: offset, final }, lengthBytes), accepted, `seed ${seed}`);
      assert.not.ok(seen.subarray(offset, offset + lengthBytes).includes(1), 'a byte comes once');
      seen.fill(1, offset, offset + lengthBytes);
      open = open.filter(({ pieces }) => pieces.length > 0);
    }
    assert.ok(transfer.isComplete, `seed ${seed}`);
    assert.not.ok(seen.includes(0), `seed ${seed}: every byte has come`);
  }
});

/** What must be said of a PDU, from a map of every byte. */
function judge(map: Uint8Array, from: number, to: number, final: boolean, start: number, end: number, isUnsolicited: boolean): boolean {
  if (from < start || to > end || map.subarray(from, to).includes(1)) return false;
  const after = map.slice();
  after.fill(1, from, to);
  const whole = !after.subarray(start, end).includes(0);
  if (whole || !final) return whole === final;
  return isUnsolicited && after.lastIndexOf(1) + 1 === after.indexOf(0);
}

test('whatever comes, no byte is taken twice and none outside of its sequence (random PDUs against a map)', () => {
  let acceptedCount = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const expectedLength = 200 + random.below(2400);
    const immediateLength = random.below(100);
    const transfer = begin(expectedLength, immediateLength, random.boolean(), 10_000);
    const map = new Uint8Array(expectedLength + 1).fill(1, 0, immediateLength);
    for (let round = 0; round < 200; round++) {
      if (!transfer.unsolicitedOpen) solicit(transfer, 3);
      const { unsolicitedOpen, outstanding } = transfer;
      const r2t = unsolicitedOpen ? null : outstanding[random.below(outstanding.length)];
      if (r2t === undefined) break;
      const [start, end] = r2t === null ? [immediateLength, Math.min(expectedLength, FIRST_BURST)] : [r2t.startOffset, r2t.endOffset];
      const from = Math.max(0, start - 20 + random.below(end - start + 40));
      // Mostly up to the next byte that is there, so that bursts do end now and then.
      const gapEnd = map.indexOf(1, from);
      const likely = random.below(4) > 0 ? Math.min(end, gapEnd === -1 ? end : gapEnd) : Math.min(from + random.below(60), expectedLength);
      const to = Math.max(from, likely);
      const missing = map.subarray(start, end).reduce((sum, byte) => sum + 1 - byte, 0);
      const final = random.below(8) === 0 || to - from === missing;
      const targetTransferTag = r2t?.targetTransferTag ?? RESERVED_TAG;
      const before = transfer.receivedLength;
      // The DataSN is not the map's business: the one of the two tries that is wanted decides.
      let verdict: DataOutVerdict = wrongDataSN;
      for (let dataSN = 0; verdict === wrongDataSN; dataSN++) verdict = deliver(transfer, { targetTransferTag, dataSN, bufferOffset: from, final }, to - from);
      const expected = judge(map, from, to, final, start, end, r2t === null);
      assert.is(verdict === accepted, expected, `seed ${seed}: ${from} to ${to}${final ? ' F' : ''} of ${start} to ${end}, verdict ${verdict}`);
      if (verdict !== accepted) continue;
      acceptedCount++;
      map.fill(1, from, to);
      assert.is(transfer.receivedLength, before + to - from);
    }
    assert.is(
      transfer.receivedLength,
      map.reduce((sum, byte) => sum + byte, 0),
      `seed ${seed}`,
    );
  }
  assert.ok(acceptedCount > 2000, `${acceptedCount} PDUs were taken`);
  assert.is(begin(100).check(pdu({}), 10), unexpected);
});

test.run();
