import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { dataInOf } from '../../scsi/scsi-fixture.js';
import { block, sense, TapeRig, withTape } from './tape-fixture.js';

/** Blocks b and marks m: b b m b m m b, and the position behind all. */
async function recorded(): Promise<TapeRig> {
  const rig = await TapeRig.make();
  await rig.write(block(10, 1), block(10, 2));
  await rig.mark();
  await rig.write(block(10, 3));
  await rig.mark(2);
  await rig.write(block(10, 4));
  return rig;
}

test('SPACE (6): blocks, and what stops them', async () => {
  const rig = await recorded();
  await rig.rewind();
  assert.is(sense(await rig.run('11 00 00 00 02 00')), 'good');
  assert.is(await rig.at(), '0/2');
  assert.is(sense(await rig.run('11 00 00 00 05 00')), '00/00/01 F 5');
  assert.is(await rig.at(), '0/3', 'behind the mark');
  assert.is(sense(await rig.run('11 00 ff ff fe 00')), '00/00/01 F 2');
  assert.is(await rig.at(), '0/2', 'before the mark');
  assert.is(sense(await rig.run('11 00 ff ff fd 00')), '00/00/04 E 1');
  assert.is(await rig.at(), '0/0');
  await rig.run('11 03 00 00 00 00');
  assert.is(sense(await rig.run('11 00 00 00 04 00')), '08/00/05 4');
  assert.is(sense(await rig.run('11 00 00 00 00 00')), 'good', 'a count of zero');
  await rig.end();
});

test('SPACE (6): filemarks, sequential ones, and the end of data', async () => {
  const rig = await recorded();
  await rig.rewind();
  assert.is(sense(await rig.run('11 01 00 00 02 00')), 'good');
  assert.is(await rig.at(), '0/5');
  assert.is(sense(await rig.run('11 01 ff ff ff 00')), 'good');
  assert.is(await rig.at(), '0/4');
  assert.is(sense(await rig.run('11 01 00 00 07 00')), '08/00/05 5');
  assert.is(sense(await rig.run('11 01 ff ff f8 00')), '00/00/04 E 5');
  assert.is(sense(await rig.run('11 02 00 00 02 00')), 'good');
  assert.is(await rig.at(), '0/6', 'behind both');
  assert.is(sense(await rig.run('11 03 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/7');
  for (const code of ['04', '05', '0f']) assert.is(sense(await rig.run(`11 ${code} 00 00 01 00`)), '05/24/00', `code ${code}`);
  await rig.end();
});

test('SPACE (16): counts of eight bytes', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('91 00 00 00 ff ff ff ff ff ff ff ff 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/6');
  assert.is(sense(await rig.run('91 01 00 00 00 00 00 00 00 00 00 01 00 00 00 00')), '08/00/05 1');
  assert.is(sense(await rig.run('91 00 00 00 00 00 00 00 00 00 00 01 00 08 00 00')), '05/24/00', 'a parameter list');
  await rig.end();
});

test('LOCATE (10): objects, and the end of data where there is none', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('2b 00 00 00 00 00 02 00 00 00')), 'good');
  assert.is(await rig.at(), '0/2');
  assert.is(sense(await rig.run('2b 04 00 00 00 00 07 00 00 00')), 'good', 'BT, and where the next one will be');
  assert.is(sense(await rig.run('2b 00 00 00 00 00 09 00 00 00')), '08/00/05');
  assert.is(await rig.at(), '0/7');
  assert.is(sense(await rig.run('2b 02 00 00 00 00 00 00 01 00')), '05/24/00', 'no such partition');
  assert.is(sense(await rig.run('2b 01 00 00 00 00 63 00 00 00')), 'good', 'IMMED');
  assert.is(sense(await rig.run('08 00 00 00 0a 00')), '08/00/05 deferred');
  assert.is(sense(await rig.run('2b 01 00 00 00 00 00 00 00 00')), 'good');
  assert.is(sense(await rig.run('08 00 00 00 0a 00')), 'good');
  await rig.end();
});

