import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';
import { type LoopbackCommand, type LoopbackFunction, type LoopbackNexus, openLoopback } from '../../engine/loopback/index.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { DeviceRig, type RigUnit } from './devices/device-rig.js';
import { hostileCommand, markedLuns, objectSeeds, pick, Samples } from './devices/hostile-commands.js';
import { assertWellFormed } from './devices/outcome-shape.js';

/**
 * Commands that nobody sane would send, to devices of all kinds in a running engine, by two initiators at a time, with aborts and resets in between.
 * `LUNLOOM_HOSTILE_SECONDS` makes each of the two runs longer than the 3 seconds of CI; the order of the answers is the machine's, so that a seed repeats
 * what is asked, and mostly what comes of it.
 */

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const SECONDS = Number(process.env['LUNLOOM_HOSTILE_SECONDS'] ?? 3);
const NEXUS_COUNT = 2;
const LANES_A_NEXUS = 4;
const COMMANDS_A_ROUND = 400;
/** No device has as much to do as this takes. */
const COMMAND_MS_MAX = 15_000;
const ABORT_MS_MAX = 4;
const CLEAR_ACA_MS = 5;
const STOP_MS_MAX = 300;
const INQUIRY = Uint8Array.of(0x12, 0, 0, 0, 96, 0);
const TEST_UNIT_READY = new Uint8Array(6);
const REQUEST_SENSE = Uint8Array.of(0x03, 0, 0, 0, 252, 0);
const MODE_SENSE = Uint8Array.of(0x5a, 0, 0x3f, 0, 0, 0, 0, 0x10, 0, 0);
const KEY = Buffer.from('00000000000000000000000000beef01', 'hex');
const functions: readonly LoopbackFunction[] = [
  'abort task set',
  'clear task set',
  'logical unit reset',
  'logical unit reset',
  'i_t nexus reset',
  'target reset',
  'clear aca',
];

type Outcome = Awaited<ReturnType<LoopbackNexus['execute']>> | 'aborted';

for (const [where, workers] of [
  ['inline', 0],
  ['with workers', 1],
] as const) {
  test(`devices of all kinds take whatever comes, ${where} (LUNLOOM_SEED=${SEED})`, async () => {
    const random = seededRandom(SEED + workers);
    const samples = new Samples();
    const rig = await DeviceRig.open(workers);
    try {
      const until = performance.now() + SECONDS * 1000;
      for (let round = 0; round === 0 || performance.now() < until; round++) {
        await attackAll(rig, random, samples);
        await assertServed(rig);
        await rig.restoreMedia();
      }
      await stopUnderFire(rig, random, samples);
      // What the commands have made of the images can be opened again.
      await rig.start();
      await assertServed(rig);
      await rig.stop();
      assert.equal(rig.defects, [], 'no defects');
    } finally {
      await rig.close();
    }
  });
}

/** The engine stops while it is asked, and nobody is left without an answer. */
async function stopUnderFire(rig: DeviceRig, random: SeededRandom, samples: Samples): Promise<void> {
  const attack = attackAll(rig, random, samples);
  await new Promise((resolve) => setTimeout(resolve, random.below(STOP_MS_MAX)));
  await rig.stop();
  await attack;
}

/** One round: so many commands, a few at a time from each nexus. */
async function attackAll(rig: DeviceRig, random: SeededRandom, samples: Samples): Promise<void> {
  const nexuses = Array.from({ length: NEXUS_COUNT }, () => openLoopback(rig.engine));
  await sow(rig, nexuses[0] as LoopbackNexus, random, samples);
  let left = COMMANDS_A_ROUND;
  const lane = async (nexus: LoopbackNexus) => {
    while (left-- > 0) {
      const unit = pick(rig.units, random);
      if (random.below(80) === 0) await within(nexus.manageTasks(pick(functions, random), unit.lun).catch(onlyAborted), `task management at ${unit.name}`);
      await attackUnit(rig, nexus, unit, random, samples);
    }
  };
  const clearing = setInterval(() => clearAllAca(rig, nexuses).catch(onlyAborted), CLEAR_ACA_MS);
  try {
    await Promise.all(nexuses.flatMap((nexus) => Array.from({ length: LANES_A_NEXUS }, () => lane(nexus))));
  } finally {
    clearInterval(clearing);
  }
  for (const nexus of nexuses) {
    assert.is(nexus.openCount, 0, 'every command has ended');
    await within(nexus.close(), 'the loss of a nexus');
  }
}

/** Something for commands to work on: mode pages, and objects. */
async function sow(rig: DeviceRig, nexus: LoopbackNexus, random: SeededRandom, samples: Samples): Promise<void> {
  for (const { lun, name } of rig.units) {
    const commands = [{ lun, cdb: MODE_SENSE, dataInLength: 4096 }, ...(name === 'object store' ? objectSeeds(lun) : [])];
    for (const command of commands) {
      const outcome = await within(settle(nexus, command), `${name}: ${Buffer.from(command.cdb).toString('hex')}`);
      if (outcome === 'aborted') return;
      assertWellFormed(command, outcome);
      samples.keep(outcome.dataIn, random);
    }
  }
}

/** What an ACA condition blocks waits for this. */
async function clearAllAca(rig: DeviceRig, nexuses: readonly LoopbackNexus[]): Promise<void> {
  for (const nexus of nexuses) for (const { lun } of rig.units) await nexus.manageTasks('clear aca', lun);
}

