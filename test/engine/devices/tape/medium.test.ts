import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../../engine/errors.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { dataInOf, nexus, otherNexus } from '../../scsi/scsi-fixture.js';
import { block, sense, TapeRig, withTape } from './tape-fixture.js';

const isCode = (code: string) => (error: unknown) => error instanceof TargetError && error.code === code;

test('LOAD UNLOAD: an unloaded cartridge is not there, and comes back as one that may be another', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10));
    assert.is(sense(await rig.run('1b 00 00 00 00 00')), 'good');
    for (const refused of ['00 00 00 00 00 00', '08 00 00 00 0a 00', '34 00 00 00 00 00 00 00 00 00'])
      assert.is(sense(await rig.run(refused)), '02/3a/00', refused);
    assert.is(rig.drive.isUnloaded, true);
    assert.is(sense(await rig.run('1b 00 00 00 00 00')), 'good', 'unloaded already');
    assert.is(sense(await rig.run('1b 00 00 00 01 00')), 'good');
    assert.is(sense(await rig.run('08 00 00 00 0a 00')), 'good', 'who loads it knows');
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), '06/28/00');
  }));

test('LOAD UNLOAD: HOLD leaves the cartridge in the drive, and LOAD of what is loaded rewinds', () =>
  withTape({}, async (rig) => {
    await rig.write(block(10));
    assert.is(sense(await rig.run('1b 00 00 00 01 00')), 'good');
    assert.is(await rig.at(), '0/0');
    assert.is(sense(await rig.run('1b 00 00 00 08 00')), 'good');
    assert.is(sense(await rig.run('00 00 00 00 00 00')), '02/04/02');
    assert.is(sense(await rig.run('1b 01 00 00 01 00')), 'good', 'IMMED');
    assert.is(sense(await rig.run('1b 00 00 00 05 00')), '05/24/00', 'EOT with LOAD');
  }));

test('LOAD UNLOAD: a drive whose thread could not be replaced tries again', () =>
  withTape({ isBound: true }, async (rig) => {
    await rig.write(block(10));
    await rig.mark();
    const { thread } = rig;
    assert.ok(thread);
    const { restart } = thread;
    let isTried = false;
    thread.restart = async () => {
      isTried = true;
      throw new TargetError('DEVICE_THREAD_LOST', 'no thread can be started');
    };
    await thread.thread?.terminate();
    while (!isTried || sense(await rig.run('00 00 00 00 00 00')) === '02/04/01') await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(rig.notices.at(-1) as string, 'did not come back');
    thread.restart = restart;
    while (rig.unit.takeUnitAttention(nexus) !== undefined);
    assert.is(sense(await rig.run('1b 00 00 00 01 00')), 'good');
    assert.is(sense(await rig.run('08 00 00 00 0a 00')), 'good');
  }));

test('WRITE (6): a cartridge that is taken out under a command is not there any more', () =>
  withTape({ isBound: true }, async (rig) => {
    const [written] = await Promise.all([rig.run('0a 00 00 00 0a 00', { dataOut: block(10) }), rig.drive.remove()]);
    assert.is(sense(written), '02/3a/00');
  }));

for (const isBound of [false, true]) {
  test(`LOAD UNLOAD: what comes while a load with IMMED goes on waits for it, ${isBound ? 'on a thread' : 'on this thread'}`, () =>
    withTape({ isBound }, async (rig) => {
      await rig.run('1b 00 00 00 00 00');
      assert.is(sense(await rig.run('1b 01 00 00 01 00')), 'good', 'IMMED');
      assert.is(sense(await rig.run('1b 00 00 00 01 00')), 'good', 'a second load finds it loaded');
      assert.is(sense(await rig.run('00 00 00 00 00 00')), 'good');
      await rig.run('1b 00 00 00 00 00');
      assert.is(sense(await rig.run('1b 01 00 00 01 00')), 'good', 'IMMED');
      assert.is(sense(await rig.run('1b 00 00 00 00 00')), 'good', 'ejected when the load is done');
      assert.is(sense(await rig.run('00 00 00 00 00 00')), '02/3a/00');
      await rig.run('1b 01 00 00 01 00');
      const taken = await Promise.all([rig.drive.remove(), rig.drive.remove().catch((error: { code: string }) => error.code)]);
      assert.equal([taken[0].path, taken[1]], [rig.path, 'MEDIUM_ABSENT'], 'a cartridge is taken out once');
    }));
}