test('LOCATE (16): objects, files and the end of data', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('92 00 00 00 00 00 00 00 00 00 00 04 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/4');
  assert.is(sense(await rig.run('92 08 00 00 00 00 00 00 00 00 00 01 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/3', 'the second file');
  assert.is(sense(await rig.run('92 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/7');
  assert.is(sense(await rig.run('92 08 00 00 00 00 00 00 00 00 00 09 00 00 00 00')), '08/00/05');
  for (const bad of ['10', '20', '38']) assert.is(sense(await rig.run(`92 ${bad} 00 00 00 00 00 00 00 00 00 00 00 00 00 00`)), '05/24/00');
  assert.is(sense(await rig.run('92 02 00 03 00 00 00 00 00 00 00 00 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('READ POSITION, short form: where it is', async () => {
  const rig = await recorded();
  await rig.run('10 00 00 00 00 00');
  assertBytes(dataInOf(await rig.run('34 00 00 00 00 00 00 00 00 00')), hex('00 00 0000 00000007 00000007 00000000 00000000'));
  await rig.rewind();
  assertBytes(dataInOf(await rig.run('34 00 00 00 00 00 00 00 14 00')), hex('80 00 0000 00000000 00000000 00000000 00000000'));
  assert.is(sense(await rig.run('34 1f 00 00 00 00 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('READ POSITION, short form, vendor specific: the same', async () => {
  const rig = await recorded();
  await rig.rewind();
  assertBytes(dataInOf(await rig.run('34 01 00 00 00 00 00 00 00 00')), hex('80 00 0000 00000000 00000000 00000000 00000000'));
  assert.is(sense(await rig.run('34 01 01 00 00 00 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('READ POSITION, long form: object, file and partition', async () => {
  const rig = await recorded();
  assertBytes(dataInOf(await rig.run('34 06 00 00 00 00 00 00 00 00')), hex('00 000000 00000000 0000000000000007 0000000000000003 0000000000000000'));
  assert.is(sense(await rig.run('34 06 01 00 00 00 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('READ POSITION, extended form: as much as there is room for', async () => {
  const rig = await recorded();
  await rig.run('10 00 00 00 00 00');
  assertBytes(dataInOf(await rig.run('34 08 00 00 00 00 00 00 20 00')), hex('00 00 001c 00 000000 0000000000000007 0000000000000007 0000000000000000'));
  assert.is(dataInOf(await rig.run('34 08 00 00 00 00 00 00 04 00')).length, 4);
  assert.is(sense(await rig.run('34 08 01 00 00 00 00 00 20 00')), '05/24/00');
  await rig.end();
});

test('REWIND: to the beginning, at once or not', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('01 01 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/0');
  assert.is(sense(await rig.run('01 02 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('REWIND: a command waits for the work that one before it has left, and tells what went wrong with it', () =>
  withTape({}, async (rig) => {
    let isDone = false;
    rig.drive.leave(
      new Promise((resolve) => {
        setTimeout(() => {
          isDone = true;
          resolve();
        }, 30);
      }),
    );
    assert.is(sense(await rig.run('01 00 00 00 00 00')), 'good');
    assert.is(isDone, true);
    rig.drive.leave(Promise.reject(new Error('test')));
    assert.is(sense(await rig.run('01 00 00 00 00 00')), '04/44/00 deferred');
    assert.is(sense(await rig.run('01 00 00 00 00 00')), 'good');
  }));

test('READ BLOCK LIMITS: any length up to the longest, and how far objects are counted', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('05 00 00 00 00 00')), hex('00 100000 0001'));
    assertBytes(dataInOf(await rig.run('05 01 00 00 00 00')), hex('00000000 00000000 00000000 001fffff ffffffff'));
    assert.is(sense(await rig.run('05 02 00 00 00 00')), '05/24/00');
  }));

test('ERASE (6): all behind the position is gone', async () => {
  const rig = await recorded();
  await rig.run('2b 00 00 00 00 00 02 00 00 00');
  assert.is(sense(await rig.run('19 00 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/2');
  assert.is(sense(await rig.run('08 00 00 00 0a 00')), '08/00/05 10');
  await rig.rewind();
  assert.is(sense(await rig.run('19 03 00 00 00 00')), 'good', 'LONG, IMMED');
  assert.is(sense(await rig.run('08 00 00 00 0a 00')), '08/00/05 10');
  assert.is(sense(await rig.run('19 04 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('ERASE (16): goes to the object first', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('93 01 00 00 00 00 00 00 00 00 00 03 00 00 00 00')), 'good');
  assert.is(await rig.at(), '0/3');
  assert.is(sense(await rig.run('93 00 00 04 00 00 00 00 00 00 00 03 00 00 00 00')), '05/24/00');
  await rig.end();
});

test('FORMAT MEDIUM: partitions as the mode page says, and the page tells what became of it', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('04 00 01 00 00 00')), '05/3b/0c', 'not at the beginning');
  await rig.rewind();
  // One additional partition, initiator-defined, kilobytes: 1000 and all that is left.
  const page = '0000 1000 110a 03 01 2c 00 00 00 03e8 ffff'.replaceAll(' ', '');
  assert.is(sense(await rig.run('15 10 00 00 10 00', { dataOut: Buffer.from(page, 'hex') })), 'good');
  assert.is(sense(await rig.run('04 00 01 00 00 00')), 'good');
  const partitions = rig.drive.facts?.partitions ?? [];
  assert.equal(
    partitions.map(({ capacityBytes }) => capacityBytes),
    [1_000_000, 4 * 1024 * 1024 - 1_000_000],
  );
  const told = dataInOf(await rig.run('1a 08 11 00 ff 00'));
  assert.is(Buffer.from(told.subarray(4)).toString('hex'), '110e03013c03060000010003000000000000'.slice(0, 2 * (told.length - 4)));
  await rig.write(block(10));
  assert.is(sense(await rig.run('92 02 00 01 00 00 00 00 00 00 00 00 00 00 00 00')), 'good');
  await rig.write(block(20));
  assert.is(await rig.at(), '1/1');
  await rig.rewind();
  assert.is(await rig.at(), '1/0', 'of the partition that it is in');
  assert.is(sense(await rig.run('04 00 00 00 00 00')), '05/3b/0c', 'not partition 0');
  await rig.run('2b 02 00 00 00 00 00 00 00 00');
  assert.is(sense(await rig.run('04 00 03 00 00 00')), '05/24/00');
  assert.is(sense(await rig.run('04 01 00 00 00 00')), 'good', 'IMMED: the default format');
  assert.is(sense(await rig.run('2b 02 00 00 00 00 00 00 01 00')), '05/24/00', 'behind the format: there is one partition');
  assert.is(await rig.at(), '0/0');
  assert.is(rig.drive.facts?.partitions.length, 1);
  await rig.end();
});

test('SET CAPACITY: a part of the medium', async () => {
  const rig = await recorded();
  assert.is(sense(await rig.run('0b 00 00 80 00 00')), '05/3b/0c');
  await rig.rewind();
  assert.is(sense(await rig.run('0b 00 00 80 00 00')), 'good');
  assert.is(rig.drive.facts?.capacityBytes, Math.floor((4 * 1024 * 1024 * 0x8000) / 0xffff));
  assert.is(sense(await rig.run('0b 00 01 80 00 00')), '05/24/00');
  assert.is(sense(await rig.run('0b 00 00 ff ff 00')), 'good');
  assert.is(rig.drive.facts?.capacityBytes, 4 * 1024 * 1024);
  await rig.end();
});

test.run();
