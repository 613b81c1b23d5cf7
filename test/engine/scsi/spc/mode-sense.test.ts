import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertData, assertGood, BLOCK, dataInOf, makeUnit, run } from '../scsi-fixture.js';

const BLOCKS = '00000400 00000200';
const ERROR_RECOVERY = `01 0a ${'00'.repeat(10)}`;
const CACHING = `08 12 ${'00'.repeat(18)}`;
const CONTROL = '0a 0a 02 10 00 00 00 00 ffff 0000';
const POWER = `1a 26 ${'00'.repeat(38)}`;
const EXCEPTIONS = `1c 0a 08 ${'00'.repeat(9)}`;
const DISCONNECT = `02 0e ${'00'.repeat(14)}`;
const EXTENSION = `4a 01 001c 07 ${'00'.repeat(27)}`;
const ALL = ERROR_RECOVERY + DISCONNECT + CACHING + CONTROL + POWER + EXCEPTIONS;
const ALL_SUBPAGES = ERROR_RECOVERY + DISCONNECT + CACHING + CONTROL + EXTENSION + POWER + EXCEPTIONS;
const CONTROL_MASK = 'e4 fe 08 40 00 00 00 00 00 00';

test('MODE SENSE (6) of all pages', () => {
  assertData(run(makeUnit(), '1a 00 3f 00 ff 00'), `7b 00 10 08 ${BLOCKS} ${ALL}`);
});

test('MODE SENSE (10) of all pages', () => {
  assertData(run(makeUnit(), '5a 00 3f 00 000000 00ff 00'), `007e 00 10 00 00 0008 ${BLOCKS} ${ALL}`);
});

test('MODE SENSE (6): subpage FFh adds the subpages, of all pages or of one', () => {
  assertData(run(makeUnit(), '1a 00 3f ff ff 00'), `9b 00 10 08 ${BLOCKS} ${ALL_SUBPAGES}`);
  assertData(run(makeUnit(), '1a 08 0a ff ff 00'), `2f 00 10 00 ${CONTROL} ${EXTENSION}`);
  assertData(run(makeUnit(), '1a 08 0a 01 ff 00'), `23 00 10 00 ${EXTENSION}`);
});

test('one page, without a block descriptor', () => {
  assertData(run(makeUnit(), '1a 08 08 00 ff 00'), `17 00 10 00 ${CACHING}`);
  assertData(run(makeUnit(), '5a 08 0a 00 000000 00ff 00'), `0012 00 10 00 00 0000 ${CONTROL}`);
});

test('LLBAA asks for the long LBA block descriptor (SBC-3 "Mode parameter block descriptors")', () => {
  assertData(run(makeUnit(), '5a 10 1c 00 000000 00ff 00'), `0022 00 10 01 00 0010 0000000000000400 00000000 00000200 ${EXCEPTIONS}`);
  assertData(run(makeUnit(), '5a 18 1c 00 000000 00ff 00'), `0012 00 10 00 00 0000 ${EXCEPTIONS}`);
});

test('more blocks than 32 bits count are FFFFFFFFh in the short descriptor', () => {
  const unit = makeUnit({ store: new MemoryStore(BLOCK, { claimedSizeBytes: 0x1_0000_0000 * BLOCK }) });
  assertData(run(unit, '1a 00 1c 00 ff 00'), `17 00 10 08 ffffffff 00000200 ${EXCEPTIONS}`);
  assertData(run(unit, '5a 10 1c 00 000000 00ff 00'), `0022 00 10 01 00 0010 0000000100000000 00000000 00000200 ${EXCEPTIONS}`);
});

test('MODE SENSE (6): changeable values are a mask, default values are the current ones of a new unit', () => {
  assertData(run(makeUnit(), '1a 08 4a 00 ff 00'), `0f 00 10 00 0a 0a ${CONTROL_MASK}`);
  assertData(run(makeUnit(), '1a 08 41 00 ff 00'), `0f 00 10 00 01 0a ${'00'.repeat(10)}`);
  assertData(run(makeUnit(), '1a 08 8a 00 ff 00'), `0f 00 10 00 ${CONTROL}`);
});

test('MODE SENSE (10): saved values are SAVING PARAMETERS NOT SUPPORTED where nothing is kept', () => {
  assertCheck(run(makeUnit(), '1a 08 ca 00 ff 00'), '05/39/00');
  assertCheck(run(makeUnit(), '5a 08 ff 00 000000 00ff 00'), '05/39/00');
});

test('a page or subpage that is not there is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), '1a 08 03 00 ff 00'), '05/24/00', '2.5');
  assertCheck(run(makeUnit(), '1a 08 03 ff ff 00'), '05/24/00', '2.5');
  assertCheck(run(makeUnit(), '1a 08 0a 02 ff 00'), '05/24/00', '3');
  assertCheck(run(makeUnit(), '5a 08 3f 01 000000 00ff 00'), '05/24/00', '3');
});

test('WP tells a read-only medium', () => {
  assertData(run(makeUnit({ readOnly: true }), '1a 08 1c 00 ff 00'), `0f 00 90 00 ${EXCEPTIONS}`);
});

test('WCE is set where a flush makes data durable', () => {
  const wce = (durability: 'none' | 'process' | 'power-loss') => {
    const command = run(makeUnit({ store: new MemoryStore(BLOCK, { durability }) }), '1a 08 08 00 ff 00');
    assertGood(command);
    return (dataInOf(command)[6] as number) & 0x04;
  };
  assert.is(wce('power-loss'), 0x04);
  assert.is(wce('process'), 0);
  assert.is(wce('none'), 0);
});

test('the allocation length cuts the data with its length field unchanged', () => {
  assertData(run(makeUnit(), '1a 00 3f 00 04 00'), '7b 00 10 08');
});

test.run();
