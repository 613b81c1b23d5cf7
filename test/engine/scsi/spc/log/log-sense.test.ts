import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { diskLogPages } from '../../../../../engine/scsi/sbc/disk-log-pages.js';
import { soleUnitHost } from '../../../../../engine/scsi/unit-host.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, nexus, otherNexus, run } from '../../scsi-fixture.js';

/** A unit that has written 1 MiB in 3 commands and read 512 bytes in one, and whose medium failed twice. */
function makeUsedUnit() {
  const counts = { ...soleUnitHost.statistics.read(), readCommandCount: 1, writeCommandCount: 3, readBytes: 512, writeBytes: 2 ** 20 };
  const told: [number, number][] = [];
  const unit = makeUnit({ host: { statistics: { read: () => ({ ...counts, readFaultCount: 2, readMicros: 7.5 }) }, nexusesOf: () => [nexus, otherNexus] } });
  return { unit, told };
}

/** The log parameters of a page, by code. */
function parametersOf(data: Uint8Array): Map<number, string> {
  const parameters = new Map<number, string>();
  const bytes = Buffer.from(data);
  assert.is(bytes.readUInt16BE(2), bytes.length - 4, 'the page length');
  for (let at = 4; at < bytes.length; at += 4 + (bytes[at + 3] as number)) {
    parameters.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + (bytes[at + 3] as number)).toString('hex'));
  }
  return parameters;
}

const sense = (page: string, pageControl = 1, pointer = '0000') =>
  `4d 00 ${((pageControl << 6) | Number(`0x${page}`)).toString(16).padStart(2, '0')} 00 00 ${pointer} 0200 00`;

test('LOG SENSE: the supported pages are listed, and with subpages (SPC-4 "Supported Log Pages log page")', () => {
  const unit = makeUnit();
  assertData(run(unit, '4d 00 40 00 00 0000 00ff 00'), '80 00 0009 00 02 03 05 06 0d 0e 19 2f');
  assertData(run(unit, '4d 00 40 ff 00 0000 00ff 00'), 'c0 ff 0014 0000 00ff 0200 0300 0500 0600 0d00 0e00 1900 2f00');
});

test('LOG SENSE: every page that is listed can be asked for, with all kinds of values', () => {
  const unit = makeUnit();
  for (const { code } of diskLogPages.filter(({ isOf }) => isOf === undefined)) {
    for (const pageControl of [0, 1, 2, 3]) {
      const command = run(unit, sense(code.toString(16), pageControl));
      assertGood(command);
      parametersOf(dataInOf(command));
    }
  }
});

test('LOG SENSE: error counters tell of the bytes that were moved and of what the medium failed', () => {
  const { unit } = makeUsedUnit();
  const writes = parametersOf(dataInOf(run(unit, sense('02'))));
  assert.is(writes.get(5), '0000000000100000');
  assert.is(writes.get(6), '00000000');
  const reads = parametersOf(dataInOf(run(unit, sense('03'))));
  assert.is(reads.get(5), '0000000000000200');
  assert.is(reads.get(6), '00000002');
});

test('LOG SENSE: general statistics count commands, blocks and microseconds (SPC-4 "General Statistics and Performance log page")', () => {
  const { unit } = makeUsedUnit();
  const page = parametersOf(dataInOf(run(unit, sense('19'))));
  const words = (page.get(1) as string).match(/.{16}/g)?.map((word) => Number(`0x${word}`));
  assert.equal(words, [1, 3, 2048, 1, 7, 0, 0, 0]);
  assert.is(page.get(3), 'fffffffa00000001', 'one microsecond');
});

test('LOG SENSE: the parameter pointer begins later, and none behind it is an error', () => {
  const unit = makeUnit();
  const page = parametersOf(dataInOf(run(unit, sense('02', 1, '0005'))));
  assert.equal([...page.keys()], [5, 6]);
  assertCheck(run(unit, sense('02', 1, '0007')), '05/24/00', '5');
  assertCheck(run(unit, sense('00', 1, '0001')), '05/24/00', '5');
});