test('LOAD UNLOAD: an empty drive has nothing to load', () =>
  withTape({ isEmpty: true }, async (rig) => {
    assert.is(sense(await rig.run('1b 00 00 00 01 00')), '02/3a/00');
    assert.is(sense(await rig.run('1b 00 00 00 00 00')), 'good');
  }));

test('PREVENT ALLOW MEDIUM REMOVAL: neither commands nor changers take the cartridge out', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('1e 00 00 00 01 00')), 'good');
    assert.is(sense(await rig.run('1b 00 00 00 00 00')), '05/53/02');
    await rig.drive.remove().then(
      () => assert.unreachable(),
      (error) => assert.ok(isCode('MEDIUM_PREVENTED')(error)),
    );
    await rig.drive.insert(await rig.drive.remove({ isForced: true }));
    assert.is(rig.drive.isLoaded, true, 'an operator has taken it out by force, and put it in again');
    assert.is(sense(await rig.run('00 00 00 00 00 00')), '06/28/00');
    assert.is(sense(await rig.run('1e 00 00 00 00 00')), 'good');
    assert.is((await rig.drive.remove()).path, rig.path);
    assert.is(sense(await rig.run('1e 00 00 00 02 00')), '05/24/00');
  }));

test('a changer puts cartridges in and takes them out, and all nexuses learn of it', async () => {
  const rig = await TapeRig.make({ isEmpty: true });
  const two = join(rig.directory, 'two.tape');
  await rig.drive.remove().then(
    () => assert.unreachable(),
    (error) => assert.ok(isCode('MEDIUM_ABSENT')(error)),
  );
  await rig.drive.insert({ path: rig.path, barcode: 'ABC001L8', kind: 'tape' });
  assert.is(sense(await rig.run('00 00 00 00 00 00')), '06/28/00');
  assert.is(sense(await rig.run('00 00 00 00 00 00')), 'good');
  assert.is(rig.unit.mediaDrive, rig.drive);
  await rig.drive.insert({ path: two, barcode: null, kind: 'tape' }).then(
    () => assert.unreachable(),
    (error) => assert.ok(isCode('MEDIUM_PRESENT')(error)),
  );
  await rig.write(block(10));
  await rig.drive.remove();
  assert.is(sense(await rig.run('00 00 00 00 00 00')), '02/3a/00');
  await rig.drive.insert({ path: two, barcode: null, kind: 'cdrom' }).then(
    () => assert.unreachable(),
    (error) => assert.ok(isCode('MEDIUM_KIND')(error)),
  );
  await rig.drive.insert({ path: two, barcode: null, kind: 'tape' });
  await rig.run('00 00 00 00 00 00');
  assert.is(sense(await rig.run('08 00 00 00 0a 00')), '08/00/05 10', 'the other one is empty');
  await rig.end();
});

test('TEST UNIT READY: an image that is no tape is told as such and stays as it is', async () => {
  const rig = await TapeRig.make({ isEmpty: true });
  const path = join(rig.directory, 'text.tape');
  writeFileSync(path, 'this is no tape\n'.repeat(1000));
  await rig.drive.insert({ path, barcode: null, kind: 'tape' });
  assert.is(sense(await rig.run('00 00 00 00 00 00')), '03/30/01');
  assert.is(rig.notices.length, 1);
  assert.is(dataInOf(await rig.run('4d 00 6e 00 00 00 00 02 00 00'))[4 + 5 * 0x11 + 4], 1, 'TapeAlert: unsupported format');
  assert.is((await rig.drive.remove()).path, path);
  assert.is(sense(await rig.run('00 00 00 00 00 00')), '02/3a/00');
  await rig.end();
});