async function attackUnit(rig: DeviceRig, nexus: LoopbackNexus, unit: RigUnit, random: SeededRandom, samples: Samples): Promise<void> {
  const abort = new AbortController();
  const command = { ...hostileCommand(unit, random, samples), signal: abort.signal };
  if (random.below(12) === 0) setTimeout(() => abort.abort(), random.below(ABORT_MS_MAX));
  const text = textOf(unit, command);
  const outcome = await within(settle(nexus, command), text);
  try {
    assert.equal(rig.defects, [], 'no defects');
    if (outcome === 'aborted') return;
    assertWellFormed(command, outcome);
    for (const lun of markedLuns(outcome.dataIn)) assert.is(lun, unit.lun, 'what was sent to another unit');
    if (random.below(4) === 0) samples.keep(outcome.dataIn, random);
  } catch (error) {
    console.error(`${text}\n  ended with ${JSON.stringify(outcome, bytesAsHex)}; defects: ${rig.defects.map(stackOf).join('\n')}`);
    throw error;
  }
}

async function settle(nexus: LoopbackNexus, command: LoopbackCommand): Promise<Outcome> {
  try {
    return await nexus.execute(command);
  } catch (error) {
    return onlyAborted(error);
  }
}

function onlyAborted(error: unknown): 'aborted' {
  if (error instanceof TargetError && error.code === 'LOOPBACK_ABORTED') return 'aborted';
  throw error;
}

async function tell(nexus: LoopbackNexus, command: LoopbackCommand): Promise<Exclude<Outcome, 'aborted'>> {
  const outcome = await within(settle(nexus, command), `${command.lun}: ${Buffer.from(command.cdb).toString('hex')}`);
  assert.is.not(outcome, 'aborted');
  return outcome as Exclude<Outcome, 'aborted'>;
}

/** Nothing is left of the commands, and each unit is there for others. */
async function assertServed(rig: DeviceRig): Promise<void> {
  await rig.assertIdle();
  assert.equal(rig.defects, [], 'no defects');
  const nexus = openLoopback(rig.engine);
  await within(nexus.manageTasks('target reset'), 'a target reset');
  for (const { lun, name, peripheralDeviceType } of rig.units) {
    await untilAnswered(nexus, lun);
    const inquiry = await tell(nexus, { lun, cdb: INQUIRY, dataInLength: 96 });
    assert.is(inquiry.status, ScsiStatus.good, `INQUIRY of ${name}`);
    assert.is(inquiry.dataIn[0], peripheralDeviceType, `the type of ${name}`);
    const ready = { lun, cdb: TEST_UNIT_READY };
    assertWellFormed(ready, await tell(nexus, ready));
    const sense = { lun, cdb: REQUEST_SENSE, dataInLength: 252 };
    const outcome = await tell(nexus, sense);
    assertWellFormed(sense, outcome);
    assert.is(outcome.status, ScsiStatus.good, `REQUEST SENSE of ${name}`);
    await releaseAll(nexus, lun);
  }
  await within(nexus.close(), 'the loss of a nexus');
  await rig.assertIdle();
}

/** What others have reserved persistently is nobody's any more. */
async function releaseAll(nexus: LoopbackNexus, lun: number): Promise<void> {
  const registering = Buffer.alloc(24);
  KEY.copy(registering);
  const clearing = Buffer.alloc(24);
  KEY.copy(clearing, 0, 8);
  for (const [action, dataOut] of [
    [0x06, registering],
    [0x03, clearing],
  ] as const)
    await tell(nexus, { lun, cdb: Uint8Array.of(0x5f, action, 0, 0, 0, 0, 0, 0, 24, 0), dataOut });
}

const ATTENTIONS_MAX = 32;

/** Takes the unit attentions; of devices behind another engine, they come as they come. */
async function untilAnswered(nexus: LoopbackNexus, lun: number): Promise<void> {
  for (let count = 0; count < ATTENTIONS_MAX; count++) {
    const { status, sense } = await tell(nexus, { lun, cdb: TEST_UNIT_READY });
    const key = (sense[0] ?? 0) >= 0x72 ? sense[1] : sense[2];
    if (status !== ScsiStatus.checkCondition || ((key ?? 0) & 0x0f) !== 0x06) return;
  }
  assert.unreachable(`unit attentions of LUN ${lun} come to no end`);
}

/** What has not ended, oldest first. */
const running = new Set<string>();

async function within<T>(work: Promise<T>, text: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  running.add(text);
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TargetError('TEST_TIME', `not ended after ${COMMAND_MS_MAX} ms: ${Array.from(running).join('\n')}`)), COMMAND_MS_MAX);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    running.delete(text);
    clearTimeout(timer);
  }
}

function textOf({ lun, name }: RigUnit, { cdb, dataOut, dataInLength, attribute }: LoopbackCommand): string {
  const out = dataOut === undefined ? 'no Data-Out' : `Data-Out of ${dataOut.length} bytes ${Buffer.from(dataOut.subarray(0, 256)).toString('hex')}`;
  return `LUN ${lun} (${name}): ${Buffer.from(cdb).toString('hex')}, ${attribute}, ${out}, ${dataInLength} bytes expected`;
}

function bytesAsHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value.subarray(0, 256)).toString('hex') : value;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

test.run();
