import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSetDataEncryption } from '../../../../engine/devices/tape/encryption/set-data-encryption.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { dataInOf, nexus, otherNexus } from '../../scsi/scsi-fixture.js';
import { block, sense, type TapeRig, withTape } from './tape-fixture.js';

const KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const OTHER_KEY = KEY.replaceAll('0', '1');

interface PageOptions {
  readonly scope?: string;
  readonly controls?: string;
  readonly modes?: string;
  readonly key?: string;
  readonly kads?: string;
}

function page({ scope = '40', controls = '00', modes = '0202', key = KEY, kads = '' }: PageOptions = {}): Uint8Array {
  const keyLength = (key.length / 2).toString(16).padStart(4, '0');
  const rest = `${scope}${controls}${modes}01 00 00 ${'00'.repeat(7)}${keyLength}${key}${kads}`.replaceAll(' ', '');
  return hex(`0010 ${(rest.length / 2).toString(16).padStart(4, '0')} ${rest}`);
}

function set(rig: TapeRig, list: Uint8Array, by = nexus) {
  return rig.run(`b5 20 00 10 00 00 00 00 00 ${list.length.toString(16).padStart(2, '0')} 00 00`, { dataOut: list, nexus: by });
}

const get = (code: string) => `a2 20 ${code} 00 00 00 00 04 00 00 00`;

test('SECURITY PROTOCOL IN: the protocols and the pages of tape data encryption', () =>
  withTape({}, async (rig) => {
    assertBytes(dataInOf(await rig.run('a2 00 00 00 00 00 00 00 04 00 00 00')), hex('000000000000 0002 00 20'));
    assertBytes(dataInOf(await rig.run('a2 00 00 01 00 00 00 00 04 00 00 00')), hex('00000000'));
    assertBytes(dataInOf(await rig.run(get('00 00'))), hex('0000 0010 0000 0001 0010 0011 0012 0020 0021 0030'));
    assertBytes(dataInOf(await rig.run(get('00 01'))), hex('0001 0002 0010'));
    assertBytes(
      dataInOf(await rig.run(get('00 10'))),
      hex('0010 0028 05 000000000000000000000000000000 01 00 0014 ba 94 0020 000c 0020 52 00 0000 0000 0000 00010014'),
    );
    assertBytes(dataInOf(await rig.run(get('00 11'))), hex('0011 0001 00'));
    assertBytes(dataInOf(await rig.run(get('00 12'))), hex('0012 000c 00 07 00 07 0000000000000000'));
    assertBytes(dataInOf(await rig.run(get('00 20'))), hex('0020 0014 00 00 00 00 00000000 10 00 0000 0000000000000000'));
    assert.is(dataInOf(await rig.run(get('00 30'))).length, 36);
    assert.is(dataInOf(await rig.run('a2 20 00 00 80 00 00 00 00 01 00 00')).length, 512, 'INC_512');
    assert.is(sense(await rig.run(get('00 31'))), '05/24/00');
    assert.is(sense(await rig.run('a2 41 00 00 00 00 00 00 04 00 00 00')), '05/24/00');
  }));

test('SECURITY PROTOCOL OUT: blocks are written encrypted, and read with their key alone', () =>
  withTape({}, async (rig) => {
    await rig.write(block(50, 9));
    assert.is(sense(await set(rig, page({ kads: '00 00 0003 414243 01 00 0002 5859' }))), 'good');
    await rig.write(block(100));
    await rig.run('11 00 ff ff ff 00');
    const next = dataInOf(await rig.run(get('00 21')));
    assertBytes(next, hex('0021 0019 0000000000000001 35 01 00 00 00 01 0003 414243 01 02 0002 5859'));
    assertBytes(dataInOf(await rig.run('08 00 00 00 64 00')), block(100));
    await rig.rewind();
    assert.is(sense(await rig.run('08 00 00 00 32 00')), '07/74/02 50', 'not encrypted');
    assert.is(sense(await set(rig, page({ modes: '0203' }))), 'good', 'mixed');
    assertBytes(dataInOf(await rig.run('08 00 00 00 32 00')), block(50, 9));
    assert.is(sense(await set(rig, page({ key: OTHER_KEY }))), 'good');
    assert.is(sense(await rig.run('08 00 00 00 64 00')), '07/74/03 100');
    assert.is(await rig.at(), '0/1', 'before the block');
    assert.is(sense(await set(rig, page({ modes: '0000', key: '' }))), 'good');
    assert.is(sense(await rig.run('08 00 00 00 64 00')), '07/74/01 100');
    await set(rig, page());
    assertBytes(dataInOf(await rig.run('08 00 00 00 64 00')), block(100));
    // `stenc -e off` sends a key that nobody needs.
    assert.is(sense(await set(rig, page({ modes: '0000' }))), 'good');
    assertBytes(dataInOf(await rig.run(get('00 20'))).subarray(5, 7), hex('00 00'));
  }));

