import diagnosticsChannel from 'node:diagnostics_channel';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LATENCY_UNITS_PER_MICRO, STAGES, type Stage } from '../../../engine/metrics/command-stages.js';
import { Opcode, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { bucketFloor } from '../../../engine/shm/latency-histogram.js';
import { COMMAND_END_CHANNEL, COMMAND_START_CHANNEL, type CommandEndMessage, type CommandStartMessage } from '../../../engine/task/command-channels.js';
import { BLOCK, Lun, Scene } from '../session/scene.js';
import { loggedIn } from '../session/test-initiator.js';

const READ_10 = 0x28;
const WRITE_10 = 0x2a;
const TEST_UNIT_READY = 0x00;
/** LUN, the command, and milliseconds of each stage; what is left out took none. */
type Expected = Partial<Record<Stage, number>>;

/** Holds the only command of an opcode on a LUN against the stages expected. */
function assertStages(scene: Scene, lun: number, opcode: number, expected: Expected): void {
  const stages = scene.taskSets[lun]?.metrics.commandStages.find(({ command }) => command?.opcode === opcode);
  assert.ok(stages !== undefined, `opcode ${opcode} was counted`);
  assert.is(stages.read().count, 1);
  const total = Object.values(expected).reduce((sum, ms) => sum + ms, 0);
  for (const stage of STAGES) {
    const bucket = stages.countsOf(stage).findIndex((count) => count > 0);
    const micros = (stage === 'total' ? total : (expected[stage] ?? 0)) * 1000;
    const [from, below] = [bucketFloor(bucket), bucketFloor(bucket + 1)].map((value) => value / LATENCY_UNITS_PER_MICRO) as [number, number];
    assert.ok(from <= micros && micros < below, `${stage}: ${from} to ${below} µs for ${micros}`);
  }
}

function sceneWith() {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.take();
  initiator.transport.output.flush();
  initiator.connection.receivedAtMicros = scene.clock.nowMicros();
  return { scene, initiator, flush: () => initiator.transport.output.flush() };
}

test('an inline command executes as soon as it is ordered, and its time goes by in sending', () => {
  const { scene, initiator, flush } = sceneWith();
  initiator.read(0, 8, { lun: Lun.view });
  scene.clock.advance(40);
  flush();
  assertStages(scene, Lun.view, READ_10, { send: 40 });
});

test('a command that came early arrives until its turn by CmdSN', () => {
  const { scene, initiator, flush } = sceneWith();
  const { cmdSN } = initiator;
  initiator.read(0, 8, { lun: Lun.view, cmdSN: cmdSN + 1 });
  scene.clock.advance(6);
  initiator.command('000000000000', { lun: Lun.copy, cmdSN });
  flush();
  assertStages(scene, Lun.view, READ_10, { arrive: 6 });
});

test('a command of the pool waits on the ring, executes there and waits for the main thread', () => {
  const { scene, initiator, flush } = sceneWith();
  initiator.read(0, 8, { lun: Lun.pool });
  scene.clock.advance(5);
  const job = scene.dispatcher.held[0];
  assert.ok(job !== undefined);
  job.slot.startedAt = scene.clock.nowMicros();
  scene.clock.advance(20);
  job.slot.executedAt = scene.clock.nowMicros();
  scene.clock.advance(7);
  scene.dispatcher.completeHeld();
  scene.clock.advance(1);
  flush();
  assertStages(scene, Lun.pool, READ_10, { queue: 5, execute: 20, return: 7, send: 1 });
});

test('a command whose worker died without a stamp has executed from its dispatch to its end', () => {
  const { scene, initiator, flush } = sceneWith();
  // The slot's last command left stamps behind, which must not be taken for this one's.
  initiator.read(0, 8, { lun: Lun.copy });
  flush();
  scene.clock.advance(100);
  initiator.connection.receivedAtMicros = scene.clock.nowMicros();
  initiator.read(0, 8, { lun: Lun.pool });
  scene.clock.advance(9);
  scene.dispatcher.completeHeld();
  flush();
  assertStages(scene, Lun.pool, READ_10, { execute: 9 });
});

test('a write collects its data', () => {
  const { scene, initiator, flush } = sceneWith();
  const tag = initiator.write(0, 8, { lun: Lun.copy });
  const r2t = initiator.takeOne(Opcode.readyToTransfer);
  flush();
  scene.clock.advance(30);
  initiator.dataOut(tag, new Uint8Array(8 * BLOCK), { targetTransferTag: r2t.header.getUint32(20) });
  scene.clock.advance(2);
  flush();
  assertStages(scene, Lun.copy, WRITE_10, { collect: 30, send: 2 });
  assert.is(scene.taskSets[Lun.copy]?.metrics.commandStages.find(({ command }) => command?.opcode === WRITE_10)?.read().writeBytes, 8 * BLOCK);
});

test('a read collects its blocks while a write holds them', () => {
  const { scene, initiator, flush } = sceneWith();
  initiator.write(0, 8, { lun: Lun.pool, data: new Uint8Array(8 * BLOCK) });
  initiator.read(0, 8, { lun: Lun.pool });
  scene.clock.advance(11);
  scene.dispatcher.completeHeld();
  scene.dispatcher.completeHeld();
  flush();
  assertStages(scene, Lun.pool, READ_10, { collect: 11 });
});

test('unit commands, and those that fail their checks, are counted under their names', () => {
  const { scene, initiator, flush } = sceneWith();
  initiator.command('000000000000', { lun: Lun.special });
  initiator.read(2 ** 31, 8, { lun: Lun.special });
  initiator.command('ff0000000000', { lun: Lun.special });
  scene.clock.advance(2);
  flush();
  assertStages(scene, Lun.special, READ_10, { send: 2 });
  const counted = scene.taskSets[Lun.special]?.metrics.commandStages.map((stages) => [stages.command?.opcode, stages.read().failedCount]) ?? [];
  const since = counted.filter(([opcode]) => opcode !== TEST_UNIT_READY);
  assert.equal(
    since.filter(([opcode]) => opcode === READ_10 || opcode === undefined),
    [
      [READ_10, 1],
      [undefined, 1],
    ],
  );
});

interface Heard {
  readonly starts: CommandStartMessage[];
  readonly ends: CommandEndMessage[];
}

function listening(use: (heard: Heard) => void): void {
  const heard: Heard = { starts: [], ends: [] };
  const onStart = (message: unknown): number => heard.starts.push(message as CommandStartMessage);
  const onEnd = (message: unknown): number => heard.ends.push(message as CommandEndMessage);
  diagnosticsChannel.subscribe(COMMAND_START_CHANNEL, onStart);
  diagnosticsChannel.subscribe(COMMAND_END_CHANNEL, onEnd);
  try {
    use(heard);
  } finally {
    diagnosticsChannel.unsubscribe(COMMAND_START_CHANNEL, onStart);
    diagnosticsChannel.unsubscribe(COMMAND_END_CHANNEL, onEnd);
  }
}

test('tracers hear of the start and the end of a command, and can tell that they belong together', () => {
  const { scene, initiator, flush } = sceneWith();
  listening(({ starts, ends }) => {
    initiator.read(0, 8, { lun: Lun.view });
    assert.is(ends.length, 0);
    scene.clock.advance(4);
    flush();
    const [start] = starts;
    const [end] = ends;
    assert.equal(
      [start?.lun, start?.cdb[0], start?.expectedDataInLength, start?.targetPortName.split(',')[0]],
      [0, READ_10, 8 * BLOCK, 'iqn.2024-01.test:target'],
    );
    assert.is(end?.start, start);
    assert.equal([end?.outcome, end?.commandName, end?.status, end?.readBytes], ['answered', 'READ (10)', 0, 8 * BLOCK]);
    assert.is((end?.flushedAtMicros ?? 0) - (end?.completedAtMicros ?? 0), 4000);
  });
  initiator.read(0, 8, { lun: Lun.view });
  flush();
});

test('tracers hear of aborted commands, and of the end of those whose start nobody heard', () => {
  const { scene, initiator, flush } = sceneWith();
  initiator.read(0, 8, { lun: Lun.pool });
  listening(({ starts, ends }) => {
    initiator.taskManagement(TaskManagementFunction.logicalUnitReset, { lun: Lun.pool });
    scene.dispatcher.completeAll();
    flush();
    assert.is(starts.length, 0);
    assert.equal(
      ends.map(({ start, outcome, flushedAtMicros }) => [start, outcome, flushedAtMicros]),
      [[null, 'aborted', 0]],
    );
  });
  assert.is(
    scene.taskSets[Lun.pool]?.metrics.commandStages.some(({ command }) => command?.opcode === READ_10),
    false,
    'an aborted command is not counted',
  );
});

test.run();
