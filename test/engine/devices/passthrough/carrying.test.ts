import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskAttribute } from '../../../../engine/pdu/index.js';
import { Asc, SenseKey } from '../../../../engine/scsi/sense.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import type { StateValue, UnitState } from '../../../../engine/scsi/unit-host.js';
import { CommandFlag, DataDirection } from '../../../../engine/shm/layout.js';
import { dataInOf, nexus, otherNexus } from '../../scsi/scsi-fixture.js';
import { attention, check, good, makeScene, outcomeOf, send, start, turn } from './fake-device.js';

const READY = '00 00 00 00 00 00';

test('any CDB is carried as it came: short ones, vendor opcodes, and variable ones of up to 260 bytes', async () => {
  const { unit, device } = await makeScene();
  const cdbs = [
    '00 00 00 00 00 ff',
    'c1 ff ff ff ff ff ff ff ff ff',
    '9e 1f ff ff ff ff ff ff ff ff ff ff ff ff ff ff',
    `7f 00 00 00 00 00 00 fc ${'a5 '.repeat(252)}`,
  ];
  for (const cdb of cdbs) assert.is(outcomeOf(await send(unit, cdb)), 'good');
  const carried = device.seen.map((command) => Buffer.from(command.cdb).toString('hex'));
  assert.equal(
    carried,
    cdbs.map((cdb) => cdb.replaceAll(' ', '').padEnd(32, '0')),
  );
  assert.is(device.seen[3]?.cdb.length, 260);
});

test('Data-In lands in the memory of the command, and its residual is the device’s', async () => {
  const { unit, device } = await makeScene();
  device.answer = ({ dataIn }) => {
    dataIn?.fill(0x5a, 0, 100);
    return good(100);
  };
  const short = await send(unit, '08 00 00 00 01 00', { expectedDataInLength: 512 });
  assert.is(short.dataInLength, 100);
  assert.equal(dataInOf(short), new Uint8Array(100).fill(0x5a));
  device.answer = () => good(700);
  assert.is((await send(unit, '08 00 00 00 01 00', { expectedDataInLength: 512 })).dataInLength, 700, 'an overflow');
});

test('Data-Out is carried from where it arrived, and its residual is the device’s', async () => {
  const { unit, device } = await makeScene();
  device.answer = ({ dataOut, dataIn }) => {
    assert.is(dataIn, null);
    assert.equal(Uint8Array.from(dataOut as Uint8Array), Uint8Array.of(1, 2, 3, 4));
    return good(0, 2);
  };
  const command = await send(unit, '0a 00 00 00 01 00', { dataOut: Uint8Array.of(1, 2, 3, 4) });
  assert.is(command.plannedDataOutLength, 2);
});

test('a command with data both ways has Data-In in memory of its own', async () => {
  const { unit, device } = await makeScene();
  device.answer = ({ dataOut, dataIn }) => {
    dataIn?.set((dataOut as Uint8Array).map((byte) => byte ^ 0xff));
    return good(3, 4);
  };
  const options = { dataOut: Uint8Array.of(1, 2, 3, 4), expectedDataInLength: 8, direction: DataDirection.bidirectional };
  const command = await send(unit, '53 00 00 00 00 00 00 00 01 00', options);
  assert.equal(Uint8Array.from(dataInOf(command)), Uint8Array.of(0xfe, 0xfd, 0xfc));
  assert.is(command.plannedDataOutLength, 4);
});

test('memory for data both ways is bounded: what exceeds it is TASK SET FULL, and it is free again afterwards', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => null;
  const options = { dataOut: Uint8Array.of(1), expectedDataInLength: 8 * 1024 * 1024, direction: DataDirection.bidirectional };
  const held = Array.from({ length: 8 }, () => start(unit, '53', options));
  assert.is((await send(unit, '53', options)).status, ScsiStatus.taskSetFull);
  for (const { end } of device.held.splice(0)) end(good());
  await Promise.all(held.map(({ ended }) => ended));
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, '53', options)), 'good');
});

