import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Asc, SenseKey, writeDescriptorSense, writeFixedSense } from '../../../engine/scsi/sense.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';

const DIRTY_LENGTH = 32;

function fixed(...details: Parameters<typeof writeFixedSense> extends [unknown, ...infer Rest] ? Rest : never): Uint8Array {
  const sense = new Uint8Array(DIRTY_LENGTH).fill(0xee);
  return sense.slice(0, writeFixedSense(sense, ...details));
}

test('fixed sense with a field pointer to a bit of the CDB (SPC-4 §4.5.3)', () => {
  const sense = fixed(SenseKey.illegalRequest, Asc.invalidFieldInCdb, { fieldPointer: { byte: 1, bit: 7, inCdb: true } });
  assertBytes(sense, hex('70 00 05 00000000 0a 00000000 24 00 00 cf 0001'));
});

test('fixed sense with a field pointer to a byte of a parameter list', () => {
  const sense = fixed(SenseKey.illegalRequest, Asc.invalidFieldInParameterList, { fieldPointer: { byte: 0x0102, inCdb: false } });
  assertBytes(sense, hex('70 00 05 00000000 0a 00000000 26 00 00 80 0102'));
});

test('fixed sense with INFORMATION sets VALID', () => {
  assertBytes(fixed(SenseKey.mediumError, Asc.unrecoveredReadError, { information: 0x89abcdef }), hex('f0 00 03 89abcdef 0a 00000000 11 00 00 000000'));
});

test('fixed sense leaves out INFORMATION that needs more than 32 bits', () => {
  assertBytes(fixed(SenseKey.mediumError, Asc.unrecoveredReadError, { information: 0x1_0000_0000 }), hex('70 00 03 00000000 0a 00000000 11 00 00 000000'));
});

test('descriptor sense without descriptors (SPC-4 §4.5.2)', () => {
  const sense = new Uint8Array(DIRTY_LENGTH).fill(0xee);
  assert.is(writeDescriptorSense(sense, SenseKey.unitAttention, Asc.reportedLunsDataHasChanged), 8);
  assertBytes(sense.slice(0, 8), hex('72 06 3f 0e 00000000'));
});

test.run();
