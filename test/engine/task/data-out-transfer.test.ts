import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DataOutPdu, emptyDataOut, RESERVED_TAG } from '../../../engine/pdu/index.js';
import { DataOutTransfer, DataOutVerdict, type OutstandingR2T } from '../../../engine/task/data-out-transfer.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';

const BURST = 1000;
const FIRST_BURST = 500;

let nextTag = 1;
const takeTag = () => nextTag++;

function begin(expectedLength: number, immediateLength = 0, unsolicitedOpen = false): DataOutTransfer {
  const transfer = new DataOutTransfer();
  transfer.begin(expectedLength, immediateLength, unsolicitedOpen, FIRST_BURST);
  return transfer;
}

function pdu(fields: Partial<DataOutPdu>): DataOutPdu {
  return { ...emptyDataOut(), targetTransferTag: RESERVED_TAG, ...fields };
}

/** All R2Ts that may be sent now. */
function solicit(transfer: DataOutTransfer, maxOutstandingR2T: number): OutstandingR2T[] {
  const sent: OutstandingR2T[] = [];
  for (let next = transfer.nextR2T(takeTag, BURST, maxOutstandingR2T); next !== null; next = transfer.nextR2T(takeTag, BURST, maxOutstandingR2T))
    sent.push(next);
  return sent;
}

function deliver(transfer: DataOutTransfer, fields: Partial<DataOutPdu>, lengthBytes: number): DataOutVerdict {
  const header = pdu(fields);
  const verdict = transfer.check(header, lengthBytes);
  if (verdict === DataOutVerdict.accepted) transfer.accept(header, lengthBytes);
  return verdict;
}

test('immediate data alone', () => {
  const transfer = begin(300, 300);
  assert.ok(transfer.isComplete);
  assert.not.ok(transfer.isExpecting);
  assert.equal(solicit(transfer, 4), []);
});

test('a command without Data-Out is complete', () => {
  assert.ok(begin(0).isComplete);
});

test('an unsolicited sequence, then R2Ts for the rest, several at a time', () => {
  const transfer = begin(3600, 100, true);
  assert.ok(transfer.isExpecting);
  assert.is(deliver(transfer, { dataSN: 0, bufferOffset: 100 }, 250), DataOutVerdict.accepted);
  assert.is(deliver(transfer, { dataSN: 1, bufferOffset: 350, final: true }, 150), DataOutVerdict.accepted);
  assert.not.ok(transfer.isExpecting);
  assert.not.ok(transfer.isComplete);
  const [first, second, ...more] = solicit(transfer, 2) as [OutstandingR2T, OutstandingR2T];
  assert.is(more.length, 0, 'two at a time');
  assert.equal([first.nextOffset, first.endOffset, second.nextOffset, second.endOffset], [500, 1500, 1500, 2500]);
  // DataSequenceInOrder=Yes asks the initiator to answer R2Ts in turn; one that does not loses nothing.
  assert.is(deliver(transfer, { targetTransferTag: second.targetTransferTag, bufferOffset: 1500, final: true }, 1000), DataOutVerdict.accepted);
  const [third] = solicit(transfer, 2) as [OutstandingR2T];
  assert.equal([third.nextOffset, third.endOffset], [2500, 3500]);
  assert.is(deliver(transfer, { targetTransferTag: third.targetTransferTag, bufferOffset: 2500, final: true }, 1000), DataOutVerdict.accepted);
  const [fourth] = solicit(transfer, 2) as [OutstandingR2T];
  assert.equal([fourth.nextOffset, fourth.endOffset], [3500, 3600]);
  assert.is(deliver(transfer, { targetTransferTag: fourth.targetTransferTag, bufferOffset: 3500, final: true }, 100), DataOutVerdict.accepted);
  assert.not.ok(transfer.isComplete, 'the first is still open');
  assert.is(deliver(transfer, { targetTransferTag: first.targetTransferTag, bufferOffset: 500, final: true }, 1000), DataOutVerdict.accepted);
  assert.ok(transfer.isComplete);
  assert.is(transfer.receivedLength, 3600);
});

