import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes } from '../../../support/assert-bytes.js';
import { dataInOf } from '../../scsi/scsi-fixture.js';
import { block, length24, sense, TapeRig, withTape } from './tape-fixture.js';

test('WRITE (6): what stood behind the position is gone', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10), block(20), block(30));
    await rig.rewind();
    await rig.run('11 00 00 00 01 00');
    await rig.write(block(40));
    assert.is(sense(await rig.run('08 00 00 00 14 00')), '08/00/05 20');
    await rig.rewind();
    assert.is(sense(await rig.run('08 00 00 00 0a 00')), 'good');
    assertBytes(dataInOf(await rig.run('08 00 00 00 28 00')), block(40));
  }));

test('WRITE (6): fields, lengths and data that do not agree', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('0a 00 00 00 00 00')), 'good', 'no transfer is no error');
    assert.is(sense(await rig.run('0a 01 00 00 01 00')), '05/24/00', 'FIXED without a block length');
    assert.is(sense(await rig.run('0a 00 ff ff ff 00')), '05/24/00', 'longer than a block may be');
    assert.is(sense(await rig.run('0a 00 00 00 0a 00', { dataOut: block(5) })), '05/1a/00', 'less than a block came');
    assert.is(await rig.at(), '0/0');
  }));

test('WRITE (16): goes to the object first and writes there', () =>
  withTape({ blockLengthBytes: 16 }, async (rig) => {
    await rig.write(block(10), block(10), block(10));
    assert.is(sense(await rig.run('8a 0d 00 00 00 00 00 00 00 00 00 01 00 00 02 00', { dataOut: block(32) })), 'good');
    assert.is(await rig.at(), '0/3');
    assert.is(sense(await rig.run('8a 01 00 02 00 00 00 00 00 00 00 01 00 00 02 00', { dataOut: block(32) })), '05/24/00');
  }));

test('WRITE (6): early warning is told with every write behind it, and the end of the partition by what was not written', () =>
  withTape({ capacityBytes: 1024 * 1024 }, async (rig) => {
    const seen: string[] = [];
    for (let count = 0; count < 100 && !seen.at(-1)?.startsWith('0d'); count++) {
      const said = sense(await rig.run(`0a 00 ${length24(32768)} 00`, { dataOut: block(32768) }));
      if (seen.at(-1) !== said) seen.push(said);
    }
    assert.equal(seen, ['good', '00/00/02 E 0', '0d/00/02 E 32768']);
    assert.is(((await rig.drive.call('position')) as { isBeyondEarlyWarning: boolean }).isBeyondEarlyWarning, true);
  }));

test('WRITE (6): programmable early warning is told once, with EOM', () =>
  withTape({ capacityBytes: 8 * 1024 * 1024 }, async (rig) => {
    // PEWS: 2 megabytes.
    const select = await rig.run('15 10 00 00 24 00', { dataOut: Buffer.from(`00001000 5001001c 0002 0002${'00'.repeat(24)}`.replaceAll(' ', ''), 'hex') });
    assert.is(sense(select), 'good');
    const seen: string[] = [];
    for (let count = 0; count < 200 && !seen.at(-1)?.startsWith('00/00/02'); count++) {
      const said = sense(await rig.run(`0a 00 ${length24(65536)} 00`, { dataOut: block(65536) }));
      if (seen.at(-1) !== said) seen.push(said);
    }
    assert.equal(seen, ['good', '00/00/07 E 0', 'good', '00/00/02 E 0']);
  }));

test('WRITE (6): nothing is written on what is protected', async () => {
  const rig = await TapeRig.make();
  await rig.write(block(10));
  await rig.run('15 10 00 00 10 00', { dataOut: Buffer.from(`00001000 0a0a02 10 08 0000 00 ffff 0000`.replaceAll(' ', ''), 'hex') });
  assert.is(sense(await rig.run('0a 00 00 00 0a 00', { dataOut: block(10) })), '07/27/00', 'SWP');
  for (const refused of ['10 00 00 00 01 00', '19 01 00 00 00 00', '04 00 00 00 00 00', '0b 00 00 ff ff 00']) {
    assert.is(sense(await rig.run(refused)), '07/27/00', refused);
  }
  assert.is(sense(await rig.run('10 00 00 00 00 00')), 'good', 'to flush writes nothing');
  await rig.end();
});

test('WRITE (6): a WORM cartridge takes blocks behind the last one only', () =>
  withTape({ worm: true }, async (rig) => {
    await rig.write(block(10), block(10));
    await rig.rewind();
    assert.is(sense(await rig.run('0a 00 00 00 0a 00', { dataOut: block(10) })), '07/30/0c 10');
    assert.is(sense(await rig.run('19 00 00 00 00 00')), '07/30/0c');
    assert.is(sense(await rig.run('04 00 00 00 00 00')), '07/30/0c');
    await rig.run('11 03 00 00 00 00');
    await rig.write(block(10));
    const flags = dataInOf(await rig.run('4d 00 6e 00 00 00 00 02 00 00'));
    assert.is(flags[4 + 5 * (0x3c - 1) + 4], 1, 'TapeAlert: WORM overwrite attempted');
  }));

