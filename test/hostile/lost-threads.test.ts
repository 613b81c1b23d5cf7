import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BoundThread } from '../../engine/devices/bound-thread.js';
import { TargetError } from '../../engine/errors.js';
import { type LoopbackCommand, type LoopbackNexus, type LoopbackResult, openLoopback } from '../../engine/loopback/index.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { DeviceRig } from './devices/device-rig.js';
import { pick } from './devices/hostile-commands.js';

/**
 * Devices of all kinds with commands under way, while their threads and those of the rings are killed, LUNs come and go, and media are put in and taken out.
 * Every command ends; afterwards each device is there again, and the engine stops in time.
 */

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const SECONDS = Number(process.env['LUNLOOM_HOSTILE_SECONDS'] ?? 4);
const FRONT = 'iqn.2026-11.io.lunloom:front';
const COMMAND_MS_MAX = 15_000;
const RETURN_MS_MAX = 12_000;
const STOP_MS_MAX = 5000;
/** Apart enough for threads to come back: one that dies five times before it serves needs an operator. */
const KILL_MS = 300;
const OPERATION_MS = 30;
const ADDED_LUN = 30;
const TEST_UNIT_READY = new Uint8Array(6);
const OSD_CDB_LENGTH = 200;
/** What says that a thread was lost with the command, or that the device has not come back yet; and what is told when it has. */
const LOSSES = ['0b/44/00', '04/44/00', '02/04/00', '02/04/01', '02/3a/00', '02/3a/01', '06/29/00', '06/28/00', '06/3f/0e', '05/25/00', '0b/08/00'];

/** Threads of devices that live, as they are started. */
const threads = new Set<BoundThread<object>>();
const startThread = BoundThread.start;
BoundThread.start = (async (options: Parameters<typeof startThread>[0]) => {
  const thread = await startThread(options);
  threads.add(thread);
  return thread;
}) as typeof BoundThread.start;

function outcomeOf({ status, sense }: LoopbackResult): string {
  if (status !== ScsiStatus.checkCondition) return `status ${status}`;
  const isDescriptor = ((sense[0] as number) & 0x7f) >= 0x72;
  const fields = isDescriptor ? [sense[1], sense[2], sense[3]] : [(sense[2] as number) & 0x0f, sense[12], sense[13]];
  return fields.map((byte) => (byte as number).toString(16).padStart(2, '0')).join('/');
}

/** One of the commands that its device spends time on. */
function commandFor(lun: number, random: SeededRandom): LoopbackCommand {
  const data = Buffer.alloc(64 * 1024, random.below(256));
  switch (lun) {
    case 1:
    case 12:
      return pick(
        [
          { lun, cdb: Uint8Array.of(0x0a, 0, 1, 0, 0, 0), dataOut: data },
          { lun, cdb: Uint8Array.of(0x08, 0, 1, 0, 0, 0), dataInLength: data.length },
          { lun, cdb: Uint8Array.of(0x10, 0, 0, 0, 1, 0) },
          { lun, cdb: Uint8Array.of(0x01, 0, 0, 0, 0, 0) },
        ],
        random,
      );
    case 10: {
      const cdb = new Uint8Array(OSD_CDB_LENGTH);
      // FORMAT OSD, or a service action that is none.
      cdb.set([0x7f, 0, 0, 0, 0, 0, 0, OSD_CDB_LENGTH - 8, 0x88, random.below(4) === 0 ? 0x01 : random.below(32)]);
      return { lun, cdb };
    }
    case 3:
    case 11:
      return { lun, cdb: Uint8Array.of(0x28, 0, 0, 0, 0, random.below(300), 0, 0, 16, 0), dataInLength: data.length };
    default:
      return { lun, cdb: TEST_UNIT_READY };
  }
}

