import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReceiveCursor } from '../../../engine/net/receive-cursor.js';
import { BHS_LENGTH, crc32c, type FramingFault, type PduReceiver, paddedLength, writeDigest, writeLengths } from '../../../engine/pdu/index.js';

const LENGTH_MAX = 4096;

interface PduParts {
  readonly ahsLength?: number;
  readonly dataLength?: number;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly corrupt?: 'header' | 'data' | 'header-digest' | 'data-digest' | 'padding';
}

/** Bytes of one PDU, built here by hand: opcode and tag from `seed`, data that no two PDUs share. */
function pduBytes(seed: number, parts: PduParts): Buffer {
  const { ahsLength = 0, dataLength = 0, headerDigest = false, dataDigest = false, corrupt } = parts;
  const headerLength = BHS_LENGTH + ahsLength;
  const dataAt = headerLength + (headerDigest ? 4 : 0);
  const dataEnd = dataAt + paddedLength(dataLength);
  const bytes = Buffer.alloc(dataEnd + (dataDigest && dataLength > 0 ? 4 : 0));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < headerLength; i++) bytes[i] = (seed * 31 + i * 7) & 0xff;
  writeLengths(view, 0, ahsLength, dataLength);
  for (let i = 0; i < dataLength; i++) bytes[dataAt + i] = (seed * 17 + i * 13 + (i >> 8)) & 0xff;
  if (headerDigest) writeDigest(crc32c(bytes, 0, headerLength), view, headerLength);
  if (dataDigest && dataLength > 0) writeDigest(crc32c(bytes, dataAt, dataEnd), view, dataEnd);
  const flipAt = { header: 20, data: dataAt + 1, 'header-digest': headerLength, 'data-digest': dataEnd, padding: dataEnd - 1 };
  if (corrupt !== undefined) bytes[flipAt[corrupt]] = (bytes[flipAt[corrupt]] as number) ^ 0x40;
  return bytes;
}

/** What a receiver saw, in a form that can be compared; landed data is put where gathered data would be. */
interface Seen {
  header: string;
  data: string;
  digestRight: boolean;
}

type Placing = 'in-place' | 'land' | 'discard';

class Recorder implements PduReceiver {
  readonly seen: Seen[] = [];
  readonly faults: FramingFault[] = [];
  cursor: ReceiveCursor | null = null;
  placing: Placing = 'in-place';
  readonly landing = Buffer.alloc(LENGTH_MAX + 16, 0xee);
  onPdu: (count: number) => void = () => {};
  onHeaderExtra: (dataLength: number) => void = () => {};
  #header = '';