test('WRITE (6): with BUFFERED MODE 0 what was written is on the medium', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('15 10 00 00 04 00', { dataOut: Uint8Array.of(0, 0, 0, 0) })), 'good');
    await rig.write(block(100));
    const position = dataInOf(await rig.run('34 00 00 00 00 00 00 00 00 00'));
    assert.is(Buffer.from(position).toString('hex'), '0000000000000001000000010000000000000000');
    await rig.run('15 10 00 00 04 00', { dataOut: Uint8Array.of(0, 0, 0x10, 0) });
    await rig.write(block(100));
    const buffered = dataInOf(await rig.run('34 00 00 00 00 00 00 00 00 00'));
    assert.is(Buffer.from(buffered.subarray(4, 16)).toString('hex'), '000000020000000100000001', 'one is in the buffer');
    await rig.run('10 00 00 00 00 00');
    const flushed = dataInOf(await rig.run('34 00 00 00 00 00 00 00 00 00'));
    assert.is(Buffer.from(flushed.subarray(4, 16)).toString('hex'), '000000020000000200000000');
  }));

test('WRITE FILEMARKS (6): marks, also many, and none of them as a flush', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('10 00 00 00 03 00')), 'good');
    assert.is(sense(await rig.run('10 01 00 00 02 00')), 'good', 'IMMED');
    assert.is(sense(await rig.run('10 00 00 00 00 00')), 'good');
    assert.is(await rig.at(), '0/5');
    assert.is(sense(await rig.run('10 02 00 00 01 00')), '05/24/00', 'setmarks are no more');
  }));

test('WRITE FILEMARKS (16): goes to the object first', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10), block(10));
    assert.is(sense(await rig.run('80 00 00 00 00 00 00 00 00 00 00 01 00 00 02 00')), 'good');
    assert.is(await rig.at(), '0/3');
    assert.is(sense(await rig.run('80 00 00 07 00 00 00 00 00 00 00 01 00 00 02 00')), '05/24/00');
  }));

test('ALLOW OVERWRITE: in append-only mode one write where it was permitted', () =>
  withTape({}, async (rig) => {
    const allow = (value: number, at: number) => rig.run(`82 00 ${value.toString(16).padStart(2, '0')} 00 00 00 00 00 00 00 00 0${at} 00 00 00 00`);
    assert.is(sense(await allow(1, 0)), '05/2c/00', 'it is of the append-only mode');
    await rig.write(block(10), block(10));
    await rig.run('15 10 00 00 24 00', { dataOut: Buffer.from(`00001000 5001001c 0012 0000${'00'.repeat(24)}`.replaceAll(' ', ''), 'hex') });
    await rig.write(block(10));
    await rig.rewind();
    assert.is(sense(await rig.run('0a 00 00 00 0a 00', { dataOut: block(10) })), '07/50/01');
    assert.is(sense(await allow(1, 1)), '05/3b/00', 'another position');
    assert.is(sense(await allow(3, 0)), '05/24/00');
    assert.is(sense(await allow(1, 0)), 'good');
    await rig.write(block(30));
    assert.is(await rig.at(), '0/1');
    await rig.rewind();
    assert.is(sense(await rig.run('0a 00 00 00 0a 00', { dataOut: block(10) })), '07/50/01', 'it was for one write');
    assert.is(sense(await rig.run('04 00 00 00 00 00')), '07/50/01');
    assert.is(sense(await allow(2, 0)), 'good');
    assert.is(sense(await rig.run('04 00 00 00 00 00')), 'good');
  }));

test('VERIFY (6): reads without a transfer, or compares', () =>
  withTape({ blockLengthBytes: 16 }, async (rig) => {
    await rig.run('0a 01 00 00 02 00', { dataOut: block(32) });
    await rig.write(block(10));
    await rig.mark();
    await rig.rewind();
    assert.is(sense(await rig.run('13 01 00 00 02 00')), 'good');
    assert.is(sense(await rig.run('13 00 00 00 10 00')), '00/00/00 I 6');
    assert.is(sense(await rig.run('13 01 00 00 02 00')), '00/00/01 F 2');
    assert.is(sense(await rig.run('13 01 00 00 02 00')), '08/00/05 2');
    await rig.rewind();
    assert.is(sense(await rig.run('13 03 00 00 02 00', { dataOut: block(32) })), 'good');
    await rig.rewind();
    const different = block(32);
    different[20] = 0xaa;
    assert.is(sense(await rig.run('13 03 00 00 02 00', { dataOut: different })), '0e/1d/00 1');
    assert.is(sense(await rig.run('13 08 00 00 02 00')), '05/24/00');
  }));

test('VERIFY (16): goes to the object first', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10), block(20, 5));
    assert.is(sense(await rig.run('8f 02 00 00 00 00 00 00 00 00 00 01 00 00 14 00', { dataOut: block(20, 5) })), 'good');
    assert.is(sense(await rig.run('8f 00 00 09 00 00 00 00 00 00 00 01 00 00 14 00')), '05/24/00');
  }));

test.run();
