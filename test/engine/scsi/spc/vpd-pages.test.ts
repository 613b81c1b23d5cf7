import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessState } from '../../../../engine/scsi/alua/access-state.js';
import { TargetPortGroups } from '../../../../engine/scsi/alua/target-port-groups.js';
import { assertData, dataInOf, makeUnit, run } from '../scsi-fixture.js';

const page = (code: string) => `12 01 ${code} 0200 00`;

test('INQUIRY: the supported pages are listed in their order', () => {
  const pages = [...dataInOf(run(makeUnit(), page('00')))].slice(4);
  assert.equal(
    pages,
    [...pages].sort((one, other) => one - other),
  );
  for (const code of [0x00, 0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0xb0, 0xb1, 0xb2]) assert.ok(pages.includes(code), code.toString(16));
});

test('INQUIRY: the Extended INQUIRY Data page tells of task attributes and of the longest sense data (SPC-4)', () => {
  const data = dataInOf(run(makeUnit(), page('86')));
  assert.equal([data.length, data[3], data[4], data[5], data[13]], [64, 60, 0, 0x07, 252]);
});

test('INQUIRY: mode pages are shared, and there is no management network address', () => {
  assertData(run(makeUnit(), page('87')), '00 87 0004 3f ff 00 00');
  assertData(run(makeUnit(), page('85')), '00 85 0000');
});

test('INQUIRY: the SCSI Ports page names every port of the target', () => {
  const options = { after: () => () => {}, transitionMsMax: 1000 };
  const group = (id: number, ports: number[]) => ({ id, ports, state: AccessState.activeOptimized, isPreferred: false });
  const unit = makeUnit({ host: { portGroups: new TargetPortGroups([group(1, [7]), group(2, [3])], options) } });
  const data = Buffer.from(dataInOf(run(unit, page('88'))));
  const names: [number, string][] = [];
  for (let at = 4; at < data.length; ) {
    const length = data.readUInt16BE(at + 10);
    assert.equal([data.readUInt16BE(at + 6), data[at + 12], data[at + 13]], [0, 0x53, 0x98], 'no initiator port; iSCSI, UTF-8; a name of the target port');
    names.push([
      data.readUInt16BE(at + 2),
      data
        .subarray(at + 16, at + 12 + length)
        .toString('utf8')
        .replaceAll('\0', ''),
    ]);
    at += 12 + length;
  }
  assert.equal(names, [
    [3, 'iqn.2024-01.test:t,t,0x0003'],
    [7, 'iqn.2024-01.test:t,t,0x0007'],
  ]);
});

test('INQUIRY: MULTIP tells of more than one target port', () => {
  const options = { after: () => () => {}, transitionMsMax: 1000 };
  const unitOf = (...ports: number[]) => {
    const groups = ports.map((port) => ({ id: port, ports: [port], state: AccessState.activeOptimized, isPreferred: false }));
    return makeUnit({ host: { portGroups: new TargetPortGroups(groups, options) } });
  };
  const multiPortByteOf = (unit: ReturnType<typeof makeUnit>) => dataInOf(run(unit, '12 00 00 0060 00'))[6];
  assert.is(multiPortByteOf(unitOf(1)), 0x00);
  assert.is(multiPortByteOf(unitOf(1, 2)), 0x10);
});

test.run();
