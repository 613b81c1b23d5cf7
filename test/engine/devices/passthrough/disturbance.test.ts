import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSenseText } from '../../../../engine/devices/passthrough/disturbance.js';
import { good, makeScene, outcomeOf, send, start, turn } from './fake-device.js';

const READY = '00 00 00 00 00 00';

async function operate(opened: Awaited<ReturnType<typeof makeScene>>['opened'], name: string, ...args: string[]): Promise<unknown> {
  return opened.operations?.[name]?.run(args);
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

test('a delay is added before a command is carried; an abort ends it meanwhile', async () => {
  const { unit, clock, device } = await makeScene({ disturbance: { delayMs: 10 } });
  const first = start(unit, READY);
  await turn();
  assert.is(device.seen.length, 0);
  clock.advance(10);
  assert.is(outcomeOf(await first.ended), 'good');
  const second = start(unit, READY);
  second.deferral.onAbort?.();
  await second.ended;
  clock.advance(10);
  await turn();
  assert.is(device.seen.length, 1);
});

test('a ratio of the commands ends with the sense that was asked for, and is not carried', async () => {
  const lots = [0.1, 0.9, 0.25, 0.05];
  const { unit, device } = await makeScene({ disturbance: { errorRatio: 0.25, sense: { key: 4, asc: 0x4400 } }, random: () => lots.shift() ?? 1 });
  const ends = [];
  for (let count = 0; count < 4; count++) ends.push(outcomeOf(await send(unit, READY)));
  assert.equal(ends, ['04/44/00', 'good', 'good', '04/44/00']);
  assert.is(device.seen.length, 2);
});

test('a ratio of the commands is swallowed, and ends when it is aborted', async () => {
  const { unit, device } = await makeScene({ disturbance: { dropRatio: 1 } });
  const { deferral, ended } = start(unit, READY);
  await turn();
  assert.is(device.seen.length, 0);
  deferral.onAbort?.();
  await ended;
});

test('operators change it while it runs, and see what was done', async () => {
  const { opened, unit, device, clock } = await makeScene();
  assert.not.match(opened.describe().detail, 'disturbed');
  await operate(opened, 'error', '1', '3/0c/02');
  assert.is(outcomeOf(await send(unit, READY)), '03/0c/02');
  assert.match(opened.describe().detail, 'error rate 1 (1 so far)');
  await operate(opened, 'error', '0');
  await operate(opened, 'delay', '5');
  const { ended } = start(unit, READY);
  clock.advance(5);
  assert.is(outcomeOf(await ended), 'good');
  await operate(opened, 'delay', '0');
  device.answer = () => good();
  assert.is(outcomeOf(await send(unit, READY)), 'good');
  assert.match(await failureOf(operate(opened, 'error', '2')), 'RATIO is a number from 0 to 1, not "2"');
  assert.match(await failureOf(operate(opened, 'error', '1', 'bad')), 'expected sense as KEY/ASC/ASCQ in hex');
  assert.match(await failureOf(operate(opened, 'delay')), 'MILLISECONDS is a number');
});

test('disconnect keeps the device away until reconnect', async () => {
  const { opened, unit, clock } = await makeScene();
  assert.equal(await operate(opened, 'disconnect'), { state: 'away' });
  clock.advance(100_000);
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '04/08/00');
  await operate(opened, 'reconnect');
  await turn();
  assert.is(outcomeOf(await send(unit, READY)), '06/29/07');
  assert.is(outcomeOf(await send(unit, READY)), 'good');
});

test('sense is read as KEY/ASC/ASCQ', () => {
  assert.equal(parseSenseText('B/4b/05').value, { key: 0xb, asc: 0x4b05 });
  for (const wrong of ['', '3', '3/11', '10/11/00', '3/111/00', 'g/11/00']) assert.ok(parseSenseText(wrong).fault, wrong);
});

test.run();