test('a drive does not start with an image that is no good', async () => {
  const rig = await TapeRig.make({ isEmpty: true });
  const path = join(rig.directory, 'text.tape');
  writeFileSync(path, '');
  appendFileSync(path, 'x'.repeat(5000));
  await rig.drive.loadFirst({ path, barcode: null, kind: 'tape' }).then(
    () => assert.unreachable(),
    (error) => assert.ok(isCode('TAPE_IMAGE_UNKNOWN')(error)),
  );
  await rig.end();
});

test('REPORT DENSITY SUPPORT: of the cartridge, and of the drive', () =>
  withTape({ capacityBytes: 5_000_000 }, async (rig) => {
    const ofMedium = dataInOf(await rig.run('44 01 00 00 00 00 00 04 00 00'));
    assertBytes(ofMedium.subarray(0, 20), hex('0036 0000 5e 5e a0 0000 0050bc 007f 1a00 00000005'.replace('0000 0050bc', '00 000050bc')));
    assert.is(Buffer.from(ofMedium.subarray(20)).toString('latin1'), 'LTO-CVE U-832   Ultrium 8/16T       ');
    assert.is(dataInOf(await rig.run('44 00 00 00 00 00 00 04 00 00')).length, 4 + 7 * 52);
    const types = dataInOf(await rig.run('44 03 00 00 00 00 00 04 00 00'));
    assertBytes(types.subarray(0, 10), hex('003a 0000 88 00 0034 01 5e'));
    assert.is(types.length, 4 + 56);
    assert.is(dataInOf(await rig.run('44 02 00 00 00 00 00 04 00 00')).length, 4 + 14 * 56);
    assert.is(sense(await rig.run('44 04 00 00 00 00 00 04 00 00')), '05/24/00');
    await rig.drive.remove();
    assert.is(sense(await rig.run('44 01 00 00 00 00 00 04 00 00')), '02/3a/00');
  }));

const attribute = (at: string) => `8c 00 00 00 00 00 00 00 ${at} 00 00 00 40 00 00`;

test('READ ATTRIBUTE, attribute values: of the medium, the device and hosts', () =>
  withTape({ barcode: 'ABC001L8', capacityBytes: 8 * 1024 * 1024 }, async (rig) => {
    assertBytes(dataInOf(await rig.run(attribute('00 01'))).subarray(4, 17), hex('0001 80 0008 0000000000000008'));
    assertBytes(dataInOf(await rig.run(attribute('00 03'))).subarray(4, 17), hex('0003 80 0008 0000000000000001'));
    const barcode = dataInOf(await rig.run(attribute('08 06')));
    assertBytes(barcode.subarray(4, 9), hex('0806 01 0020'));
    assert.is(Buffer.from(barcode.subarray(9, 41)).toString('latin1').trim(), 'ABC001L8');
    assert.is(sense(await rig.run(attribute('08 00'))), '05/24/00', 'nobody has written it');
    assert.is(sense(await rig.run('8c 00 00 00 00 01 00 00 00 00 00 00 00 40 00 00')), '05/24/00', 'another volume');
  }));

test('READ ATTRIBUTE, attribute values: the volume change reference is another one after each change, and after nothing else', () =>
  withTape({}, async (rig) => {
    const seen = new Set<string>();
    const reference = async () => {
      const data = dataInOf(await rig.run(attribute('00 09')));
      assertBytes(data.subarray(4, 9), hex('0009 80 0004'));
      return Buffer.from(data.subarray(9)).toString('hex');
    };
    const changed = async (what: string) => {
      const now = await reference();
      assert.not.ok(seen.has(now), what);
      seen.add(now);
    };
    await changed('at the start');
    await rig.write(block(10));
    await changed('a block');
    await rig.write(block(10));
    await changed('one more');
    await rig.mark();
    await changed('a mark');
    await rig.rewind();
    await rig.run('08 00 00 00 0a 00');
    await rig.run('1b 00 00 00 00 00');
    await rig.run('1b 00 00 00 01 00');
    assert.ok(seen.has(await reference()), 'reading and loading change nothing');
    await rig.write(block(10, 2));
    await changed('overwritten');
    await rig.write(block(10), block(10));
    await changed('as many objects as before');
    await rig.rewind();
    await rig.run('19 00 00 00 00 00');
    await changed('erased');
    await rig.run('04 00 00 00 00 00');
    await changed('formatted');
  }));