test('more data than the engine has memory for is refused before any comes', async () => {
  const { unit, device } = await makeScene();
  assert.is(outcomeOf(await send(unit, '28', { expectedDataInLength: 9 * 1024 * 1024 })), '05/24/00');
  assert.is(device.seen.length, 0);
});

test('sense data comes back word for word, in its format and up to 252 bytes', async () => {
  const { unit, device } = await makeScene();
  const sense = Uint8Array.from({ length: 252 }, (_, at) => at);
  sense[0] = 0x72;
  device.answer = () => ({ kind: 'answered', status: ScsiStatus.checkCondition, sense, dataInLength: 0, dataOutLength: 0 });
  const command = await send(unit, '28');
  assert.is(command.senseLength, 252);
  assert.equal(Uint8Array.from(command.sense), sense);
  assert.ok(unit.commandFlags & CommandFlag.descriptorSense, 'what is said here has the format of the device');
});

test('every status comes back: BUSY, RESERVATION CONFLICT, TASK SET FULL, ACA ACTIVE', async () => {
  const { unit, device } = await makeScene();
  for (const status of [ScsiStatus.busy, ScsiStatus.reservationConflict, ScsiStatus.taskSetFull, ScsiStatus.acaActive]) {
    device.answer = () => ({ kind: 'answered', status, sense: new Uint8Array(0), dataInLength: 0, dataOutLength: 0 });
    assert.is((await send(unit, READY)).status, status);
  }
});

test('the task attribute is carried', async () => {
  const { unit, device } = await makeScene();
  const attributes = [TaskAttribute.simple, TaskAttribute.ordered, TaskAttribute.headOfQueue, TaskAttribute.aca];
  for (const attribute of attributes) await send(unit, READY, { attribute });
  assert.equal(
    device.seen.map((command) => command.attribute),
    attributes,
  );
});

test('an ACA condition that has ended here is ended at the device', async () => {
  const { unit, device } = await makeScene();
  unit.tellAcaCleared(nexus);
  assert.is(device.acaCount, 1);
  assert.ok(unit.deviceType.normalAca, 'NORMACA is the device’s');
});

test('a command with NACA that was aborted leaves no ACA condition at the device, of which nobody here would know', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => null;
  const aborted = start(unit, '28 00 00 00 00 00 00 00 01 04');
  const other = start(unit, '28 00 00 00 00 00 00 00 01 00');
  aborted.deferral.onAbort?.();
  other.deferral.onAbort?.();
  await turn();
  for (const held of device.held) held.end(check(SenseKey.illegalRequest, Asc.lbaOutOfRange));
  await Promise.all([aborted.ended, other.ended]);
  assert.is(device.acaCount, 1);
});

test('a command that the way cannot carry is ILLEGAL REQUEST; one that was lost on it ABORTED COMMAND, COMMUNICATION FAILURE', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => ({ kind: 'refused' });
  assert.is(outcomeOf(await send(unit, READY)), '05/24/00');
  device.answer = () => ({ kind: 'lost' });
  assert.is(outcomeOf(await send(unit, READY)), '0b/08/00');
});

test('an abort goes on to the device, and the command ends when the device has let go of it', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => null;
  const { deferral, ended } = start(unit, '28', { expectedDataInLength: 512 });
  deferral.onAbort?.();
  await turn();
  const held = device.held[0];
  assert.ok(held?.isAborted);
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  await turn();
  assert.not.ok(hasEnded, 'its memory is still written to');
  held?.end({ kind: 'aborted' });
  await ended;
});

test('INQUIRY: goes through word for word; its identity may be made our own', async () => {
  const { unit, device } = await makeScene();
  const page = Buffer.from('0080000464657631', 'hex');
  device.answer = ({ dataIn }) => {
    dataIn?.set(page);
    return good(page.length);
  };
  assert.equal(Buffer.from(dataInOf(await send(unit, '12 01 80 00 40 00', { expectedDataInLength: 64 }))), page);
  const own = await makeScene({ identity: 'own' });
  const serial = dataInOf(await send(own.unit, '12 01 80 00 40 00', { expectedDataInLength: 64 }));
  assert.is(Buffer.from(serial).toString('latin1', 4), 'SN-0042');
  assert.is(own.device.seen.length, 0);
  await send(own.unit, '12 00 00 00 40 00', { expectedDataInLength: 64 });
  assert.is(own.device.seen.length, 1, 'standard data are the device’s all the same');
});

