import { deepStrictEqual, ok } from 'node:assert';
import { emptyAhs, parseAhs } from '../../engine/pdu/index.js';
import type { FuzzTarget } from './fuzzer.js';

const LENGTH_BYTES_MAX = 1020;

/** The segments by the letter of RFC 7143 §11.2.2, written apart from the engine: null when there is something wrong. */
function referenceAhs(bytes: Uint8Array): { cdb: number[] | null; readLength: number | null } | null {
  let cdb: number[] | null = null;
  let readLength: number | null = null;
  for (let rest = Array.from(bytes); rest.length > 0; ) {
    const [high, low, type] = rest;
    if (high === undefined || low === undefined || type === undefined || rest.length < 4) return null;
    const length = high * 256 + low;
    const body = rest.slice(4, 3 + length);
    const whole = Math.ceil((3 + length) / 4) * 4;
    if (length === 0 || whole > rest.length) return null;
    if (type === 1 && cdb === null && body.length >= 1 && body.length <= 244) cdb = body;
    else if (type === 2 && readLength === null && length === 5) readLength = body.reduce((sum, byte) => sum * 256 + byte, 0);
    else return null;
    rest = rest.slice(whole);
  }
  return { cdb, readLength };
}

/** Additional header segments: what the engine reads is what the reference reads, and nothing outside of the segments. */
export const ahsTarget: FuzzTarget = {
  name: 'ahs',
  lengthBytesMax: LENGTH_BYTES_MAX,
  seeds: [
    Buffer.from('0011010000112233445566778899aabbccddeeff', 'hex'),
    Buffer.from('0005020000001000', 'hex'),
    Buffer.from('00050200000010000005010055667788', 'hex'),
    Buffer.concat([Buffer.from('00f50100', 'hex'), Buffer.alloc(244, 0x5a), Buffer.from('0005020000010000', 'hex')]),
  ],
  run(input) {
    const whole = input.subarray(0, input.length & ~3);
    // Bytes before and behind that would be seen if they were read.
    const memory = new Uint8Array(whole.length + 16).fill(0xee);
    memory.set(whole, 8);
    const fields = emptyAhs();
    const isRight = parseAhs(new DataView(memory.buffer), 8, whole.length, fields);
    const expected = referenceAhs(whole);
    deepStrictEqual(isRight, expected !== null);
    if (expected === null) return;
    const { extendedCdbAt: at, extendedCdbLength: length, bidirectionalReadLength } = fields;
    deepStrictEqual(at === -1 ? null : Array.from(memory.subarray(at, at + length)), expected.cdb);
    deepStrictEqual(bidirectionalReadLength === -1 ? null : bidirectionalReadLength, expected.readLength);
    ok(at === -1 || (at >= 8 && at + length <= 8 + whole.length), 'the CDB lies within the segments');
  },
};
