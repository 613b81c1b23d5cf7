import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTransportId } from '../../../../../engine/scsi/spc/reservations/transport-id.js';
import { assertCheck, assertData, dataInOf, run } from '../../scsi-fixture.js';
import { a, aElsewhere, b, capabilitiesOf, fullStatusOf, good, hexOf, keyA, keyB, makeScene, register, reserve } from './reservation-scene.js';

test('PERSISTENT RESERVE IN (READ KEYS): a key for each registered nexus, and the generation', () => {
  const unit = makeScene();
  assertData(run(unit, '5e000000000000ffff00'), '00000000 00000000');
  register(unit, [a, keyA], [b, keyB]);
  assertData(run(unit, '5e000000000000ffff00'), '00000002 00000010 00000000000000a1 00000000000000b2');
});

test('PERSISTENT RESERVE IN (READ KEYS): a short allocation length cuts the keys and not the length', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  assertData(run(unit, '5e000000000000000c00'), '00000002 00000010 00000000');
  assertData(run(unit, '5e000000000000000000'), '');
});

test('PERSISTENT RESERVE IN (READ RESERVATION): key, scope and type of the one there is', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  assertData(run(unit, '5e010000000000ffff00'), '00000002 00000000');
  reserve(unit, a, keyA, 6);
  assertData(run(unit, '5e010000000000ffff00'), '00000002 00000010 00000000000000a1 00000000 00 06 0000');
});

test('PERSISTENT RESERVE IN (READ RESERVATION): "all registrants" have key 0', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  reserve(unit, a, keyA, 8);
  assertData(run(unit, '5e010000000000ffff00'), '00000001 00000010 0000000000000000 00000000 00 08 0000');
});

test('PERSISTENT RESERVE IN (REPORT CAPABILITIES): all types, and persistence where something is kept', () => {
  assert.is(hexOf(capabilitiesOf(makeScene())), '00081c90ea010000');
  const state = { isKept: true, load: () => undefined, save: () => Promise.resolve() };
  assert.is(hexOf(capabilitiesOf(makeScene({ state }))), '00081d90ea010000');
});

test('PERSISTENT RESERVE IN (READ FULL STATUS): each nexus with its ports and whether it holds the reservation', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [aElsewhere, keyB]);
  reserve(unit, a, keyA, 5);
  const id = hexOf(encodeTransportId(a.initiatorPortName));
  const idLength = (id.length / 2).toString(16).padStart(8, '0');
  const length = (2 * (24 + id.length / 2)).toString(16).padStart(8, '0');
  const holder = `00000000000000a1 00000000 01 05 00000000 0001 ${idLength} ${id}`;
  const other = `00000000000000b2 00000000 00 00 00000000 0002 ${idLength} ${id}`;
  assert.is(hexOf(fullStatusOf(unit)), `00000002${length}${holder}${other}`.replaceAll(' ', ''));
});

test('PERSISTENT RESERVE IN (READ FULL STATUS): all registrants hold a reservation that is for all', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  reserve(unit, a, keyA, 7);
  const data = fullStatusOf(unit);
  const stride = 24 + data.readUInt32BE(8 + 20);
  assert.equal([data[8 + 12], data[8 + 13], data[8 + stride + 12], data[8 + stride + 13]], [1, 7, 1, 7]);
});

test('PERSISTENT RESERVE IN: the other service actions are INVALID FIELD IN CDB, and so are reserved bits', () => {
  const unit = makeScene();
  for (let action = 4; action < 0x20; action++) assertCheck(run(unit, `5e${action.toString(16).padStart(2, '0')}000000000000ff00`), '05/24/00', '1.4');
  assertCheck(run(unit, '5e200000000000ffff00'), '05/24/00', '1.5');
  assertCheck(run(unit, '5e000100000000ffff00'), '05/24/00', '2.0');
});

test('PERSISTENT RESERVE IN: is answered by a unit that is stopped', () => {
  const unit = makeScene();
  unit.stopped = true;
  const command = run(unit, '5e000000000000ffff00');
  good(command);
  assert.is(dataInOf(command).length, 8);
});

test.run();
