import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deriveNaa } from '../../../../engine/scsi/spc/naa.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, run } from '../scsi-fixture.js';

const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

const STANDARD = `
  00 00 05 32 5b 00 00 02      # disk, SPC-3, NORMACA, HISUP and format 2, 91 more bytes, CMDQUE
  ${ascii('LUNLOOM ')}
  ${ascii('VIRTUAL-DISK    ')}
  ${ascii('0001')}
  ${'00'.repeat(22)}
  00a0 0460 04c0 0960          # SAM-5, SPC-4, SBC-3, iSCSI
  ${'00'.repeat(30)}
`;

test('standard INQUIRY data (SPC-4 §6.6.2)', () => {
  assertData(run(makeUnit(), '12 00 00 0104 00'), STANDARD);
});

test('every allocation length cuts the same data, and none is an error', () => {
  const expected = hex(STANDARD);
  for (let length = 0; length <= 300; length++) {
    const command = run(makeUnit(), `12 00 00 ${length.toString(16).padStart(4, '0')} 00`);
    assertGood(command);
    assert.is(command.dataInLength, Math.min(length, expected.length));
    assertBytes(dataInOf(command), expected.subarray(0, length));
  }
});

test('Data-In is the command’s own memory and not the store’s', () => {
  const unit = makeUnit();
  const first = run(unit, '12 00 00 0060 00').dataIn;
  const second = run(unit, '12 00 00 0060 00');
  assert.is.not(first, second.dataIn);
  assert.is(second.dataInFromStore, false);
  assert.is(second.dataInStart, 0);
});

test('a page code without EVPD is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), '12 00 01 0100 00'), '05/24/00', '2');
  assertCheck(run(makeUnit(), '12 00 83 00ff 00'), '05/24/00', '2');
});

test('a VPD page that we do not have is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), '12 01 01 00ff 00'), '05/24/00', '2');
  assertCheck(run(makeUnit(), '12 01 ff 00ff 00'), '05/24/00', '2');
});

test('VPD 00h lists the pages, and each listed page can be read', () => {
  const list = run(makeUnit(), '12 01 00 00ff 00');
  assertData(list, '00 00 0006 00 80 83 b0 b1 b2');
  for (const code of dataInOf(list).slice(4)) {
    const page = run(makeUnit(), `12 01 ${code.toString(16).padStart(2, '0')} 00ff 00`);
    assertGood(page);
    assert.is(dataInOf(page)[1], code);
    assert.is(Buffer.from(dataInOf(page)).readUInt16BE(2), page.dataInLength - 4, 'PAGE LENGTH');
  }
});

test('VPD 80h is the serial number', () => {
  assertData(run(makeUnit(), '12 01 80 00ff 00'), `00 80 0007 ${ascii('SN-0042')}`);
});

test('VPD 83h names logical unit and target port (SPC-4 §7.8.6)', () => {
  const command = run(makeUnit(), '12 01 83 00ff 00');
  assertData(
    command,
    `
    00 83 005f
    01 03 00 08 3123456789abcdef                                             # NAA, locally assigned
    02 01 00 1f ${ascii('LUNLOOM VIRTUAL-DISK    SN-0042')}
    51 94 00 04 00000003                                                     # relative target port of the nexus
    51 95 00 04 00000001                                                     # target port group
    53 98 00 1c ${ascii('iqn.2024-01.test:t,t,0x0001')} 00             # padded to a multiple of four
    `,
  );
});

test('VPD B0h tells the largest transfer in blocks and claims no UNMAP (SBC-3 "Block Limits VPD page")', () => {
  assertData(run(makeUnit(), '12 01 b0 0040 00'), `00 b0 003c 00 00 0008 00000100 00000100 ${'00'.repeat(48)}`);
  const unit4k = makeUnit({ store: new MemoryStore(8 * 4096), blockLengthBytes: 4096 });
  assertData(run(unit4k, '12 01 b0 0040 00'), `00 b0 003c 00 00 0001 00000020 00000020 ${'00'.repeat(48)}`);
});

test('VPD B1h: non-rotating', () => {
  assertData(run(makeUnit(), '12 01 b1 0040 00'), `00 b1 003c 0001 ${'00'.repeat(58)}`);
});

test('VPD B2h: fully provisioned', () => {
  assertData(run(makeUnit(), '12 01 b2 0040 00'), '00 b2 0004 00000000');
});

test('a VPD page is cut to the allocation length with its PAGE LENGTH unchanged', () => {
  assertData(run(makeUnit(), '12 01 b1 0005 00'), '00 b1 003c 00');
});

test('the derived NAA is locally assigned, stable, and differs with each of its sources', () => {
  const naa = deriveNaa('iqn.2024-01.test:t', 0, 'SN-0042');
  assert.match(naa, /^3[0-9a-f]{15}$/);
  assert.is(deriveNaa('iqn.2024-01.test:t', 0, 'SN-0042'), naa);
  const others = [deriveNaa('iqn.2024-01.test:u', 0, 'SN-0042'), deriveNaa('iqn.2024-01.test:t', 1, 'SN-0042'), deriveNaa('iqn.2024-01.test:t', 0, 'SN-0043')];
  assert.is(new Set([naa, ...others]).size, 4);
});

test.run();