test('LOG SENSE: fields that are wrong are pointed at', () => {
  const unit = makeUnit();
  assertCheck(run(unit, sense('01')), '05/24/00', '2.5');
  assertCheck(run(unit, '4d 00 42 07 00 0000 00ff 00'), '05/24/00', '3');
  assertCheck(run(unit, '4d 01 42 00 00 0000 00ff 00'), '05/24/00', '1.0');
});

test('LOG SENSE: of a unit that is not thin the provisioning page is none of its pages', () => {
  assertCheck(run(makeUnit(), sense('0c')), '05/24/00', '2.5');
});

test('LOG SENSE: what is longer than the allocation length is cut', () => {
  assertData(run(makeUnit(), '4d 00 40 00 00 0000 0006 00'), '80 00 0009 00 02');
});

test('LOG SELECT: PCR puts counters to zero, and they go on from there', () => {
  const { unit } = makeUsedUnit();
  assertGood(run(unit, '4c 02 c0 00 000000 0000 00'));
  assert.is(parametersOf(dataInOf(run(unit, sense('02')))).get(5), '0000000000000000');
  assert.is(parametersOf(dataInOf(run(unit, sense('03')))).get(6), '00000000');
});

test('LOG SELECT: a list sets counters and thresholds', () => {
  const { unit } = makeUsedUnit();
  const list = Buffer.from('02000014 0005020800000000000003e8 00060204 00000009'.replaceAll(' ', ''), 'hex');
  assertGood(run(unit, '4c 00 40 00 000000 0018 00', { dataOut: list }));
  const page = parametersOf(dataInOf(run(unit, sense('02'))));
  assert.equal([page.get(5), page.get(6)], ['00000000000003e8', '00000009']);
  assert.is(parametersOf(dataInOf(run(unit, sense('02', 0)))).get(6), 'ffffffff', 'no threshold');
  assertGood(run(unit, '4c 00 00 00 000000 0018 00', { dataOut: list }));
  assert.is(parametersOf(dataInOf(run(unit, sense('02', 0)))).get(6), '00000009');
  assertGood(run(unit, '4c 00 80 00 000000 0000 00'));
  assert.is(parametersOf(dataInOf(run(unit, sense('02', 0)))).get(6), 'ffffffff', 'the default again');
});

test('LOG SELECT: other nexuses are told that log parameters have changed', () => {
  const { unit } = makeUsedUnit();
  run(unit, '4c 02 c0 00 000000 0000 00');
  assertCheck(run(unit, '00', { nexus: otherNexus }), '06/2a/02');
  assertGood(run(unit, '00'));
});

test('LOG SELECT: fields that are wrong change nothing', () => {
  const { unit } = makeUsedUnit();
  const select = (list: string, cdb = `4c 00 40 00 000000 ${(list.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0')} 00`) =>
    run(unit, cdb, { dataOut: Buffer.from(list.replaceAll(' ', ''), 'hex') });
  const inList = (list: string, at: number) => {
    const command = select(list);
    assertCheck(command, '05/26/00');
    assert.is(command.sense[17], at, 'field pointer');
  };
  inList('01000000', 0);
  inList('02000008 00050204 00000001', 7);
  inList('02000008 00ff0204 00000001', 4);
  inList('03000000 02000000', 4);
  inList('0d000006 00000302 0000', 4);
  assertCheck(select('02000014 0005020800000000000003e8'), '05/1a/00');
  assertCheck(select('0200'), '05/1a/00');
  assertCheck(select('02000000', '4c 02 40 00 000000 0004 00'), '05/24/00', '1.1');
  assertCheck(select('02000000', '4c 00 42 00 000000 0004 00'), '05/24/00', '2.5');
  assertCheck(select('02000000', '4c 00 c0 00 000000 0004 00'), '05/24/00', '2.7');
  assertCheck(run(unit, '4c 01 40 00 000000 0000 00'), '05/24/00', '1.0');
  assertCheck(run(unit, '4c 02 41 00 000000 0000 00'), '05/24/00', '2.5');
  assert.is(parametersOf(dataInOf(run(unit, sense('02')))).get(5), '0000000000100000');
});

test.run();
