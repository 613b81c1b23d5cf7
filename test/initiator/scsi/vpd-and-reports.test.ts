import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseStandardInquiry, versionDescriptorName } from '../../../initiator/scsi/inquiry-data.js';
import * as reports from '../../../initiator/scsi/reports.js';
import { VpdPageCode, type VpdPageName, vpdParsers } from '../../../initiator/scsi.js';
import { seededRandom } from '../../support/random.js';
import { cdbHex, hex, scriptedUnit } from './scripted-unit.js';

test('standard INQUIRY: what follows the 36 bytes may be missing', () => {
  const data = Buffer.alloc(36);
  data.set([0x25, 0x80, 0x06, 0x32, 31, 0x39, 0x00, 0x02]);
  data.write('VENDOR  PRODUCT         1.0 ', 8, 'latin1');
  const short = parseStandardInquiry(data);
  assert.equal([short.peripheralQualifier, short.peripheralDeviceType, short.removable], [1, 5, true]);
  assert.equal([short.vendor, short.product, short.revision], ['VENDOR', 'PRODUCT', '1.0']);
  assert.equal([short.normalAca, short.hierarchicalLuns, short.commandQueuing, short.protection, short.thirdPartyCopy], [true, true, true, true, true]);
  assert.is(short.targetPortGroupSupport, 3);
  assert.equal(short.versionDescriptors, []);
  const long = Buffer.concat([data, Buffer.alloc(60)]);
  long.writeUInt16BE(0x04c5, 58);
  long.writeUInt16BE(0x0960, 60);
  assert.equal(parseStandardInquiry(long).versionDescriptors.map(versionDescriptorName), ['SBC-3', 'iSCSI']);
});

test('device identification: every kind of designator as one writes it', () => {
  const page = hex(`
    01030008 6001405abcdef012
    02010010 4c554e4c4f4f4d20 5649525455414c20
    51940004 00000001
    51950004 00000102
    53980014 69716e2e782c742c3078303030310000 00000000
    01020008 0011223344556677
  `);
  const shown = vpdParsers.deviceIdentification(page).map(({ association, type, text, protocol }) => [association, type, text, protocol]);
  assert.equal(shown, [
    ['logical unit', 'NAA', 'naa.6001405abcdef012', null],
    ['logical unit', 'T10 vendor ID', 'LUNLOOM VIRTUAL', null],
    ['target port', 'relative target port', '1', 5],
    ['target port', 'target port group', '258', 5],
    ['target port', 'SCSI name string', 'iqn.x,t,0x0001', 5],
    ['logical unit', 'EUI-64', 'eui.0011223344556677', null],
  ]);
});

test('block limits and logical block provisioning', () => {
  const limits = Buffer.alloc(0x3c);
  limits.set(hex('01 ff 0008 00004000 00000200 00000010 00001000 00000020 00000040 80000003 0000000000010000'));
  const parsed = vpdParsers.blockLimits(limits);
  assert.equal(
    [parsed.writeSameNonZero, parsed.compareAndWriteLengthMax, parsed.optimalTransferLengthGranularity, parsed.transferLengthMax],
    [true, 255, 8, 0x4000],
  );
  assert.equal([parsed.unmapLbaCountMax, parsed.unmapDescriptorCountMax, parsed.optimalUnmapGranularity], [0x1000, 0x20, 0x40]);
  assert.equal([parsed.unmapGranularityAlignment, parsed.writeSameLengthMax], [3, 0x10000n]);
  // SBC-2 units send 12 bytes.
  assert.is(vpdParsers.blockLimits(limits.subarray(0, 12)).unmapLbaCountMax, 0);
  assert.is(vpdParsers.blockLimits(limits.subarray(0, 12)).unmapGranularityAlignment, null);
  const thin = vpdParsers.logicalBlockProvisioning(hex('0a e4 02 00'));
  assert.equal(
    [thin.unmapSupported, thin.writeSame16Unmaps, thin.writeSame10Unmaps, thin.unmappedReadsZeros, thin.anchorSupported],
    [true, true, true, true, false],
  );
  assert.equal([thin.thresholdExponent, thin.provisioningType], [10, 2]);
});

test('lists of other pages', () => {
  assert.is(vpdParsers.unitSerialNumber(Buffer.from('  ABC123  ')), 'ABC123');
  assert.equal(vpdParsers.modePagePolicy(hex('08 00 81 00  3f ff 03 00')), [
    { pageCode: 8, subpageCode: 0, multipleLogicalUnitsShare: true, policy: 1 },
    { pageCode: 0x3f, subpageCode: 0xff, multipleLogicalUnitsShare: false, policy: 3 },
  ]);
  assert.equal(vpdParsers.managementNetworkAddresses(hex('01 00 0008 687474703a2f2f78')), [{ association: 0, serviceType: 1, address: 'http://x' }]);
  const [port] = vpdParsers.scsiPorts(hex('0000 0001 0000 0000 0000 0008 51940004 00000001'));
  assert.equal([port?.relativePortIdentifier, port?.targetPortDesignators[0]?.text], [1, '1']);
  assert.equal(vpdParsers.thirdPartyCopy(hex('0001 0002 aabb')), [{ type: 1, body: hex('aabb') }]);
  const extended = vpdParsers.extendedInquiry(hex('00 07 01 10 0000 003c 00 fc'));
  assert.equal([extended.simpleSupport, extended.volatileCache, extended.itNexusLossClearsReservations], [true, true, true]);
  assert.equal([extended.extendedSelfTestMinutes, extended.senseLengthMax], [60, 252]);
});

