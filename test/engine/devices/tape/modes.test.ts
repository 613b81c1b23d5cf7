import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { dataInOf, otherNexus } from '../../scsi/scsi-fixture.js';
import { block, sense, withTape } from './tape-fixture.js';

const bytes = (text: string) => hex(text);

test('MODE SENSE (6): header and block descriptor, as drivers ask first', () =>
  withTape({ blockLengthBytes: 512 }, async (rig) => {
    // Page 00h alone is what st asks for: LTO-8 data cartridge, buffered, density and block length.
    assertBytes(dataInOf(await rig.run('1a 00 3f 00 0c 00')).subarray(1), hex('88 10 08 5e 000000 00 000200'));
    assertBytes(dataInOf(await rig.run('1a 00 0f 00 ff 00')), hex('1b 88 10 08 5e 000000 00 000200 0f 0e 40 80 000000ff 000000ff 00000000'));
    assert.is(sense(await rig.run('1a 00 3e 00 ff 00')), '05/24/00');
  }));

test('MODE SENSE (6): page 00h with a block descriptor is the header alone', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('1a 00 00 00 0c 00')), hex('0b 88 10 08 5e 000000 00 000000'));
  }));

test('MODE SENSE (10): all pages, in their order, whatever LLBAA asks for', () =>
  withTape({ worm: true }, async (rig) => {
    const data = dataInOf(await rig.run('5a 10 3f ff 00 00 00 02 00 00'));
    assertBytes(data.subarray(2, 16), hex('8c 10 00 00 0008 5e 000000 00 000000'));
    const codes: string[] = [];
    for (let at = 16; at < data.length; ) {
      const first = data[at] as number;
      const isSub = (first & 0x40) !== 0;
      codes.push(`${(first & 0x3f).toString(16)}${isSub ? `/${data[at + 1]}` : ''}`);
      at += isSub ? 4 + (((data[at + 2] as number) << 8) | (data[at + 3] as number)) : 2 + (data[at + 1] as number);
    }
    assert.equal(codes, ['1', '2', 'a', 'a/1', 'f', '10', '10/1', '11', '1a', '1c', '1d']);
    assert.is(sense(await rig.run('5a 00 3e 00 00 00 00 02 00 00')), '05/24/00');
  }));

test('MODE SELECT (6): the block descriptor switches between fixed and variable blocks, and others are told', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('15 00 00 00 0c 00', { dataOut: bytes('00 00 10 08 00 000000 00 000400') })), 'good');
    assert.is(sense(await rig.run('0a 01 00 00 02 00', { dataOut: block(2048) })), 'good');
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), '06/2a/01');
    assert.is(sense(await rig.run('15 10 00 00 0c 00', { dataOut: bytes('00 88 90 08 5e 000000 00 000000') })), 'good', 'as MODE SENSE told it');
    assert.is(sense(await rig.run('0a 01 00 00 02 00')), '05/24/00');
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), '06/2a/01');
    await rig.run('15 10 00 00 0c 00', { dataOut: bytes('00 00 10 08 7f 000000 00 000000') });
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), 'good', 'nothing has changed');
  }));

test('MODE SELECT (6): what a header and a block descriptor cannot ask for', () =>
  withTape({}, async (rig) => {
    const wrong: readonly (readonly [string, string])[] = [
      ['00 01 10 08 00 000000 00 000000', 'another medium'],
      ['00 00 30 08 00 000000 00 000000', 'BUFFERED MODE'],
      ['00 00 12 08 00 000000 00 000000', 'SPEED'],
      ['00 00 10 08 13 000000 00 000000', 'a density that is not there'],
      ['00 00 10 08 00 000000 01 000000', 'reserved'],
      ['00 00 10 08 00 000000 00 100001', 'longer than a block may be'],
      ['00 00 10 07 00 000000 00 000000', 'the length of the descriptor'],
    ];
    for (const [list, what] of wrong) assert.is(sense(await rig.run('15 10 00 00 0c 00', { dataOut: bytes(list) })), '05/26/00', what);
    assert.is(rig.drive.settings.blockLengthBytes, 0);
    assert.is(sense(await rig.run('15 10 00 00 08 00', { dataOut: bytes('00 00 10 08 00 000000') })), '05/1a/00');
  }));

