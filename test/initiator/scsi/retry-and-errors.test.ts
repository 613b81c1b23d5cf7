import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InitiatorError } from '../../../initiator/errors.js';
import {
  AcaActiveError,
  BusyError,
  ReservationConflictError,
  ScsiCommandError,
  ScsiError,
  TaskAbortedError,
  TaskSetFullError,
} from '../../../initiator/scsi.js';
import { checkConditionOf, type Script, scriptedUnit } from './scripted-unit.js';

async function errorOf(pending: Promise<unknown>): Promise<ScsiCommandError> {
  try {
    await pending;
  } catch (error) {
    if (error instanceof ScsiCommandError) return error;
    throw error;
  }
  throw new InitiatorError('STALLED', 'nothing went wrong');
}

/** Answers one after the other, then GOOD. */
function inTurn(...answers: ReturnType<Script>[]): Script {
  return () => answers.shift() ?? {};
}

test('each status has its error', async () => {
  for (const [status, type] of [
    [0x08, BusyError],
    [0x18, ReservationConflictError],
    [0x28, TaskSetFullError],
    [0x30, AcaActiveError],
    [0x40, TaskAbortedError],
    [0x02, ScsiError],
  ] as const) {
    const error = await errorOf(scriptedUnit(() => ({ status })).unit.testUnitReady());
    assert.is(error.constructor, type);
    assert.is(error.status, status);
    assert.is(error.name, type.name);
  }
  assert.is((await errorOf(scriptedUnit(() => ({ status: 0x22 })).unit.testUnitReady())).message, 'TEST UNIT READY ended with status 0x22');
});

test('a message names the command, the key, the code and where it is wrong', async () => {
  const sense = Buffer.from('70000500000000 0a 00000000 2400 00 cd0002'.replaceAll(' ', ''), 'hex');
  const error = await errorOf(scriptedUnit(() => ({ status: 2, sense })).unit.read(0, 1, 512));
  assert.is(error.message, 'READ (10) ended with CHECK CONDITION: ILLEGAL REQUEST, invalid field in CDB (0x24/0x00), CDB byte 2 bit 5');
  assert.is(error.command, 'READ (10)');
});

test('the data and the residual that came with an error are there', async () => {
  const dataIn = Buffer.from('abc');
  const { unit } = scriptedUnit(() => ({ ...checkConditionOf(3, 0x1100), dataIn, residualFlags: 2, residualCount: 509 }));
  const { result } = await errorOf(unit.read(0, 1, 512));
  assert.equal([result.dataIn, result.residualFlags, result.residualCount], [dataIn, 2, 509]);
});

test('a unit attention is an error unless one asks for it to be taken', async () => {
  const news = checkConditionOf(6, 0x2900);
  assert.is((await errorOf(scriptedUnit(inTurn(news)).unit.testUnitReady())).sense?.ascAscq, 0x2900);
  const seen: number[] = [];
  const retry = { unitAttentionCountMax: 2, onUnitAttention: (error: ScsiCommandError) => seen.push(error.sense?.ascAscq ?? 0) };
  const { unit, commands } = scriptedUnit(inTurn(news, checkConditionOf(6, 0x2a09)), retry);
  await unit.write(7, Buffer.alloc(512), 512);
  assert.equal(seen, [0x2900, 0x2a09]);
  assert.is(commands.length, 3);
  assert.ok(commands.every((command) => command === commands[0] || Buffer.from(command.cdb).equals(Buffer.from(commands[0]?.cdb ?? []))));
  await errorOf(scriptedUnit(inTurn(news, news, news), retry).unit.testUnitReady());
});

test('BUSY and TASK SET FULL are waited out when asked, other errors never', async () => {
  const retry = { busyCountMax: 3, busyDelayMs: 1 };
  const { unit, commands } = scriptedUnit(inTurn({ status: 0x08 }, { status: 0x28 }, { status: 0x08 }), retry);
  // Its timer keeps no process alive, and here no socket does.
  const alive = setTimeout(() => {}, 5_000);
  await unit.testUnitReady();
  assert.is(commands.length, 4);
  assert.instance(await errorOf(scriptedUnit(() => ({ status: 0x08 }), retry).unit.testUnitReady()), BusyError);
  const other = scriptedUnit(inTurn({ status: 0x18 }), retry);
  assert.instance(await errorOf(other.unit.testUnitReady()), ReservationConflictError);
  assert.is(other.commands.length, 1);
  clearTimeout(alive);
});

test.run();