test('READ ATTRIBUTE, attribute list: identifiers by themselves', () =>
  withTape({}, async (rig) => {
    const list = dataInOf(await rig.run('8c 01 00 00 00 00 00 00 04 07 00 00 00 40 00 00'));
    assertBytes(list, hex('00000006 0407 0408 0409'));
    assert.is(sense(await rig.run('8c 01 00 00 00 00 00 09 00 00 00 00 00 40 00 00')), '05/24/00');
  }));

test('READ ATTRIBUTE, logical volume list: one', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('8c 02 00 00 00 00 00 00 00 00 00 00 00 40 00 00')), hex('0002 00 01'));
    assert.is(sense(await rig.run('8c 02 01 00 00 00 00 00 00 00 00 00 00 40 00 00')), '05/24/00');
  }));

test('READ ATTRIBUTE, partition list: as many as there are', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('8c 03 00 00 00 00 00 00 00 00 00 00 00 40 00 00')), hex('0002 00 01'));
    assert.is(sense(await rig.run('8c 03 01 00 00 00 00 00 00 00 00 00 00 40 00 00')), '05/24/00');
  }));

test('READ ATTRIBUTE, supported attributes: all that could be there', () =>
  withTape({}, async (rig) => {
    const list = Buffer.from(dataInOf(await rig.run('8c 05 00 00 00 00 00 00 00 00 00 00 04 00 00 00')));
    assert.is(list.readUInt32BE(), list.length - 4);
    assert.ok(list.includes(Buffer.from(hex('080c'))));
    assert.is(sense(await rig.run('8c 05 01 00 00 00 00 00 00 00 00 00 00 40 00 00')), '05/24/00');
  }));

test('WRITE ATTRIBUTE: what hosts write can be read, replaced and removed', () =>
  withTape({}, async (rig) => {
    const write = (list: string) => {
      const dataOut = hex(list);
      return rig.run(`8d 01 00 00 00 00 00 00 00 00 00 00 00 ${dataOut.length.toString(16).padStart(2, '0')} 00 00`, { dataOut });
    };
    assert.is(sense(await write('0000000d 0800 01 0008 4142434445464748')), 'good');
    await rig.run('1b 00 00 00 00 00');
    await rig.run('1b 00 00 00 01 00');
    assertBytes(dataInOf(await rig.run(attribute('08 00'))).subarray(4), hex('0800 01 0008 4142434445464748'));
    assert.is(sense(await write('00000005 0800 01 0000')), 'good');
    assert.is(sense(await rig.run(attribute('08 00'))), '05/24/00');
    assert.is(sense(await write('00000006 0003 00 0001 00')), '05/26/00', 'a device attribute');
    assert.is(sense(await write('00000006 0800 00 0001 00')), '05/26/00', 'another format');
    assert.is(sense(await write('0000000e 0800 01 0009 414243444546474849')), '05/26/00', 'too long');
    assert.is(sense(await write('0000000d 0800 01 0008 41424344')), '05/26/00', 'lengths that do not agree');
    assert.is(sense(await rig.run('8d 01 00 00 00 03 00 00 00 00 00 00 00 04 00 00')), '05/24/00');
  }));

