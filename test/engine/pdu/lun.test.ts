import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { decodeLun, encodeLunHigh, isWellKnownLun, LUN_MAX, LUN_UNSUPPORTED, WELL_KNOWN_REPORT_LUNS } from '../../../engine/pdu/lun.js';

/** SAM-5 "Logical unit numbers": the address method is in bits 7 and 6 of the first byte. */

test('peripheral device addressing names LUNs 0 to 255', () => {
  assert.is(decodeLun(0x0000_0000, 0), 0);
  assert.is(decodeLun(0x0001_0000, 0), 1);
  assert.is(decodeLun(0x00ff_0000, 0), 255);
});

test('peripheral device addressing on another bus names none of ours', () => {
  assert.is(decodeLun(0x0100_0000, 0), LUN_UNSUPPORTED);
  assert.is(decodeLun(0x3f00_0000, 0), LUN_UNSUPPORTED);
});

test('flat space addressing names LUNs 0 to 16383, small ones too', () => {
  assert.is(decodeLun(0x4000_0000, 0), 0);
  assert.is(decodeLun(0x4005_0000, 0), 5);
  assert.is(decodeLun(0x4100_0000, 0), 256);
  assert.is(decodeLun(0x7fff_0000, 0), LUN_MAX);
});

test('well-known logical units stand beyond all LUNs', () => {
  assert.is(decodeLun(0xc101_0000, 0), WELL_KNOWN_REPORT_LUNS);
  assert.is(encodeLunHigh(WELL_KNOWN_REPORT_LUNS), 0xc101_0000);
  assert.ok(isWellKnownLun(WELL_KNOWN_REPORT_LUNS) && !isWellKnownLun(LUN_MAX) && WELL_KNOWN_REPORT_LUNS > LUN_MAX);
});

test('logical unit and other extended forms are none of ours', () => {
  assert.is(decodeLun(0x8001_0000, 0), LUN_UNSUPPORTED);
  assert.is(decodeLun(0xc201_0000, 0), LUN_UNSUPPORTED);
  assert.is(decodeLun(0xc101_0000, 1), LUN_UNSUPPORTED);
  assert.is(decodeLun(0xd200_0001, 0), LUN_UNSUPPORTED);
});

test('a second level is none of ours, wherever its bits stand', () => {
  assert.is(decodeLun(0x0001_0001, 0), LUN_UNSUPPORTED);
  assert.is(decodeLun(0x0001_8000, 0), LUN_UNSUPPORTED);
  assert.is(decodeLun(0x0001_0000, 1), LUN_UNSUPPORTED);
  assert.is(decodeLun(0x0001_0000, 0x8000_0000), LUN_UNSUPPORTED);
  assert.is(decodeLun(0x4001_0000, 1), LUN_UNSUPPORTED);
});

test('LUNs are written in the form that every initiator expects', () => {
  assert.is(encodeLunHigh(0), 0);
  assert.is(encodeLunHigh(255), 0x00ff_0000);
  assert.is(encodeLunHigh(256), 0x4100_0000);
  assert.is(encodeLunHigh(LUN_MAX), 0x7fff_0000);
});

test('every LUN comes back as it was written', () => {
  for (let lun = 0; lun <= LUN_MAX; lun++) assert.is(decodeLun(encodeLunHigh(lun), 0), lun);
});

test('a LUN that cannot be named is a fault of the caller', () => {
  for (const lun of [LUN_MAX + 1, -1, 0x10000])
    assert.throws(
      () => encodeLunHigh(lun),
      (error: unknown) => error instanceof AssertionFailure,
    );
});

test.run();