  onHeader(bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    const header = Buffer.from(bytes.subarray(at, at + BHS_LENGTH + ahsLengthBytes));
    assert.is(view.getUint32(at), header.readUInt32BE(0), 'view and bytes show the same memory');
    assert.is(view.getUint32(at + 4) & 0xffffff, dataSegmentLengthBytes);
    this.#header = header.toString('hex');
    if (this.placing === 'land') this.cursor?.landIn(this.landing, 8, dataSegmentLengthBytes);
    if (this.placing === 'discard') this.cursor?.discardData();
    this.onHeaderExtra(dataSegmentLengthBytes);
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    let data = Buffer.from(bytes.subarray(at, at + lengthBytes)).toString('hex');
    if (this.placing === 'land' && lengthBytes > 0) data = this.landing.toString('hex', 8, 8 + lengthBytes);
    if (this.placing === 'discard') data = `${lengthBytes} dropped`;
    this.seen.push({ header: this.#header, data, digestRight });
    this.onPdu(this.seen.length);
  }

  onFramingFault(fault: FramingFault, bytes: Uint8Array, at: number): void {
    assert.ok(at + BHS_LENGTH <= bytes.length, 'the header that broke the stream can be read');
    this.faults.push(fault);
  }
}

function recorder(options: { headerDigest?: boolean; dataDigest?: boolean; placing?: Placing; lengthMax?: number } = {}): Recorder & { cursor: ReceiveCursor } {
  const receiver = new Recorder();
  const cursor = new ReceiveCursor(receiver, options.lengthMax ?? LENGTH_MAX);
  cursor.headerDigest = options.headerDigest ?? false;
  cursor.dataDigest = options.dataDigest ?? false;
  receiver.cursor = cursor;
  receiver.placing = options.placing ?? 'in-place';
  return receiver as Recorder & { cursor: ReceiveCursor };
}

/** Every shape a PDU can have: AHS or not, and data of all paddings, none included. */
const shapes: readonly PduParts[] = [
  {},
  { dataLength: 1 },
  { dataLength: 2, ahsLength: 8 },
  { dataLength: 3 },
  { dataLength: 4 },
  { ahsLength: 256 },
  { dataLength: 61, ahsLength: 4 },
];

function streamOf(headerDigest: boolean, dataDigest: boolean, parts: readonly PduParts[] = shapes): Buffer {
  return Buffer.concat(parts.map((part, seed) => pduBytes(seed + 1, { ...part, headerDigest, dataDigest })));
}

function expectedOf(placing: Placing, parts: readonly PduParts[] = shapes): Seen[] {
  return parts.map((part, seed) => {
    const bytes = pduBytes(seed + 1, part);
    const headerLength = BHS_LENGTH + (part.ahsLength ?? 0);
    const dataLength = part.dataLength ?? 0;
    const data = placing === 'discard' ? `${dataLength} dropped` : bytes.toString('hex', headerLength, headerLength + dataLength);
    return { header: bytes.toString('hex', 0, headerLength), data, digestRight: true };
  });
}

const digestCases: readonly (readonly [boolean, boolean])[] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];
const placings: readonly Placing[] = ['in-place', 'land', 'discard'];

for (const [headerDigest, dataDigest] of digestCases) {
  for (const placing of placings) {
    test(`whole, split at every byte and byte by byte are the same (digests ${headerDigest}/${dataDigest}, ${placing})`, () => {
      const stream = streamOf(headerDigest, dataDigest);
      const expected = expectedOf(placing);
      for (let split = 0; split <= stream.length; split++) {
        const receiver = recorder({ headerDigest, dataDigest, placing });
        // Copies, so that a cursor that keeps a view of a chunk it was done with would be caught.
        const first = Buffer.from(stream.subarray(0, split));
        receiver.cursor.push(first);
        first.fill(0xaa);
        receiver.cursor.push(Buffer.from(stream.subarray(split)));
        assert.equal(receiver.seen, expected, `split at ${split}`);
      }
      const receiver = recorder({ headerDigest, dataDigest, placing });
      const oneByte = Buffer.alloc(1);
      for (const byte of stream) {
        oneByte[0] = byte;
        receiver.cursor.push(oneByte);
      }
      assert.equal(receiver.seen, expected);
      assert.equal(receiver.faults, []);
    });
  }
}

test('a chunk that starts inside a larger buffer is read at its own offset', () => {
  const stream = streamOf(true, true);
  const slab = Buffer.concat([Buffer.alloc(13, 0x77), stream]);
  const receiver = recorder({ headerDigest: true, dataDigest: true });
  receiver.cursor.push(slab.subarray(13));
  assert.equal(receiver.seen, expectedOf('in-place'));
});

test('data that lies whole in the chunk is handed over in place, data that straddles is gathered', () => {
  const bytes = pduBytes(5, { dataLength: 100 });
  const places: Uint8Array[] = [];
  const receiver: PduReceiver = { onHeader() {}, onData: (memory) => places.push(memory), onFramingFault() {} };
  const cursor = new ReceiveCursor(receiver, LENGTH_MAX);
  cursor.push(bytes);
  assert.is(places[0], bytes);
  cursor.push(bytes.subarray(0, 60));
  cursor.push(bytes.subarray(60));
  assert.is(places.length, 2);
  assert.is(places[1]?.length, 100, 'gathered memory holds this data segment and nothing else');
});

test('memory for a segment that then came whole in one chunk is not used for the next, longer one', () => {
  const short = pduBytes(5, { dataLength: 20 });
  const long = pduBytes(6, { dataLength: 100 });
  const lengths: number[] = [];
  const receiver: PduReceiver = { onHeader() {}, onData: (_memory, _at, lengthBytes) => lengths.push(lengthBytes), onFramingFault() {} };
  const cursor = new ReceiveCursor(receiver, LENGTH_MAX);
  for (const piece of [short.subarray(0, 48), short.subarray(48), long.subarray(0, 60), long.subarray(60)]) cursor.push(piece);
  assert.equal(lengths, [20, 100]);
});

test('isDataContiguous tells whether the data segment with padding and digest lies in the chunk', () => {
  const bytes = pduBytes(1, { dataLength: 5, dataDigest: true });
  for (const [lengthBytes, contiguous] of [
    [bytes.length, true],
    [bytes.length - 1, false],
    [BHS_LENGTH, false],
  ] as const) {
    const receiver = recorder({ dataDigest: true });
    const answers: boolean[] = [];
    receiver.onHeaderExtra = () => answers.push(receiver.cursor.isDataContiguous);
    receiver.cursor.push(bytes.subarray(0, lengthBytes));
    assert.equal(answers, [contiguous], `${lengthBytes} bytes`);
  }
  const receiver = recorder();
  receiver.onHeaderExtra = () => assert.ok(receiver.cursor.isDataContiguous, 'no data is always there');
  receiver.cursor.push(pduBytes(2, {}));
});

test('a landing takes lengthMax bytes and the rest is dropped, wherever the stream is split', () => {
  const bytes = pduBytes(3, { dataLength: 50, dataDigest: true });
  const data = bytes.subarray(BHS_LENGTH, BHS_LENGTH + 50);
  for (let split = 0; split <= bytes.length; split++) {
    const receiver = recorder({ dataDigest: true });
    const target = Buffer.alloc(64, 0xee);
    receiver.onHeaderExtra = () => receiver.cursor.landIn(target, 10, 20);
    receiver.cursor.push(bytes.subarray(0, split));
    receiver.cursor.push(bytes.subarray(split));
    assert.equal(target, Buffer.concat([Buffer.alloc(10, 0xee), data.subarray(0, 20), Buffer.alloc(34, 0xee)]), `split at ${split}`);
    assert.is(receiver.seen[0]?.digestRight, true, 'the digest covers what was dropped');
  }
});

test('a landing or a discard holds for one PDU only', () => {
  const receiver = recorder({ placing: 'land' });
  receiver.cursor.push(pduBytes(1, { dataLength: 8 }));
  receiver.placing = 'in-place';
  receiver.cursor.push(pduBytes(2, { dataLength: 8 }));
  receiver.placing = 'discard';
  receiver.cursor.push(pduBytes(3, { dataLength: 8 }));
  receiver.placing = 'in-place';
  receiver.cursor.push(pduBytes(4, { dataLength: 8 }));
  const dataOf = (seed: number): string => pduBytes(seed, { dataLength: 8 }).toString('hex', BHS_LENGTH);
  assert.equal(
    receiver.seen.map(({ data }) => data),
    [dataOf(1), dataOf(2), '8 dropped', dataOf(4)],
  );
});

for (const corrupt of ['header', 'header-digest'] as const) {
  test(`a wrong header digest (${corrupt}) stops the cursor, wherever the stream is split`, () => {
    const bad = pduBytes(2, { headerDigest: true, ahsLength: 8, dataLength: 12, corrupt });
    const stream = Buffer.concat([pduBytes(1, { headerDigest: true }), bad, pduBytes(3, { headerDigest: true })]);
    for (let split = 0; split <= stream.length; split++) {
      const receiver = recorder({ headerDigest: true });
      receiver.cursor.push(stream.subarray(0, split));
      receiver.cursor.push(stream.subarray(split));
      assert.equal(receiver.faults, ['header-digest']);
      assert.is(receiver.seen.length, 1, 'nothing comes behind a broken header');
    }
  });
}

for (const corrupt of ['data', 'data-digest', 'padding'] as const) {
  for (const placing of placings) {
    test(`a wrong data digest (${corrupt}, ${placing}) is told and the stream goes on`, () => {
      const parts = { dataDigest: true, dataLength: 13 };
      const stream = Buffer.concat([pduBytes(1, parts), pduBytes(2, { ...parts, corrupt }), pduBytes(3, parts)]);
      for (let split = 0; split <= stream.length; split++) {
        const receiver = recorder({ dataDigest: true, placing });
        receiver.cursor.push(stream.subarray(0, split));
        receiver.cursor.push(stream.subarray(split));
        assert.equal(
          receiver.seen.map(({ digestRight }) => digestRight),
          [true, false, true],
        );
      }
    });
  }
}

test('padding needs not be zero where no digest covers it', () => {
  const bytes = pduBytes(1, { dataLength: 5 });
  bytes.fill(0xff, bytes.length - 3);
  const receiver = recorder();
  receiver.cursor.push(Buffer.concat([bytes, pduBytes(2, {})]));
  assert.is(receiver.seen.length, 2);
});

test('a data segment above the maximum is a fault before any of it is awaited; one at the maximum is not', () => {
  const receiver = recorder({ lengthMax: 64 });
  receiver.cursor.push(pduBytes(1, { dataLength: 64 }));
  receiver.cursor.push(pduBytes(2, { dataLength: 65 }).subarray(0, BHS_LENGTH));
  assert.is(receiver.seen.length, 1);
  assert.equal(receiver.faults, ['data-segment-too-long']);
  receiver.cursor.push(pduBytes(3, {}));
  assert.is(receiver.seen.length, 1, 'the cursor has stopped');
});

test('the longest AHS there can be is gathered whole', () => {
  const bytes = pduBytes(1, { ahsLength: 1020, headerDigest: true, dataLength: 3 });
  for (const split of [1, 47, 48, 49, 600, 1067, 1068, 1071, 1072, 1073]) {
    const receiver = recorder({ headerDigest: true });
    receiver.cursor.push(bytes.subarray(0, split));
    receiver.cursor.push(bytes.subarray(split));
    assert.is(receiver.seen[0]?.header.length, 2 * 1068, `split at ${split}`);
  }
});

test('digests switched on while a PDU is delivered hold from the next one on, in the same chunk', () => {
  const receiver = recorder();
  receiver.onPdu = () => {
    receiver.cursor.headerDigest = true;
    receiver.cursor.dataDigest = true;
  };
  const parts = { headerDigest: true, dataDigest: true, dataLength: 7 };
  receiver.cursor.push(Buffer.concat([pduBytes(1, { dataLength: 7 }), pduBytes(2, parts), pduBytes(3, parts)]));
  assert.is(receiver.seen.length, 3);
  assert.ok(receiver.seen.every(({ digestRight }) => digestRight));
});

test('paused in onData, the rest waits and comes in order with what is pushed meanwhile', () => {
  const stream = streamOf(false, false);
  for (let split = 0; split <= stream.length; split += 7) {
    const receiver = recorder();
    receiver.onPdu = () => receiver.cursor.pause();
    receiver.cursor.push(Buffer.from(stream.subarray(0, split)));
    receiver.cursor.push(Buffer.from(stream.subarray(split)));
    for (let i = 0; i < shapes.length; i++) {
      const before = receiver.seen.length;
      receiver.cursor.resume();
      assert.ok(receiver.seen.length <= before + 1, 'one PDU a resume');
    }
    assert.equal(receiver.seen, expectedOf('in-place'), `split at ${split}`);
  }
});

test('paused in onHeader, the PDU being delivered is finished first', () => {
  const bytes = pduBytes(1, { dataLength: 20 });
  const receiver = recorder();
  receiver.onHeaderExtra = () => receiver.cursor.pause();
  receiver.cursor.push(bytes.subarray(0, 55));
  assert.ok(receiver.cursor.isPaused);
  receiver.cursor.push(Buffer.concat([bytes.subarray(55), pduBytes(2, {})]));
  assert.is(receiver.seen.length, 1);
  receiver.cursor.resume();
  assert.is(receiver.seen.length, 2);
});

test('resumed within the callback that paused, the cursor goes on without a second loop', () => {
  const receiver = recorder();
  receiver.onPdu = () => {
    receiver.cursor.pause();
    receiver.cursor.resume();
  };
  receiver.cursor.push(streamOf(false, false));
  assert.equal(receiver.seen, expectedOf('in-place'));
});

test('stopped in onHeader, not even the data of that PDU comes', () => {
  const receiver = recorder();
  receiver.onHeaderExtra = () => receiver.cursor.stop();
  receiver.cursor.push(streamOf(false, false));
  receiver.cursor.resume();
  receiver.cursor.push(streamOf(false, false));
  assert.is(receiver.seen.length, 0);
});

test('stopped in onData or half way through a data segment, nothing more comes', () => {
  const receiver = recorder();
  receiver.onPdu = () => receiver.cursor.stop();
  receiver.cursor.push(streamOf(false, false));
  assert.is(receiver.seen.length, 1);
  const half = recorder();
  const bytes = pduBytes(1, { dataLength: 20 });
  half.cursor.push(bytes.subarray(0, 60));
  half.cursor.stop();
  half.cursor.push(bytes.subarray(60));
  assert.is(half.seen.length, 0);
});

test('empty chunks change nothing', () => {
  const receiver = recorder();
  const bytes = pduBytes(1, { dataLength: 9 });
  for (const byte of bytes) {
    receiver.cursor.push(Buffer.alloc(0));
    receiver.cursor.push(Buffer.from([byte]));
  }
  receiver.cursor.push(Buffer.alloc(0));
  assert.is(receiver.seen.length, 1);
});

test.run();