test('REPORT LUNS: is answered here, for the LUNs are those of this target', async () => {
  const { unit, device } = await makeScene();
  const command = await send(unit, 'a0 00 00 00 00 00 00 00 00 40 00 00', { expectedDataInLength: 64 });
  assert.equal(Buffer.from(dataInOf(command)).toString('hex'), `00000008${'00'.repeat(12)}`);
  assert.is(device.seen.length, 0);
  assert.is(outcomeOf(await send(unit, 'a0 00 00 00 00 00 00 00 00 04 00 00', { expectedDataInLength: 64 })), '05/24/00');
});

test('REQUEST SENSE: a field that the device does not take is its own business', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => check(SenseKey.illegalRequest, 0x2400);
  assert.is(outcomeOf(await send(unit, '03 01 00 00 12 00', { expectedDataInLength: 18 })), '05/24/00');
});

test('REQUEST SENSE: tells what the unit has for the nexus first, and then asks the device', async () => {
  const { unit, device } = await makeScene();
  unit.establishUnitAttention(nexus.id, 0x2903);
  const first = dataInOf(await send(unit, '03 00 00 00 12 00', { expectedDataInLength: 18 }));
  assert.equal([first[2], first[12], first[13]], [6, 0x29, 3]);
  assert.is(device.seen.length, 0);
  device.answer = () => good(0);
  await send(unit, '03 00 00 00 12 00', { expectedDataInLength: 18 });
  assert.is(device.seen.length, 1);
});

test('shared session: a unit attention that one nexus was told the others are told too, each once', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => attention(0x2a09);
  assert.is(outcomeOf(await send(unit, READY)), '06/2a/09');
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), '06/2a/09');
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), 'good');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
});

test('shared session: so it is with one that REQUEST SENSE took away', async () => {
  const { unit, device } = await makeScene();
  device.answer = ({ dataIn }) => {
    dataIn?.set(Buffer.from('70000600000000 0a 00000000 2a01 00000000'.replaceAll(' ', ''), 'hex'));
    return good(18);
  };
  await send(unit, '03 00 00 00 12 00', { expectedDataInLength: 18 });
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), '06/2a/01');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
});

test('a session for each nexus: the device tells each itself', async () => {
  const { unit, device } = await makeScene({ isPerNexus: true });
  device.answer = () => attention(0x2a09);
  assert.is(outcomeOf(await send(unit, READY)), '06/2a/09');
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), 'good', 'its own session has nothing to tell');
  assert.equal(
    device.carriers.map(({ wayName }) => wayName.split('/')[1]),
    ['', nexus.initiatorPortName, otherNexus.initiatorPortName],
  );
});

test('a session for each nexus ends with its nexus', async () => {
  const { unit, device, opened } = await makeScene({ isPerNexus: true });
  await send(unit, READY);
  unit.loseNexus(nexus);
  await turn();
  assert.equal(
    device.carriers.map(({ isClosed }) => isClosed),
    [false, true],
  );
  await opened.close();
  assert.ok(device.carriers[0]?.isClosed);
});

test('the names of its ways are kept over a restart, and are nobody else’s', async () => {
  let kept: StateValue | undefined;
  const state: UnitState = {
    isKept: true,
    load: () => kept,
    save: async (_section, value) => {
      kept = value;
    },
  };
  const nameOf = async (given?: UnitState) => (await makeScene(given === undefined ? {} : { state: given })).device.carriers[0]?.wayName;
  const first = await nameOf(state);
  assert.is(await nameOf(state), first);
  assert.is.not(await nameOf(), first);
  kept = 'what somebody else has written there';
  assert.match((await nameOf(state)) ?? '', /^[0-9a-f]{32}\/$/);
});

test('other sense than a unit attention concerns the command alone', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => check(SenseKey.mediumError, 0x1100);
  assert.is(outcomeOf(await send(unit, '28')), '03/11/00');
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), 'good');
});

test.run();