test('only what the command wants is asked for', () => {
  const transfer = begin(5000);
  transfer.wantedLength = 1200;
  assert.equal(
    solicit(transfer, 8).map((r2t) => [r2t.nextOffset, r2t.endOffset]),
    [
      [0, 1000],
      [1000, 1200],
    ],
  );
});

test('R2TSN counts the R2Ts of a command and begins anew with the next', () => {
  const transfer = begin(2500);
  const sent = [transfer.nextR2T(takeTag, BURST, 8), transfer.nextR2T(takeTag, BURST, 8), transfer.nextR2T(takeTag, BURST, 8)];
  assert.equal(
    sent.map((next) => next?.r2tSN),
    [0, 1, 2],
  );
  transfer.begin(100, 0, false, FIRST_BURST);
  assert.is(transfer.nextR2T(takeTag, BURST, 8)?.r2tSN, 0);
  assert.is(transfer.outstanding.length, 1, 'nothing is left of the last command');
});

const { accepted, unexpected, wrongDataSN, wrongOffset, tooLong, wrongFinal } = DataOutVerdict;
const unsolicitedCases: readonly [string, Partial<DataOutPdu>, number, DataOutVerdict][] = [
  ['the next piece', { bufferOffset: 100 }, 100, accepted],
  ['a shorter end than the first burst', { bufferOffset: 100, final: true }, 100, wrongFinal],
  ['nothing but F', { bufferOffset: 100, final: true }, 0, wrongFinal],
  ['all of the first burst', { bufferOffset: 100, final: true }, 400, accepted],
  ['a skipped DataSN', { dataSN: 1, bufferOffset: 100 }, 100, wrongDataSN],
  ['an offset in what has arrived', { bufferOffset: 96 }, 100, wrongOffset],
  ['an offset with a gap', { bufferOffset: 104 }, 100, wrongOffset],
  ['more than the first burst', { bufferOffset: 100, final: true }, 404, tooLong],
  ['the end of the first burst without F', { bufferOffset: 100 }, 400, wrongFinal],
  ['an R2T that was never sent', { targetTransferTag: 0x7777, bufferOffset: 100 }, 100, unexpected],
];

for (const [name, fields, lengthBytes, verdict] of unsolicitedCases) {
  test(`unsolicited: ${name}`, () => assert.is(begin(2000, 100, true).check(pdu(fields), lengthBytes), verdict));
}

test('unsolicited data ends at the expected length, when that comes before the first burst', () => {
  assert.is(begin(300, 100, true).check(pdu({ bufferOffset: 100, final: true }), 204), tooLong);
  assert.is(begin(300, 100, true).check(pdu({ bufferOffset: 100 }), 200), wrongFinal);
});

test('unsolicited data of a command that announced none, or has ended its sequence', () => {
  assert.is(begin(300, 100).check(pdu({ bufferOffset: 100 }), 100), unexpected);
  const transfer = begin(2000, 100, true);
  assert.is(deliver(transfer, { bufferOffset: 100, final: true }, 400), accepted);
  assert.is(transfer.check(pdu({ dataSN: 1, bufferOffset: 500 }), 100), unexpected);
});

const solicitedCases: readonly [string, Partial<DataOutPdu>, number, DataOutVerdict][] = [
  ['a piece', {}, 400, accepted],
  ['all of it', { final: true }, 1000, accepted],
  ['a skipped DataSN', { dataSN: 2 }, 400, wrongDataSN],
  ['another offset', { bufferOffset: 4 }, 400, wrongOffset],
  ['more than was asked for', { final: true }, 1004, tooLong],
  ['F too soon', { final: true }, 400, wrongFinal],
  ['no F at the end', {}, 1000, wrongFinal],
];

