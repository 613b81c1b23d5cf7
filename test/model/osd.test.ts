// test-timeout: 300 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../engine/limits.js';
import { answerOf, good, type OsdBed, openBed } from '../engine/devices/osd/osd-fixture.js';
import { dataInOf, run, runDeferred } from '../engine/scsi/scsi-fixture.js';
import type { OsdCommand } from '../support/osd-cdb.js';
import { seededRandom } from '../support/random.js';
import { OsdCommands } from './osd-commands.js';
import { OsdCredentials, type SentCommand } from './osd-credentials.js';
import { OsdModel } from './osd-model.js';
import { readModel } from './osd-reader.js';
import type { OsdModelAnswer, OsdStep } from './osd-steps.js';
import { givenSeed } from './sequence-search.js';

const SECONDS = Number(process.env['LUNLOOM_MODEL_SECONDS'] ?? 5);
const SEQUENCE_LENGTH = 300;
const CHECK_EVERY = 50;
const FORGED_EVERY = 12;
const REOPEN_EVERY = 60;
/** Small ones, so that what waits is settled often. */
const limits = { ...defaultLimits, osdOpenFileCountMax: 8, osdDirtyFileCountMax: 6, osdFreedFileCountMax: 5, osdAccessTimeCountMax: 4 };

/** A device, what it has to hold, and who may do what. */
class Scenario {
  readonly done: string[] = [];
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #model = new OsdModel();
  readonly #credentials: OsdCredentials;
  readonly #commands: OsdCommands;
  #bed!: OsdBed;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#credentials = new OsdCredentials(this.#random);
    this.#commands = new OsdCommands(this.#random, this.#model);
  }

  async run(): Promise<void> {
    this.#bed = await openBed({ limits });
    try {
      await this.#credentials.setRootKey((command) => this.#send(command));
      this.#readToken();
      for (let index = 1; index <= SEQUENCE_LENGTH; index++) {
        if (this.#random.below(REOPEN_EVERY) === 0) await this.#reopen();
        await this.#step(this.#commands.next());
        if (index % CHECK_EVERY === 0) await this.#check();
      }
      await this.#reopen();
      await this.#check();
    } finally {
      await this.#bed.close();
    }
  }

  async #send(command: OsdCommand): Promise<OsdModelAnswer> {
    return good(await this.#bed.run(command));
  }

  async #sendSigned({ cdb, dataOut, retrievedAt }: SentCommand): Promise<OsdModelAnswer> {
    return answerOf(await runDeferred(this.#bed.unit, Buffer.from(cdb).toString('hex'), { dataOut }), retrievedAt);
  }

  async #step(step: OsdStep): Promise<void> {
    this.done.push(`${step.name}${step.sense}`);
    const isFound = step.sense === '' || step.creates === false;
    if (isFound && this.#random.below(FORGED_EVERY) === 0) {
      const forged = this.#credentials.sign(step, this.#model, true);
      assert.is((await this.#sendSigned(forged.sent)).sense, forged.sense, `${step.name} with a credential that is no good`);
    }
    const { sent } = this.#credentials.sign(step, this.#model, false);
    const answer = await this.#sendSigned(sent);
    assert.is(answer.sense, step.sense, `${step.name} of ${step.target.kind} ${step.target.partition}/${step.target.object}`);
    step.apply(this.#model, answer);
    this.#credentials.forgetMissing(this.#model);
    const isNew = step.name === 'CREATE PARTITION' && step.sense === '';
    if (isNew && this.#random.below(3) > 0) await this.#credentials.secure(step.target.partition, this.#random.below(4), (command) => this.#send(command));
  }

  async #reopen(): Promise<void> {
    this.done.push('restart');
    this.#bed = await this.#bed.reopen();
    this.#readToken();
  }

  #readToken(): void {
    this.#credentials.securityToken = Buffer.from(dataInOf(run(this.#bed.unit, '1201b1010000')).slice(4));
  }

  async #check(): Promise<void> {
    const found = await readModel(async (step) => this.#sendSigned(this.#credentials.sign(step, this.#model, false).sent));
    assert.equal(found.lines(), this.#model.lines());
  }
}

test('an object storage device is a map of bytes and attributes to its commands, whatever proves them, through restarts', async () => {
  const first = givenSeed ?? Date.now() % 2 ** 32;
  const endMs = Date.now() + SECONDS * 1000;
  let count = 0;
  do {
    const scenario = new Scenario(first + count++);
    try {
      await scenario.run();
    } catch (error) {
      process.stdout.write(`LUNLOOM_SEED=${first + count - 1}, after ${scenario.done.length}: ${scenario.done.slice(-12).join(', ')}\n`);
      throw error;
    }
  } while (givenSeed === null && Date.now() < endMs);
  process.stdout.write(`${count} sequences of ${SEQUENCE_LENGTH} commands, the first of seed ${first}\n`);
});

test.run();