test('MODE SELECT (10): compression on and off', () =>
  withTape({}, async (rig) => {
    const select = (flags: string) =>
      rig.run('55 10 00 00 00 00 00 00 18 00', { dataOut: bytes(`0000 00 10 00 00 0000 0f 0e ${flags} 80 00000010 00000010 00000000`) });
    assert.is(sense(await select('c0')), 'good');
    assert.is(rig.drive.settings.isCompressing, true);
    await rig.write(new Uint8Array(100_000));
    await rig.drive.refresh();
    assert.ok((rig.drive.facts?.sinceLoad.writtenStoredBytes ?? Infinity) < 10_000, 'zeros are few bytes then');
    assert.is(sense(await select('40')), 'good');
    assert.is(rig.drive.settings.isCompressing, false);
    assert.is(sense(await rig.run('55 10 00 00 00 00 00 00 0a 00', { dataOut: bytes('0000 00 10 00 00 0000 0f 0d') })), '05/26/00');
  }));

test('MODE SELECT (6): the Device Configuration page switches compression as well, and both pages tell it', () =>
  withTape({}, async (rig) => {
    const selectAlgorithm = (algorithm: string) =>
      rig.run('15 10 00 00 14 00', { dataOut: bytes(`00001000 100e 0000 0000 0032 4000 1800 0000 ${algorithm}10`) });
    const told = async () => {
      const compression = dataInOf(await rig.run('1a 08 0f 00 ff 00'))[4 + 2] as number;
      return [compression >> 7, dataInOf(await rig.run('1a 08 10 00 ff 00'))[4 + 14], rig.drive.settings.isCompressing];
    };
    assert.equal(await told(), [0, 0, false]);
    assert.is(sense(await selectAlgorithm('01')), 'good');
    assert.equal(await told(), [1, 1, true]);
    assert.is(sense(await selectAlgorithm('00')), 'good');
    assert.equal(await told(), [0, 0, false]);
    const page = dataInOf(await rig.run('1a 08 0f 00 ff 00')).subarray(4);
    const all = [0x00, 0x00, 0x10, 0x00, ...page.with(2, 0xc0), ...dataInOf(await rig.run('1a 08 10 00 ff 00')).subarray(4)];
    assert.is(sense(await rig.run('15 10 00 00 24 00', { dataOut: Uint8Array.from(all) })), 'good');
    assert.equal(await told(), [1, 1, true], 'the other page has come along as it was');
    assert.is(sense(await selectAlgorithm('00')), 'good');
    assert.equal(await told(), [0, 0, false]);
    rig.unit.reset('logical-unit-reset');
    assert.equal(await told(), [0, 0, false]);
  }));

test('MODE SELECT (6): a logical unit reset brings the defaults back', () =>
  withTape({ blockLengthBytes: 1024 }, async (rig) => {
    await rig.run('15 10 00 00 0c 00', { dataOut: bytes('00 00 00 08 00 000000 00 000000') });
    rig.unit.reset('logical-unit-reset');
    assertBytes(dataInOf(await rig.run('1a 00 00 00 0c 00')), hex('0b 88 10 08 5e 000000 00 000400'));
  }));

test('MODE SELECT (6): the number of partitions has to be one that there can be', () =>
  withTape({}, async (rig) => {
    // MAXIMUM ADDITIONAL PARTITIONS cleared and one size, as st sends it.
    assert.is(sense(await rig.run('15 10 00 00 0e 00', { dataOut: bytes('0000 1000 1108 00 01 30 03 00 00 0001') })), 'good');
    assert.is(sense(await rig.run('15 10 00 00 0e 00', { dataOut: bytes('0000 1000 1108 03 04 30 03 00 00 0001') })), '05/26/00');
    assert.is(sense(await rig.run('15 10 00 00 0e 00', { dataOut: bytes('0000 1000 1108 03 01 e0 03 00 00 0001') })), '05/26/00');
  }));

test('LOG SENSE: the pages that there are', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('4d 00 40 00 00 00 00 02 00 00')), hex('80 00 000a 00 02 03 06 0c 0d 17 1b 2e 31'));
    assert.is(sense(await rig.run('4d 00 7f 00 00 00 00 02 00 00')), '05/24/00');
  }));