async function within<T>(work: Promise<T>, text: string, ms = COMMAND_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TargetError('TEST_TIME', `${text} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function run(nexus: LoopbackNexus, command: LoopbackCommand): Promise<string> {
  const text = `LUN ${command.lun}: ${Buffer.from(command.cdb.subarray(0, 16)).toString('hex')}`;
  return outcomeOf(await within(nexus.execute(command), text));
}

async function kill(rig: DeviceRig, random: SeededRandom): Promise<void> {
  const living = [...threads].flatMap(({ thread }) => thread ?? []);
  const all = [...living, ...living, ...rig.engine.workerThreads];
  if (all.length > 0) await pick(all, random).terminate();
}

/** What operators do meanwhile; what is refused is refused. */
async function operate(rig: DeviceRig, random: SeededRandom): Promise<void> {
  const { units } = rig.engine;
  const lun = pick([1, 2, 3, 8, 10, 11], random);
  const actions: readonly (() => Promise<unknown>)[] = [
    () => units.eject(FRONT, pick([1, 3], random), { force: random.below(2) === 0 }),
    () => units.load(FRONT, pick([1, 3], random)),
    () => units.operate(FRONT, lun, pick(['insert', 'remove', 'disconnect', 'reconnect', 'no such thing'], random), []),
    () => units.add(FRONT, { lun: ADDED_LUN, store: pick(['tape:', 'cdrom:', 'controller', 'bridge'], random) }),
    () => units.remove(FRONT, ADDED_LUN),
    async () => units.list(),
  ];
  const refused = await within(
    pick(actions, random)().then(
      () => null,
      (error: unknown) => error,
    ),
    'what an operator asked for',
  );
  if (refused !== null) assert.ok(refused instanceof TargetError, String(refused));
}

async function whileGoing(untilMs: number, pauseMs: number, work: () => Promise<unknown>): Promise<void> {
  while (performance.now() < untilMs) {
    await work();
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

test(`threads die, LUNs come and go, and every command ends (LUNLOOM_SEED=${SEED})`, async () => {
  const random = seededRandom(SEED);
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  const rig = await DeviceRig.open(1);
  try {
    const nexuses = [openLoopback(rig.engine), openLoopback(rig.engine)];
    const until = performance.now() + SECONDS * 1000;
    const lane = (nexus: LoopbackNexus) => whileGoing(until, 0, () => run(nexus, commandFor(pick(rig.units, random).lun, random)));
    await Promise.all([
      ...nexuses.flatMap((nexus) => [lane(nexus), lane(nexus), lane(nexus)]),
      whileGoing(until, KILL_MS, () => kill(rig, random)),
      whileGoing(until, OPERATION_MS, () => operate(rig, random)),
    ]);
    await rig.engine.units.operate(FRONT, 11, 'reconnect', []);
    const [nexus] = nexuses as [LoopbackNexus, LoopbackNexus];
    for (const { lun, name } of rig.units) {
      const returnedBy = performance.now() + RETURN_MS_MAX;
      let outcome = await run(nexus, { lun, cdb: TEST_UNIT_READY });
      while (outcome !== 'status 0' && !outcome.startsWith('02/3a')) {
        assert.ok(performance.now() < returnedBy, `${name} is back: ${outcome}`);
        assert.ok(outcome.startsWith('06/') || LOSSES.includes(outcome), `${name}: ${outcome}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        outcome = await run(nexus, { lun, cdb: TEST_UNIT_READY });
      }
    }
    await rig.assertIdle();
    // And once more with commands of every kind under way, and threads that have just died.
    const last = nexuses.flatMap((each) => rig.units.map(({ lun }) => each.execute(commandFor(lun, random)).catch(() => null)));
    for (const { thread } of threads) void thread?.terminate();
    await within(rig.stop(), 'the stop', STOP_MS_MAX);
    await within(Promise.all(last), 'the last commands');
    assert.equal([rig.defects, unhandled], [[], []], 'no defects');
    assert.equal([...threads].filter(({ thread }) => thread !== undefined).length, 0, 'no thread of a device is left');
  } finally {
    await rig.close();
    process.off('unhandledRejection', onUnhandled);
  }
});

test.run();
