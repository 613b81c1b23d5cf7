import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { dataInOf, run } from '../scsi-fixture.js';
import { makeCopyScene } from './copy-scene.js';

function descriptorsOf(page: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  assert.is(view.getUint16(2), page.length - 4);
  const descriptors = new Map<number, Uint8Array>();
  for (let at = 4; at < page.length; ) {
    const length = view.getUint16(at + 2);
    assert.is(length % 4, 0, 'padded');
    descriptors.set(view.getUint16(at), page.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return descriptors;
}

test('INQUIRY: the Third-party Copy VPD page has all descriptors, with the commands of the table and the limits', () => {
  const { units } = makeCopyScene({ limits: { copyRangeCountMax: 64, rodTokenIdleSecondsMax: 300, rodTokenIdleSeconds: 30 } });
  const unit = units[0] as LogicalUnit;
  const descriptors = descriptorsOf(dataInOf(run(unit, '12 01 8f 10 00 00')));
  assert.equal([...descriptors.keys()], [0x0000, 0x0001, 0x0004, 0x0008, 0x000c, 0x0106, 0x0108, 0x8001, 0xc001]);
  assertBytes(descriptors.get(0x0000) as Uint8Array, hex(`000000000000 0040 0000012c 0000001e ${'00'.repeat(16)}`));
  assertBytes(descriptors.get(0x0001) as Uint8Array, hex('11 83 05 00 01 10 11 1c 84 08 00 01 03 04 05 06 07 08 0000'));
  assertBytes(descriptors.get(0x0008) as Uint8Array, hex('04 00 02 0a e4 000000'));
  assertBytes(descriptors.get(0x000c) as Uint8Array, hex('0002 ffff'));
  assertBytes((descriptors.get(0x8001) as Uint8Array).subarray(0, 14), hex('00000040 00000040 00000000 09 00'));
});

test('INQUIRY: 3PC is set', () => {
  const { units } = makeCopyScene();
  assert.is((dataInOf(run(units[0] as LogicalUnit, '12 00 00 00 60 00'))[5] as number) & 0x08, 0x08);
});

test.run();
