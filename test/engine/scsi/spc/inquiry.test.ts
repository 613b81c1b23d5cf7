import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deriveEui64, deriveNaa } from '../../../../engine/scsi/spc/naa.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, run } from '../scsi-fixture.js';

const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

const STANDARD = `
  00 00 05 32 5b 38 00 02      # disk, SPC-3, NORMACA, HISUP and format 2, 91 more bytes, TPGS 11b and 3PC, CMDQUE
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
  assertData(list, '00 00 000b 00 80 83 85 86 87 88 8f b0 b1 b2');
  for (const code of dataInOf(list).slice(4)) {
    const page = run(makeUnit(), `12 01 ${code.toString(16).padStart(2, '0')} 0fff 00`);
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
    00 83 0087
    01 03 00 08 3123456789abcdef                                             # NAA, locally assigned
    01 02 00 08 9a7318085f75227a                                             # EUI-64, locally administered
    02 01 00 1f ${ascii('LUNLOOM VIRTUAL-DISK    SN-0042')}
    03 08 00 18 ${ascii('naa.3123456789ABCDEF')} 00000000
    51 94 00 04 00000003                                                     # relative target port of the nexus
    51 95 00 04 00000001                                                     # target port group
    53 98 00 1c ${ascii('iqn.2024-01.test:t,t,0x0001')} 00             # padded to a multiple of four
    `,
  );
});

test('INQUIRY: an NAA name of 32 digits is sixteen bytes of VPD 83h, and the EUI-64 follows from it', () => {
  const naa = '600c0ff00012345678123456789abcde';
  const page = Buffer.from(dataInOf(run(makeUnit({ identity: { naa } }), '12 01 83 03ff 00'))).toString('hex');
  assert.match(page, `01030010${naa}01020008`);
  assert.match(page, `03080028${ascii(`naa.${naa.toUpperCase()}`)}00000000`);
  assert.equal(deriveEui64(naa), deriveEui64(naa));
  assert.not.equal(deriveEui64(naa), deriveEui64('3123456789abcdef'));
  for (const name of [naa, '3123456789abcdef', '5000c50012345678'])
    assert.is((deriveEui64(name)[0] as number) & 0x03, 0x02, 'of one device, assigned by nobody');
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
