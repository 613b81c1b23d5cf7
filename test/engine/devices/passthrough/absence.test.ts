import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../../../engine/limits.js';
import { dataInOf, nexus, otherNexus } from '../../scsi/scsi-fixture.js';
import { good, inquiryData, makeScene, outcomeOf, type SceneOptions, send, start, turn } from './fake-device.js';

const READY = '00 00 00 00 00 00';

async function makeAbsent(options: SceneOptions = {}) {
  const scene = await makeScene(options);
  scene.device.vanish();
  await turn();
  return scene;
}

test('what the device tells of its own power on is not told twice: a new nexus hears it from the unit', async () => {
  const { unit } = await makeScene({ attentions: [0x2900, 0x3f0e] });
  assert.is(outcomeOf(await send(unit, READY)), '06/3f/0e', 'what else it tells is for everybody');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), '06/3f/0e');
});

test('a command that is with the device when it vanishes is ABORTED COMMAND: nobody knows whether it was executed', async () => {
  const { unit, device } = await makeScene();
  device.answer = () => null;
  const { ended } = start(unit, '2a', { dataOut: new Uint8Array(512) });
  device.vanish();
  assert.is(outcomeOf(await ended), '0b/08/00');
});

test('while it is away commands are NOT READY, BECOMING READY, and fail after a while', async () => {
  const { unit, clock, device } = await makeAbsent();
  assert.is(outcomeOf(await send(unit, READY)), '02/04/01');
  clock.advance(defaultLimits.passthroughAwayMsMax + 1);
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '04/08/00');
  assert.is(device.seen.length, 0);
});

test('INQUIRY: is answered from memory while the device is away, and another page than those is refused', async () => {
  const { unit } = await makeAbsent();
  assert.equal(Buffer.from(dataInOf(await send(unit, '12 00 00 00 60 00', { expectedDataInLength: 96 }))), Buffer.from(inquiryData()));
  assert.is(outcomeOf(await send(unit, '12 01 83 00 60 00', { expectedDataInLength: 96 })), '05/24/00');
});

test('REQUEST SENSE: tells why the device is not ready, as data', async () => {
  const { unit } = await makeAbsent();
  const data = dataInOf(await send(unit, '03 00 00 00 12 00', { expectedDataInLength: 18 }));
  assert.equal([data[0], data[2], data[12], data[13]], [0x70, 2, 4, 1]);
});

test('it comes back by itself, at growing distances, and every nexus is told once', async () => {
  const { unit, clock, device, notices, opened } = await makeAbsent();
  const { passthroughRetryMsMin } = defaultLimits;
  clock.advance(passthroughRetryMsMin);
  await turn();
  device.isThere = true;
  clock.advance(passthroughRetryMsMin);
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '02/04/01', 'the second attempt waits twice as long');
  clock.advance(passthroughRetryMsMin);
  await turn();
  for (const by of [nexus, otherNexus]) {
    assert.is(outcomeOf(await send(unit, READY, { nexus: by })), '06/29/07');
    assert.is(outcomeOf(await send(unit, READY, { nexus: by })), 'good');
  }
  assert.match(notices[0] as string, 'fake device is away: the line was cut');
  assert.match(notices[1] as string, 'is back after 0.6 s');
  assert.match(opened.describe().detail, '1 reconnect');
});

test('while it comes back nothing goes through: no command runs before its nexus has been told', async () => {
  const { unit, clock, device } = await makeAbsent();
  device.isThere = true;
  device.isSilent = true;
  clock.advance(defaultLimits.passthroughRetryMsMin);
  await turn();
  assert.is(device.held.length, 1, 'it is asked what it has to tell');
  assert.is(outcomeOf(await send(unit, READY)), '02/04/01');
  device.isSilent = false;
  device.held[0]?.end(good());
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '06/29/07');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
});

test('what it tells of itself when it is back takes the place of our word for it', async () => {
  const { unit, clock, device } = await makeAbsent();
  device.isThere = true;
  device.attentions = [0x2900, 0x2a09];
  clock.advance(defaultLimits.passthroughRetryMsMin);
  await turn();
  for (const by of [nexus, otherNexus]) {
    const told = [];
    for (let count = 0; count < 3; count++) told.push(outcomeOf(await send(unit, READY, { nexus: by })));
    assert.equal(told, ['06/29/00', '06/2a/09', 'good']);
  }
});

