import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes } from '../../../support/assert-bytes.js';
import { dataInOf } from '../../scsi/scsi-fixture.js';
import { block, sense, withTape } from './tape-fixture.js';

test('READ (6): variable blocks come back with their lengths, marks and the end of data', () =>
  withTape({}, async (rig) => {
    await rig.write(block(100), block(50, 2));
    await rig.mark();
    await rig.rewind();
    const exact = await rig.run('08 00 00 00 64 00');
    assert.is(sense(exact), 'good');
    assertBytes(dataInOf(exact), block(100));
    const shorter = await rig.run('08 00 00 00 64 00');
    assert.is(sense(shorter), '00/00/00 I 50', 'shorter than asked for');
    assertBytes(dataInOf(shorter), block(50, 2));
    assert.is(sense(await rig.run('08 00 00 00 64 00')), '00/00/01 F 100');
    assert.is(sense(await rig.run('08 00 00 00 64 00')), '08/00/05 100');
    assert.is(await rig.at(), '0/3');
  }));

test('READ (6): a longer block is cut, tells by how much, and is behind the position', () =>
  withTape({}, async (rig) => {
    await rig.write(block(300), block(10));
    await rig.rewind();
    const cut = await rig.run('08 00 00 00 64 00');
    assert.is(sense(cut), '00/00/00 I -200');
    assertBytes(dataInOf(cut), block(300).subarray(0, 100));
    assert.is(await rig.at(), '0/1');
  }));

test('READ (6): SILI leaves lengths unreported, but a longer block only while no block length is set', () =>
  withTape({}, async (rig) => {
    await rig.write(block(300), block(50));
    await rig.rewind();
    assert.is(sense(await rig.run('08 02 00 00 64 00')), 'good');
    assert.is(sense(await rig.run('08 02 00 00 64 00')), 'good');
    rig.drive.settings.blockLengthBytes = 512;
    await rig.rewind();
    assert.is(sense(await rig.run('08 02 00 00 64 00')), '00/00/00 I -200');
    assert.is(sense(await rig.run('08 02 00 00 64 00')), 'good');
  }));

test('READ (6): no transfer is no error and leaves the position', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10));
    await rig.rewind();
    assert.is(sense(await rig.run('08 00 00 00 00 00')), 'good');
    assert.is(await rig.at(), '0/0');
  }));

test('READ (6): fixed blocks, and in blocks what a mark, another length and the end of data leave', () =>
  withTape({ blockLengthBytes: 64 }, async (rig) => {
    await rig.run('0a 01 00 00 03 00', { dataOut: block(192) });
    await rig.mark();
    await rig.run('0a 01 00 00 01 00', { dataOut: block(64) });
    await rig.write(block(30));
    await rig.rewind();
    const two = await rig.run('08 01 00 00 02 00');
    assert.is(sense(two), 'good');
    assertBytes(dataInOf(two), block(192).subarray(0, 128));
    const marked = await rig.run('08 01 00 00 05 00');
    assert.is(sense(marked), '00/00/01 F 4');
    assert.is(marked.dataInLength, 64);
    assert.is(sense(await rig.run('08 01 00 00 02 00')), '00/00/00 I 1', 'the block of another length is not counted');
    assert.is(sense(await rig.run('08 01 00 00 02 00')), '08/00/05 2');
  }));

test('READ (6): the tape moves by what the CDB says, also when the initiator takes less', () =>
  withTape({ blockLengthBytes: 64 }, async (rig) => {
    await rig.run('0a 01 00 00 03 00', { dataOut: block(192) });
    await rig.rewind();
    const command = await rig.run('08 01 00 00 02 00', { expectedDataInLength: 70 });
    assert.is(sense(command), 'good');
    assert.is(command.dataInLength, 128);
    assertBytes(dataInOf(command), block(192).subarray(0, 70));
    assert.is(await rig.at(), '0/2');
  }));

test('READ (6): fields that exclude each other', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('08 01 00 00 01 00')), '05/24/00', 'FIXED without a block length');
    rig.drive.settings.blockLengthBytes = 512;
    assert.is(sense(await rig.run('08 03 00 00 01 00')), '05/24/00', 'SILI with FIXED');
    assert.is(sense(await rig.run('08 01 ff ff ff 00')), '05/24/00', 'more than a command transfers');
    assert.is(sense(await rig.run('08 04 00 00 01 00')), '05/24/00', 'a reserved bit');
  }));

test('READ (16): goes to the object first', () =>
  withTape({}, async (rig) => {
    await rig.write(block(20, 1), block(20, 2), block(20, 3));
    const third = await rig.run('88 00 00 00 00 00 00 00 00 00 00 02 00 00 14 00');
    assert.is(sense(third), 'good');
    assertBytes(dataInOf(third), block(20, 3));
    assertBytes(dataInOf(await rig.run('88 00 00 00 00 00 00 00 00 00 00 00 00 00 14 00')), block(20, 1));
    assert.is(sense(await rig.run('88 00 00 00 00 00 00 00 00 00 00 09 00 00 14 00')), '08/00/05');
    assert.is(sense(await rig.run('88 00 00 01 00 00 00 00 00 00 00 00 00 00 14 00')), '05/24/00', 'no such partition');
    assert.is(sense(await rig.run('88 01 00 00 00 00 00 00 00 00 00 00 00 00 01 00')), '05/24/00');
  }));

test('READ (6): without a cartridge there is no medium', () =>
  withTape({ isEmpty: true }, async (rig) => {
    assert.is(sense(await rig.run('08 00 00 00 01 00')), '02/3a/00');
  }));

test('RECOVER BUFFERED DATA: nothing that was taken is not on the medium', () =>
  withTape({ blockLengthBytes: 64 }, async (rig) => {
    assert.is(sense(await rig.run('14 00 00 00 00 00')), 'good');
    assert.is(sense(await rig.run('14 01 00 00 03 00')), '08/00/05 3');
    assert.is(sense(await rig.run('14 03 00 00 03 00')), '05/24/00');
  }));

test.run();
