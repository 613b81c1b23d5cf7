import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertGood, dataInOf, makeUnit, nexus, otherNexus, run } from '../scsi-fixture.js';

const REPORT = 'a3 0f 00000000 000000ff 00 00';
const timeOf = (data: Uint8Array) => Buffer.from(data).readUIntBE(4, 6);

test('REPORT TIMESTAMP: without SET TIMESTAMP it is the clock of the host', () => {
  const before = Date.now();
  const data = dataInOf(run(makeUnit(), REPORT));
  assert.equal([data.length, data[1], data[2]], [12, 10, 0b011]);
  assert.ok(timeOf(data) >= before && timeOf(data) <= Date.now());
});

test('SET TIMESTAMP: the time goes on from what was set, and others are told', () => {
  const unit = makeUnit({ host: { nexusesOf: () => [nexus, otherNexus] } });
  assertGood(run(unit, 'a4 0f 00000000 0000000c 00 00', { dataOut: hex('00000000 0100000000ff 0000') }));
  const data = dataInOf(run(unit, REPORT));
  assert.is(data[2], 0b010);
  assert.ok(timeOf(data) >= 0x0100000000ff && timeOf(data) < 0x0100000000ff + 10_000);
  assertCheck(run(unit, '00', { nexus: otherNexus }), '06/2a/10');
});

test('SET TIMESTAMP: no list sets nothing, and one of another length is refused', () => {
  const unit = makeUnit();
  assertGood(run(unit, 'a4 0f 00000000 00000000 00 00'));
  assertCheck(run(unit, 'a4 0f 00000000 0000000b 00 00', { dataOut: new Uint8Array(11) }), '05/1a/00');
  assertCheck(run(unit, 'a4 0f 00000000 0000000c 00 00', { dataOut: new Uint8Array(5) }), '05/1a/00');
  assert.is(dataInOf(run(unit, REPORT))[2], 0b011);
});

test.run();