test('LOG SENSE: bytes that were written and read, and what is left', () =>
  withTape({ capacityBytes: 64 * 1024 * 1024 }, async (rig) => {
    await rig.write(block(100_000));
    await rig.rewind();
    await rig.run('08 00 01 86 a0 00');
    const sequential = Buffer.from(dataInOf(await rig.run('4d 00 4c 00 00 00 00 02 00 00')));
    assert.is(sequential.readBigUInt64BE(8), 100_000n, 'from initiators');
    assert.is(sequential.readBigUInt64BE(4 + 3 * 12 + 4), 100_000n, 'to initiators');
    assertBytes(
      sequential.subarray(4 + 4 * 12 + 3 * 8, 4 + 4 * 12 + 5 * 8),
      hex('0007 03 04 00000000 0008 03 04 00000000'),
      'to the position, and in the buffer',
    );
    const capacity = Buffer.from(dataInOf(await rig.run('4d 00 71 00 00 00 00 02 00 00')));
    assertBytes(capacity, hex('b1 00 0020 0001 03 04 0000003f 0002 03 04 00000000 0003 03 04 00000040 0004 03 04 00000000'));
    const volume = Buffer.from(dataInOf(await rig.run('4d 00 57 00 00 00 00 04 00 00')));
    assertBytes(volume.subarray(0, 17), Buffer.concat([hex('97 00'), volume.subarray(2, 4), hex('0000 03 01 01 0001 03 04 00000001')]));
    const errors = Buffer.from(dataInOf(await rig.run('4d 00 42 00 00 00 05 02 00 00')));
    assert.is(errors.readBigUInt64BE(8), 100_000n);
  }));

test('LOG SENSE: the Sequential-Access Device page tells how far from the beginning the tape stands', () =>
  withTape({ capacityBytes: 64 * 1024 * 1024 }, async (rig) => {
    for (let count = 0; count < 4; count++) await rig.write(block(1_000_000));
    await rig.run('11 00 ff ff ff 00');
    const page = Buffer.from(dataInOf(await rig.run('4d 00 4c 00 00 00 00 02 00 00')));
    const megabytesOf = (code: number) => page.readUInt32BE(4 + 4 * 12 + (code - 4) * 8 + 4);
    assert.equal([4, 7].map(megabytesOf), [4, 3]);
  }));

test('LOG SENSE: the Volume Statistics page has the barcode where programs look for it', () =>
  withTape({ barcode: 'LUN001L8' }, async (rig) => {
    const page = Buffer.from(dataInOf(await rig.run('4d 00 57 00 00 00 00 04 00 00')));
    const at = page.indexOf(Buffer.from(hex('0042 01 20')));
    assert.is(page.toString('latin1', at + 4, at + 36).trim(), 'LUN001L8');
    assert.ok(page.includes(Buffer.from(hex('0101 03 04 00000001'))), 'passes over the beginning of the medium');
  }));

test('MODE SENSE (6): a short erase makes an end of data', () =>
  withTape({}, async (rig) => {
    assert.is(dataInOf(await rig.run('1a 08 10 01 ff 00'))[4 + 5], 0x02);
  }));

test('LOG SENSE: TapeAlert flags are clear for who has read them', () =>
  withTape({ readOnly: false }, async (rig) => {
    const flag = async (number: number, nexus?: typeof otherNexus) => {
      const data = dataInOf(await rig.run('4d 00 6e 00 00 00 00 02 00 00', nexus === undefined ? {} : { nexus }));
      assert.is(data.length, 4 + 64 * 5);
      return data[4 + 5 * (number - 1) + 4];
    };
    await rig.run('1e 00 00 00 01 00');
    assert.is(sense(await rig.run('1b 00 00 00 00 00')), '05/53/02');
    assert.is(await flag(10), 1);
    assert.is(await flag(10), 0);
    assert.is(await flag(10, otherNexus), 1);
  }));

test('MODE SELECT (6): TapeAlert by unit attention, and a test of one flag', () =>
  withTape({}, async (rig) => {
    const list = (flags: string, mrie: string, number: string) => bytes(`0000 1000 1c0a ${flags} ${mrie} 00000000 ${number}`);
    assert.is(sense(await rig.run('15 10 00 00 10 00', { dataOut: list('0c', '03', '00000005') })), '05/26/00', 'TEST needs DEXCPT zero');
    assert.is(sense(await rig.run('15 10 00 00 10 00', { dataOut: list('04', '03', '00000041') })), '05/26/00', 'no such flag');
    assert.is(sense(await rig.run('15 10 00 00 10 00', { dataOut: list('04', '03', '00000005') })), 'good');
    assert.is(sense(await rig.run('00 00 00 00 00 00')), '06/5d/ff');
    assert.is(dataInOf(await rig.run('4d 00 6e 00 00 00 00 02 00 00'))[4 + 5 * 4 + 4], 1);
  }));

test('LOG SELECT: counters can be reset', () =>
  withTape({}, async (rig) => {
    await rig.write(block(1000));
    assert.is(sense(await rig.run('4c 02 42 00 00 00 00 00 00 00')), 'good');
    const errors = Buffer.from(dataInOf(await rig.run('4d 00 42 00 00 00 05 02 00 00')));
    assert.is(errors.readBigUInt64BE(8), 0n);
    assert.is(sense(await rig.run('4c 01 42 00 00 00 00 00 00 00')), '05/24/00');
  }));

test.run();
