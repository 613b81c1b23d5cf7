import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BHS_LENGTH, readDataSegmentLength, readOpcode } from '../../../engine/pdu/bhs.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';

/**
 * One PDU by hand from RFC 7143: what the codec is measured against. All hex is 48 bytes and written without the help of the code
 * under test.
 */
export interface CodecCase<T> {
  readonly name: string;
  readonly opcode: number;
  /** The offsets of the codec, whose end must be the end of the BHS. */
  readonly offsets: { readonly end: number };
  /** A golden PDU and the value it stands for. Its DataSegmentLength is handed to the encoder. */
  readonly wire: string;
  readonly value: T;
  /** Bits that carry a field. Whatever a peer sends in the others must not be read and must be sent as `fixed` says. */
  readonly mask: string;
  /** Bits that are always set: the opcode, F bits that are always 1, reserved tags. */
  readonly fixed: string;
  encode(value: T, dataSegmentLengthBytes: number, view: DataView, at: number): void;
  decode(view: DataView, at: number): T;
}

/** Codecs work inside larger buffers: bytes before and after the BHS must stay as they are. */
const AT = 12;
const MARGIN_LENGTH = 20;
const DIRT = 0xe5;
const ROUND_COUNT = 500;
const SEED = 0x7143;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Encodes into a dirty buffer and answers the BHS, after a look at what stands around it. */
function encodeAmidDirt<T>(codec: CodecCase<T>, value: T, dataSegmentLengthBytes: number): Uint8Array {
  const buffer = new Uint8Array(AT + BHS_LENGTH + MARGIN_LENGTH).fill(DIRT);
  codec.encode(value, dataSegmentLengthBytes, viewOf(buffer), AT);
  assertBytes(buffer.subarray(0, AT), new Uint8Array(AT).fill(DIRT), 'bytes before the BHS were written');
  assertBytes(buffer.subarray(AT + BHS_LENGTH), new Uint8Array(MARGIN_LENGTH).fill(DIRT), 'bytes behind the BHS were written');
  return buffer.subarray(AT, AT + BHS_LENGTH);
}

function decodeAmidDirt<T>(codec: CodecCase<T>, bhs: Uint8Array): T {
  const buffer = new Uint8Array(AT + BHS_LENGTH + MARGIN_LENGTH).fill(DIRT);
  buffer.set(bhs, AT);
  return codec.decode(viewOf(buffer), AT);
}

/** Registers the tests that every codec has to pass; the file then runs them with `test.run()`. */
export function checkCodec<T>(codec: CodecCase<T>): void {
  const wire = hex(codec.wire);
  const mask = hex(codec.mask);
  const fixed = hex(codec.fixed);

  test(`${codec.name}: fields tile the 48 bytes of the BHS`, () => {
    assert.is(codec.offsets.end, BHS_LENGTH);
    for (const bytes of [wire, mask, fixed]) assert.is(bytes.length, BHS_LENGTH);
  });

  test(`${codec.name}: the golden value encodes to the golden bytes`, () => {
    assertBytes(encodeAmidDirt(codec, codec.value, readDataSegmentLength(viewOf(wire), 0)), wire);
  });

  test(`${codec.name}: the golden bytes decode to the golden value`, () => {
    assert.is(readOpcode(viewOf(wire), 0), codec.opcode);
    assert.equal(decodeAmidDirt(codec, wire), codec.value);
  });

  test(`${codec.name}: reserved bits are not read`, () => {
    assert.equal(
      decodeAmidDirt(
        codec,
        wire.map((byte, i) => byte ^ (0xff & ~(mask[i] as number))),
      ),
      codec.value,
    );
  });

  test(`${codec.name}: every field survives with any value, and reserved bits are sent as zeroes`, () => {
    const random = seededRandom(SEED);
    for (let round = 0; round < ROUND_COUNT; round++) {
      const noise = random.bytes(BHS_LENGTH);
      const expected = noise.map((byte, i) => (byte & (mask[i] as number)) | (fixed[i] as number));
      const value = decodeAmidDirt(codec, noise);
      assertBytes(encodeAmidDirt(codec, value, readDataSegmentLength(viewOf(expected), 0)), expected, `seed ${SEED}, round ${round}`);
    }
  });
}