test('another device in its place is told as changed INQUIRY data', async () => {
  const { unit, clock, device } = await makeAbsent();
  device.isThere = true;
  device.standard = inquiryData('ANOTHER');
  clock.advance(defaultLimits.passthroughRetryMsMin);
  await turn();
  const told = [];
  for (let count = 0; count < 3; count++) told.push(outcomeOf(await send(unit, READY)));
  assert.equal(told, ['06/29/07', '06/3f/03', 'good']);
});

test('a device that is absent at the start has no type; when it appears every nexus is told', async () => {
  const { unit, clock, device, notices } = await makeScene({ isThere: false });
  assert.is(outcomeOf(await send(unit, READY)), '02/04/01');
  assert.is(unit.deviceType.peripheralDeviceType, 0x1f);
  assert.is(dataInOf(await send(unit, '12 00 00 00 60 00', { expectedDataInLength: 96 }))[0], 0x3f, 'not connected');
  assert.match(notices[0] as string, 'cannot be reached: nobody is there');
  clock.advance(defaultLimits.passthroughAwayMsMax + 1);
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '02/04/00', 'it has never been there: somebody has to look');
  assert.is(notices.length, 1, 'told once');
  device.isThere = true;
  clock.advance(defaultLimits.passthroughRetryMsMax);
  await turn();
  const told = [];
  for (let count = 0; count < 3; count++) told.push(outcomeOf(await send(unit, READY)));
  assert.equal(told, ['06/3f/03', '06/3f/0e', 'good']);
  assert.is(unit.deviceType.peripheralDeviceType, 0x00);
});

test('a session for each nexus: one that is lost alone comes back alone, and its nexus alone is told', async () => {
  const { unit, clock, device } = await makeScene({ isPerNexus: true });
  for (const by of [nexus, otherNexus]) await send(unit, READY, { nexus: by });
  device.carriers[1]?.break();
  assert.is(outcomeOf(await send(unit, READY)), '02/04/01');
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), 'good');
  clock.advance(defaultLimits.passthroughRetryMsMin);
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '06/29/07');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
  assert.is(outcomeOf(await send(unit, READY, { nexus: otherNexus })), 'good');
});

test('a command that comes while the session of its nexus is made waits for it', async () => {
  const { unit, device } = await makeScene({ isPerNexus: true });
  const first = start(unit, READY);
  const second = start(unit, '28', { expectedDataInLength: 512 });
  assert.is(device.seen.length, 0);
  assert.is(outcomeOf(await first.ended), 'good');
  assert.is(outcomeOf(await second.ended), 'good');
});

test('a command that is aborted while it waits was not executed', async () => {
  const { unit, device } = await makeScene({ isPerNexus: true });
  const { deferral, ended } = start(unit, READY);
  deferral.onAbort?.();
  await ended;
  await turn();
  assert.is(device.seen.length, 0);
});

test('logical unit reset: goes on to the device once; commands wait, and what it tells of the reset is not told twice', async () => {
  for (const isPerNexus of [false, true]) {
    const { unit, device } = await makeScene({ isPerNexus });
    for (const by of [nexus, otherNexus]) await send(unit, READY, { nexus: by });
    unit.reset('logical-unit-reset');
    const work = unit.takeResetWork();
    assert.is(work.length, 1, 'the answer to the reset waits for the device');
    // As the session layer tells it.
    for (const by of [nexus, otherNexus]) unit.establishUnitAttention(by.id, 0x2903);
    for (const by of [nexus, otherNexus]) {
      assert.is(outcomeOf(await send(unit, READY, { nexus: by })), '06/29/03');
      assert.is(outcomeOf(await send(unit, READY, { nexus: by })), 'good');
    }
    assert.is(device.resetCount, 1);
  }
});

test('closed while it is away or on its way, it does not come back', async () => {
  const { device, clock, opened } = await makeAbsent();
  await opened.close();
  device.isThere = true;
  clock.advance(defaultLimits.passthroughRetryMsMax);
  await turn();
  assert.is(device.carriers.length, 0);
  assert.not.ok(opened.describe().loaded);
});

test('data that a lost device had sent is not passed on', async () => {
  const { unit, device } = await makeScene();
  device.answer = ({ dataIn }) => {
    dataIn?.fill(1);
    return { kind: 'lost' };
  };
  assert.is((await send(unit, '28', { expectedDataInLength: 512 })).dataInLength, 0);
  device.answer = () => good();
});

test.run();