test('no bytes make a parser throw or run on', () => {
  const random = seededRandom(20_261_123);
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(Array.from({ length: random.below(80) }, () => random.below(256)));
    for (const name of Object.keys(VpdPageCode) as VpdPageName[]) vpdParsers[name](bytes);
    reports.parseModePages(bytes);
    const padded = Buffer.concat([bytes, Buffer.alloc(8)]);
    for (const parse of [
      reports.parseSupportedCommands,
      reports.parseTargetPortGroups,
      reports.parseLogPage,
      reports.parseLbaStatus,
      reports.parseCommandSupport,
    ]) {
      parse(padded);
    }
  }
});

test('a page by its name is asked for by its code, and another page is no answer', async () => {
  const { unit, commands } = scriptedUnit(() => ({ dataIn: hex('00 80 0003 414243') }));
  assert.is(await unit.vpd('unitSerialNumber'), 'ABC');
  assert.is(cdbHex(commands[0] as never), '120180100000');
  const wrong = await unit.vpd('blockLimits').catch((error: unknown) => error);
  assert.match(String(wrong), 'answers VPD page 0x80 for blockLimits');
});

test('supported operation codes: with and without service action and timeouts', async () => {
  const all = hex('00000024  00 00 0000 00 00 0006  9e 00 0010 00 03 0010 000a 0000 00000000 00000000  a3 00 000c 00 01 000c');
  assert.equal(await scriptedUnit(() => ({ dataIn: all })).unit.reportSupportedOperationCodes(), [
    { operationCode: 0, serviceAction: null, cdbLength: 6 },
    { operationCode: 0x9e, serviceAction: 0x10, cdbLength: 16 },
    { operationCode: 0xa3, serviceAction: 0x0c, cdbLength: 12 },
  ]);
  const one = scriptedUnit(() => ({ dataIn: hex('00 03 0006 120100ff ff00') }));
  const { support, cdbUsage } = await one.unit.reportSupportedOperationCode({ operationCode: 0x12 });
  assert.equal([support, cdbUsage], ['as the standard', hex('120100ffff00')]);
});

test('target port groups, task management functions, log pages and mode pages', async () => {
  const groups = hex('00000018  80 8f 0001 00 02 00 02 00000001 00000002  02 01 0002 00 00 00 00');
  assert.equal(reports.parseTargetPortGroups(groups), [
    { preferred: true, asymmetricAccessState: 0, supportedStates: 0x8f, targetPortGroup: 1, statusCode: 2, relativeTargetPortIdentifiers: [1, 2] },
    { preferred: false, asymmetricAccessState: 2, supportedStates: 1, targetPortGroup: 2, statusCode: 0, relativeTargetPortIdentifiers: [] },
  ]);
  const functions = await scriptedUnit(() => ({ dataIn: hex('c8 07 00 0c') })).unit.reportSupportedTaskManagementFunctions();
  assert.equal(
    Object.entries(functions)
      .filter(([, isSupported]) => isSupported)
      .map(([name]) => name),
    ['abortTask', 'abortTaskSet', 'logicalUnitReset', 'queryAsynchronousEvent', 'queryTaskSet', 'itNexusReset'],
  );
  const log = reports.parseLogPage(hex('0d 00 0006 0000 03 02 0017'));
  assert.equal([log.pageCode, log.parameters], [0x0d, [{ code: 0, control: 3, value: hex('0017') }]]);
  const pages = reports.parseModePages(hex('88 02 0400  4a 01 0003 010203  0a 05 00'));
  assert.equal(pages, [
    { pageCode: 8, subpageCode: 0, savable: true, body: hex('0400') },
    { pageCode: 0x0a, subpageCode: 1, savable: false, body: hex('010203') },
  ]);
  assert.equal(Buffer.concat(pages.map(reports.encodeModePage)), hex('08 02 0400 4a 01 0003 010203'));
});

test('MODE SELECT sends header, descriptors and pages', async () => {
  const { unit, commands } = scriptedUnit(() => ({}));
  await unit.modeSelect(hex('0a020001'), { savePages: true, blockDescriptors: hex('0000000000000200') });
  await unit.modeSelect(hex('0a020001'), {}, 6);
  assert.equal(commands.map(cdbHex), ['55110000000000001400', '151000000800']);
  assert.equal(
    commands.map(({ dataOut }) => Buffer.from(dataOut ?? []).toString('hex')),
    ['000000000000000800000000000002000a020001', '000000000a020001'],
  );
});

test('XDWRITEREAD sends and asks for as many bytes', async () => {
  const { unit, commands } = scriptedUnit(() => ({ dataIn: Buffer.alloc(1024, 1) }));
  assert.is((await unit.xdWriteRead(1, Buffer.alloc(1024), 512)).length, 1024);
  assert.equal([commands[0]?.dataInLength, commands[0]?.dataOut?.length], [1024, 1024]);
});

test('PRE-FETCH tells by its status whether all fits', async () => {
  assert.is(await scriptedUnit(() => ({ status: 4 })).unit.prefetch(0, 1), true);
  assert.is(await scriptedUnit(() => ({})).unit.prefetch(0, 1), false);
});

test.run();