test('SECURITY PROTOCOL OUT: scopes, and who is told', () =>
  withTape({}, async (rig) => {
    assert.is(sense(await set(rig, page({ scope: '20' }))), 'good', 'for this nexus');
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), 'good');
    await rig.write(block(64));
    await rig.rewind();
    assert.is(sense(await rig.run('08 00 00 00 40 00', { nexus: otherNexus })), '07/74/01 64');
    const status = dataInOf(await rig.run(get('00 20')));
    assertBytes(status.subarray(4, 12), hex('21 02 02 01 00000001'));
    assert.is(sense(await set(rig, page({ scope: '40' }))), 'good', 'for all');
    assert.is(sense(await rig.run('00 00 00 00 00 00', { nexus: otherNexus })), '06/2a/11');
    assertBytes(dataInOf(await rig.run(get('00 20'), { nexus: otherNexus })).subarray(4, 12), hex('02 02 02 01 00000002'));
    assert.is(sense(await rig.run('08 00 00 00 40 00', { nexus: otherNexus })), 'good');
    assert.is(sense(await set(rig, page({ scope: '00' }))), 'good', 'no more');
    assertBytes(dataInOf(await rig.run(get('00 20'))).subarray(4, 7), hex('00 00 00'));
  }));

test('SECURITY PROTOCOL OUT: keys go with the volume, with the nexus and with a reset', () =>
  withTape({}, async (rig) => {
    const mode = async () => dataInOf(await rig.run(get('00 20')))[5];
    await set(rig, page({ controls: '04' }));
    assert.is(await mode(), 2);
    await rig.run('1b 00 00 00 00 00');
    assert.is(sense(await rig.run('00 00 00 00 00 00')), '06/2a/11', 'the key is gone, and who set it learns of it');
    assert.is(await mode(), 0, 'CKOD');
    await rig.run('1b 00 00 00 01 00');
    await set(rig, page());
    await rig.run('1b 00 00 00 00 00');
    assert.is(await mode(), 2, 'not CKOD');
    rig.unit.reset('logical-unit-reset');
    assert.is(await mode(), 0);
    await set(rig, page({ scope: '20' }));
    rig.unit.loseNexus(nexus);
    assert.is(await mode(), 0);
    assert.is(sense(await set(rig, page({ controls: '02' }))), '05/26/00', 'CKORP without a reservation');
  }));

test('SECURITY PROTOCOL OUT: lists that make no sense change nothing', () =>
  withTape({}, async (rig) => {
    const faults: readonly (readonly [PageOptions, string])[] = [
      [{ scope: '60' }, 'SCOPE'],
      [{ scope: '41' }, 'LOCK'],
      [{ controls: '08' }, 'SDK'],
      [{ controls: '20' }, 'RDMC'],
      [{ modes: '0302' }, 'ENCRYPTION MODE'],
      [{ modes: '0204' }, 'DECRYPTION MODE'],
      [{ key: KEY.slice(2) }, 'KEY LENGTH'],
      [{ modes: '0202', key: '' }, 'no key'],
      [{ kads: '01 00 0001 41 00 00 0001 41' }, 'the order of key-associated data'],
      [{ kads: '02 00 0001 41' }, 'a nonce'],
      [{ kads: `01 00 000d ${'41'.repeat(13)}` }, 'too long'],
      [{ modes: '0002', kads: '00 00 0001 41' }, 'without encryption'],
    ];
    for (const [options, what] of faults) assert.is(sense(await set(rig, page(options))), '05/26/00', what);
    assert.is(sense(await set(rig, page({ kads: '00 00 0009 41' }))), '05/1a/00');
    assert.is(sense(await set(rig, page().subarray(0, 10))), '05/1a/00');
    assert.is(sense(await rig.run('b5 20 00 11 00 00 00 00 00 14 00 00')), '05/24/00');
    assert.is(sense(await rig.run('b5 00 00 10 00 00 00 00 00 14 00 00')), '05/24/00');
    assert.is(sense(await rig.run('b5 20 00 10 00 00 00 00 00 00 00 00')), 'good', 'no list');
    assert.is(dataInOf(await rig.run(get('00 20')))[5], 0);
  }));

test('any bytes in the place of a Set Data Encryption page are read or refused, and never throw', () => {
  const good = page({ kads: '00 00 0003 414243' });
  for (let length = 0; length <= good.length; length++) readSetDataEncryption(good.slice(0, length));
  for (let at = 0; at < good.length; at++) {
    for (const value of [0x00, 0x01, 0x7f, 0xff]) {
      const list = Uint8Array.from(good);
      list[at] = value;
      assert.type(readSetDataEncryption(list), 'object');
    }
  }
});

test.run();