for (const [name, fields, lengthBytes, verdict] of solicitedCases) {
  test(`solicited: ${name}`, () => {
    const transfer = begin(2000);
    const [r2t] = solicit(transfer, 1) as [OutstandingR2T];
    assert.is(transfer.check(pdu({ targetTransferTag: r2t.targetTransferTag, ...fields }), lengthBytes), verdict);
  });
}

test('a poisoned transfer is only waited for: F ends each sequence, whatever else a PDU says', () => {
  const transfer = begin(4000, 0, true);
  deliver(transfer, { final: true }, 500);
  const [first, second] = solicit(transfer, 2) as [OutstandingR2T, OutstandingR2T];
  transfer.poisoned = true;
  transfer.skip(pdu({ targetTransferTag: first.targetTransferTag, dataSN: 9, bufferOffset: 3 }));
  assert.is(transfer.outstanding.length, 2, 'not its last PDU');
  transfer.skip(pdu({ targetTransferTag: 0x7777, final: true }));
  assert.is(transfer.outstanding.length, 2, 'no sequence of this command');
  transfer.skip(pdu({ targetTransferTag: second.targetTransferTag, final: true }));
  assert.ok(transfer.isExpecting);
  transfer.skip(pdu({ targetTransferTag: first.targetTransferTag, final: true }));
  assert.not.ok(transfer.isExpecting);
  const unsolicited = begin(400, 0, true);
  unsolicited.poisoned = true;
  unsolicited.skip(pdu({ final: true }));
  assert.not.ok(unsolicited.isExpecting);
});

/** Cuts `[from, to)` into the PDUs of one sequence. */
function cut(random: SeededRandom, from: number, to: number, targetTransferTag: number): { header: Partial<DataOutPdu>; lengthBytes: number }[] {
  const pdus: { header: Partial<DataOutPdu>; lengthBytes: number }[] = [];
  for (let at = from; at < to; ) {
    const lengthBytes = Math.min(to - at, 1 + random.below(700));
    pdus.push({ header: { targetTransferTag, dataSN: pdus.length, bufferOffset: at, final: at + lengthBytes === to }, lengthBytes });
    at += lengthBytes;
  }
  return pdus;
}

test('any cut of any command brings every byte once', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const expectedLength = 1 + random.below(6000);
    const immediateLength = random.boolean() ? random.below(Math.min(expectedLength, FIRST_BURST)) : 0;
    const unsolicitedEnd = Math.min(expectedLength, FIRST_BURST);
    const unsolicitedOpen = random.boolean() && immediateLength < unsolicitedEnd;
    const transfer = begin(expectedLength, immediateLength, unsolicitedOpen);
    const seen = new Uint8Array(expectedLength).fill(1, 0, immediateLength);
    const outstandingMax = 1 + random.below(3);
    let queues = unsolicitedOpen ? [cut(random, immediateLength, unsolicitedEnd, RESERVED_TAG)] : [];
    for (;;) {
      if (!transfer.unsolicitedOpen) {
        for (const r2t of solicit(transfer, outstandingMax)) queues.push(cut(random, r2t.nextOffset, r2t.endOffset, r2t.targetTransferTag));
      }
      assert.ok(transfer.outstanding.length <= outstandingMax);
      if (queues.length === 0) break;
      const { header, lengthBytes } = (queues[random.below(queues.length)] as ReturnType<typeof cut>).shift() as ReturnType<typeof cut>[number];
      assert.is(deliver(transfer, header, lengthBytes), accepted, `seed ${seed}`);
      for (let at = 0; at < lengthBytes; at++) {
        const offset = (header.bufferOffset as number) + at;
        assert.is(seen[offset], 0, 'a byte comes once');
        seen[offset] = 1;
      }
      queues = queues.filter((queue) => queue.length > 0);
    }
    assert.ok(transfer.isComplete);
    assert.not.ok(seen.includes(0), 'every byte has come');
  }
});

test.run();
