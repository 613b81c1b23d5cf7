// test-timeout: 300 s
// test-beside: it waits most of the time
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, ScsiError, Session } from '../../initiator/index.js';
import { OsdCommands } from '../model/osd-commands.js';
import { OsdModel } from '../model/osd-model.js';
import { readModel } from '../model/osd-reader.js';
import type { OsdModelAnswer, OsdStep } from '../model/osd-steps.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { encodeOsd } from '../support/osd-cdb.js';
import { seededRandom } from '../support/random.js';
import { untilGone } from './crash-lane.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const CRASH_COUNT = Number(process.env['LUNLOOM_CRASHES'] ?? 4);
const LOAD_MS_MIN = 20;
const LOAD_MS_MAX = 700;
const LUN = 4;
const UNIT_ATTENTION_COUNT_MAX = 32;

/** A session with the device. */
class Initiator {
  readonly session: Session;
  readonly #unit: LogicalUnitClient;

  static async login({ address, port, targets }: LunloomProcess): Promise<Initiator> {
    return new Initiator(await Session.login({ host: address, port, targetName: targets[0]?.name as string }));
  }

  private constructor(session: Session) {
    this.session = session;
    this.#unit = new LogicalUnitClient(session, LUN, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX });
  }

  async run({ name, command }: OsdStep): Promise<OsdModelAnswer> {
    const { cdb, dataOut, dataInLength, retrievedAt } = encodeOsd(command);
    const data = { ...(dataOut.length === 0 ? {} : { dataOut }), ...(dataInLength === 0 ? {} : { dataInLength }) };
    try {
      const { dataIn } = await this.#unit.run(name, { cdb, ...data });
      return { sense: '', senseBytes: Buffer.alloc(0), dataIn, retrieved: dataIn.subarray(retrievedAt) };
    } catch (error) {
      if (!(error instanceof ScsiError)) throw error;
      return answerOf(error, retrievedAt);
    }
  }
}

function answerOf({ result }: ScsiError, retrievedAt: number): OsdModelAnswer {
  const senseBytes = result.sense;
  const sense = `${senseBytes.toString('hex', 1, 2)}/${senseBytes.toString('hex', 2, 4)}`;
  return { sense, senseBytes, dataIn: result.dataIn, retrieved: result.dataIn.subarray(retrievedAt) };
}

/** What was acknowledged, and what the command that has no answer yet makes of it. */
class CrashModel {
  readonly random = seededRandom(SEED);
  model = new OsdModel();
  pending: OsdModel | null = null;
  acknowledgedCount = 0;

  async step(initiator: Initiator): Promise<void> {
    // Without an answer it is not known which number the device has taken.
    const step = this.#next();
    this.pending = this.model.copy();
    step.apply(this.pending, null);
    const answer = await initiator.run(step);
    assert.is(answer.sense, step.sense, step.name);
    step.apply(this.model, answer);
    this.pending = null;
    this.acknowledgedCount++;
  }

  #next(): OsdStep {
    const commands = new OsdCommands(this.random, this.model);
    for (;;) {
      const step = commands.next();
      if (!step.creates || step.target.object !== 0n || step.target.kind === 'partition') return step;
    }
  }

  /** After a crash: takes what is there, if it is one of the two that it may be. */
  agree(found: OsdModel): void {
    const { pending } = this;
    this.pending = null;
    if (pending !== null && found.lines().join('\n') === pending.lines().join('\n')) {
      this.model = pending;
      return;
    }
    if (pending !== null) settleBytes(this.model, pending, found);
    assert.equal(found.lines(), this.model.lines());
  }
}

/** Bytes that the interrupted command overwrote in place may be there before its metadata are: each is what it was or what it was to be. */
function settleBytes(model: OsdModel, pending: OsdModel, found: OsdModel): void {
  for (const partition of model.partitionIds) {
    for (const object of model.ids(partition, 'user')) {
      const before = model.object({ partition, object });
      const after = pending.partitions.get(partition)?.objects.get(object)?.bytes;
      const now = found.partitions.get(partition)?.objects.get(object)?.bytes;
      if (after === undefined || now?.length !== before.bytes.length) continue;
      const isTorn = now.some((byte, at) => byte !== before.bytes[at] && byte !== (after[at] ?? 0));
      assert.not(isTorn, `object ${partition}/${object} has bytes that nobody wrote`);
      before.bytes = now;
    }
  }
}

test(`${CRASH_COUNT} times kill -9: an object storage device has what it acknowledged, with or without the command that was interrupted`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-crash-'));
  const crash = new CrashModel();
  try {
    for (let life = 0; life <= CRASH_COUNT; life++) {
      const lunloom = await LunloomProcess.start({ args: ['--workers', '1', '--lun', `${LUN}=osd:${join(folder, 'store')}`] });
      try {
        const initiator = await Initiator.login(lunloom);
        crash.agree(await readModel((step) => initiator.run(step)));
        if (life === CRASH_COUNT) break;
        const gone = untilGone(() => crash.step(initiator));
        // What it finds before the kill is told below.
        gone.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, LOAD_MS_MIN + crash.random.below(LOAD_MS_MAX - LOAD_MS_MIN)));
        assert.is((await lunloom.kill()).signal, 'SIGKILL', 'it was there until it was killed');
        await gone;
      } finally {
        await lunloom.kill();
      }
    }
    console.log(`seed ${SEED}: ${crash.acknowledgedCount} commands acknowledged in ${CRASH_COUNT} lives, ${crash.model.lines().length} objects at the end`);
    assert.ok(crash.acknowledgedCount > 0);
  } catch (error) {
    console.log(`run it again with LUNLOOM_SEED=${SEED}`);
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