test('INQUIRY: a removable sequential-access device and what is on its pages', () =>
  withTape({}, async (rig) => {
    const standard = dataInOf(await rig.run('12 00 00 00 60 00'));
    assertBytes(standard.subarray(0, 8), hex('01 80 05 32 5b 30 00 02'));
    assert.is(Buffer.from(standard.subarray(8, 32)).toString('latin1'), 'LUNLOOM VIRTUAL-TAPE    ');
    assertBytes(standard.subarray(58, 66), hex('00a0 0460 0520 0960'));
    assertBytes(dataInOf(await rig.run('12 01 00 00 60 00')), hex('01 00 000a 00 80 83 85 86 87 88 b0 b1 b2'));
    assertBytes(dataInOf(await rig.run('12 01 b0 00 60 00')), hex('01 b0 0002 01 00'));
    assertBytes(dataInOf(await rig.run('12 01 b1 00 60 00')), hex('01 b1 0007 534e2d30303432'));
    assertBytes(dataInOf(await rig.run('12 01 b2 00 60 00')), hex('01 b2 0008 1c c0 40 00 00 00 03 10'));
    assert.is((dataInOf(await rig.run('12 01 86 00 60 00'))[6] as number) & 1, 1, 'V_SUP');
    assert.is(sense(await rig.run('12 01 b3 00 60 00')), '05/24/00');
  }));

test('REPORT SUPPORTED OPERATION CODES: every row of the table', () =>
  withTape({}, async (rig) => {
    const data = Buffer.from(dataInOf(await rig.run('a3 0c 00 00 00 00 00 00 20 00 00 00')));
    assert.is((data.length - 4) / 8, rig.unit.deviceType.commands.rows.length);
    assertBytes(dataInOf(await rig.run('a3 0c 01 0a 00 00 00 00 20 00 00 00')), hex('00 03 0006 0a 01 ff ff ff 04'));
    assert.is(sense(await rig.run('a3 0c 07 00 00 00 00 00 20 00 00 00')), '05/24/00');
  }));

test('SEND DIAGNOSTIC: the default self-test', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await rig.run('1d 04 00 00 00 00')), 'good');
    assert.is(sense(await rig.run('1d 00 00 00 00 00')), '05/24/00');
  }));

test('a tape that is loaded again after its thread was lost stands at its beginning with all that was durable', async () => {
  const rig = await TapeRig.make({ isBound: true });
  const shared = new Uint8Array(new SharedArrayBuffer(100));
  shared.set(block(100));
  await rig.drive.call('writeBlock', shared);
  await rig.drive.call('writeFilemarks', 1, true);
  await rig.thread?.thread?.terminate();
  for (let tries = 0; tries < 200 && (rig.drive.state !== 'loaded' || rig.thread?.isLost === true); tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(sense(await rig.run('00 00 00 00 00 00')), '06/29/00');
  const position = await rig.drive.call('position');
  assert.is(position.objectNumber, 0);
  await rig.drive.call('locate', { partition: 0, to: 'endOfData', number: 0 });
  assert.is((await rig.drive.call('position')).objectNumber, 2);
  await rig.end();
});

test('a thread that dies between two calls of a load has a successor that loads', async () => {
  const rig = await TapeRig.make({ isBound: true });
  const { thread } = rig;
  assert.ok(thread !== null);
  const { call } = thread;
  thread.call = async function (this: typeof thread, name: string, ...args: unknown[]) {
    const answer: unknown = await (call as (name: string, ...args: unknown[]) => Promise<unknown>).call(this, name, ...args);
    if (name === 'load') {
      thread.call = call;
      await thread.thread?.terminate();
      while (!thread.isLost) await new Promise((resolve) => setImmediate(resolve));
    }
    return answer;
  } as typeof call;
  await thread.thread?.terminate();
  const isBack = () => thread.call === call && rig.drive.state === 'loaded' && !thread.isLost;
  for (let tries = 0; tries < 300 && !isBack(); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(rig.drive.state, 'loaded');
  assert.is(thread.isLost, false);
  await rig.end();
});

test.run();
