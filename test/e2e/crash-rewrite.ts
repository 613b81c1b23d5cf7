import { Assertion } from 'uvu/assert';
import type { LogicalUnitClient } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';
import { untilGone } from './crash-lane.js';

const BLOCK_LENGTH_BYTES = 512;
const READ_BLOCKS = 2048;
const UNIT_ATTENTION = 0x6;
const NO_SENSE = 0x0;
const SANITIZE_IN_PROGRESS = 0x041b;
const FORMAT_IN_PROGRESS = 0x0404;
const FORMAT_CORRUPTED = 0x3100;
const IDLE_MS_MAX = 60;
const POLL_MS = 10;

type Condition = 'ready' | 'sanitizing' | 'formatting' | 'corrupt';
interface RewriteState {
  readonly condition: Condition;
  /** What each byte holds, or is to hold when it is done. */
  readonly byte: number;
}

interface Rewrite {
  readonly name: string;
  readonly during: 'sanitizing' | 'formatting';
  readonly byte: number;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly answersAtOnce: boolean;
}

function sanitize(random: SeededRandom, byte: number): Rewrite {
  const answersAtOnce = random.below(4) !== 0;
  const immed = answersAtOnce ? 0x80 : 0;
  const action = 1 + random.below(3);
  if (action === 1) {
    const passCount = 1 + random.below(3);
    // INVERT: the last pass leaves the pattern as it was given.
    const dataOut = Uint8Array.of(0x80 | passCount, 0, 0, 1, byte);
    return { name: 'SANITIZE OVERWRITE', during: 'sanitizing', byte, cdb: Uint8Array.of(0x48, immed | action, 0, 0, 0, 0, 0, 0, 5, 0), dataOut, answersAtOnce };
  }
  const cdb = Uint8Array.of(0x48, immed | action, 0, 0, 0, 0, 0, 0, 0, 0);
  return { name: `SANITIZE ${action}`, during: 'sanitizing', byte: 0, cdb, answersAtOnce };
}

function format(random: SeededRandom, byte: number): Rewrite {
  const answersAtOnce = random.below(4) !== 0;
  // FOV, IP and IMMED; a pattern of one byte.
  const dataOut = Uint8Array.of(0, answersAtOnce ? 0x8a : 0x88, 0, 0, 0, 1, 0, 1, byte);
  return { name: 'FORMAT UNIT', during: 'formatting', byte, cdb: Uint8Array.of(0x04, 0x10, 0, 0, 0, 0), dataOut, answersAtOnce };
}

/** A unit that is sanitized and formatted under kills: sanitizes go on and end with all data gone, interrupted formats are told. */
export class CrashRewrite {
  readonly #lbaCount: number;
  #state: RewriteState = { condition: 'ready', byte: 0 };
  #pending: Rewrite | null = null;
  resumedCount = 0;
  interruptedFormatCount = 0;
  doneCount = 0;

  constructor(lbaCount: number) {
    this.#lbaCount = lbaCount;
  }

  /** After a start. */
  async verify(unit: LogicalUnitClient): Promise<void> {
    const condition = await conditionOf(unit);
    const before = this.#state;
    const possible: RewriteState[] = [...afterStart(before)];
    if (this.#pending !== null) {
      const { during, byte } = this.#pending;
      possible.push(...afterStart({ condition: during, byte }));
    }
    this.#pending = null;
    const fitting = possible.filter((state) => state.condition === condition);
    if (fitting.length === 0) throw fault('the unit is in a condition that nothing led to', possible, condition);
    if (condition === 'sanitizing' && before.condition === 'sanitizing') this.resumedCount++;
    if (condition === 'corrupt' && before.condition === 'formatting') this.interruptedFormatCount++;
    // A sanitize under way decides what its request was; two that fit differ only by the request that was not acknowledged.
    this.#state = fitting.length === 1 || condition !== 'ready' ? (fitting.at(-1) as RewriteState) : await this.#whichIsRead(unit, fitting);
    if (condition === 'ready') await this.#checkContent(unit, this.#state.byte);
  }

  run(unit: LogicalUnitClient, random: SeededRandom): Promise<void> {
    return untilGone(async () => {
      if (this.#state.condition === 'sanitizing' || this.#state.condition === 'formatting') return this.#awaitEnd(unit);
      await pause(random.below(IDLE_MS_MAX));
      const byte = 1 + random.below(255);
      await this.#start(unit, random.below(3) === 0 ? format(random, byte) : sanitize(random, byte));
    });
  }

  async #start(unit: LogicalUnitClient, rewrite: Rewrite): Promise<void> {
    const { name, cdb, dataOut, byte, during, answersAtOnce } = rewrite;
    this.#pending = rewrite;
    await unit.run(name, dataOut === undefined ? { cdb } : { cdb, dataOut });
    this.#state = { condition: answersAtOnce ? during : 'ready', byte };
    this.#pending = null;
    if (!answersAtOnce) await this.#checkContent(unit, byte);
  }

  async #awaitEnd(unit: LogicalUnitClient): Promise<void> {
    const condition = await conditionOf(unit);
    if (condition === this.#state.condition) return pause(POLL_MS);
    if (condition !== 'ready') throw fault('it ended otherwise than done', this.#state, condition);
    this.#state = { condition, byte: this.#state.byte };
    await this.#checkContent(unit, this.#state.byte);
  }

  async #checkContent(unit: LogicalUnitClient, byte: number): Promise<void> {
    for (let lba = 0; lba < this.#lbaCount; lba += READ_BLOCKS) {
      const data = await unit.read(lba, READ_BLOCKS, BLOCK_LENGTH_BYTES);
      const wrongAt = data.findIndex((found) => found !== byte);
      if (wrongAt !== -1) throw fault(`byte ${wrongAt} behind LBA ${lba} is left of what was there before`, byte, data[wrongAt]);
    }
    this.doneCount++;
  }

  async #whichIsRead(unit: LogicalUnitClient, states: readonly RewriteState[]): Promise<RewriteState> {
    const [byte] = await unit.read(0, 1, BLOCK_LENGTH_BYTES);
    return states.find((state) => state.byte === byte) ?? (states[0] as RewriteState);
  }
}

/** What a start may find of a unit that was left so. */
function afterStart(state: RewriteState): readonly RewriteState[] {
  const done: RewriteState = { condition: 'ready', byte: state.byte };
  if (state.condition === 'sanitizing') return [done, state];
  if (state.condition === 'formatting') return [done, { condition: 'corrupt', byte: state.byte }];
  return [state];
}

async function conditionOf(unit: LogicalUnitClient): Promise<Condition> {
  for (;;) {
    const sense = await unit.requestSense();
    if (sense === null || sense.key === NO_SENSE) return 'ready';
    if (sense.key === UNIT_ATTENTION) continue;
    if (sense.ascAscq === SANITIZE_IN_PROGRESS) return 'sanitizing';
    if (sense.ascAscq === FORMAT_IN_PROGRESS) return 'formatting';
    if (sense.ascAscq === FORMAT_CORRUPTED) return 'corrupt';
    throw fault('REQUEST SENSE tells of something else', null, sense);
  }
}

function fault(message: string, expects: unknown, actual: unknown): Assertion {
  return new Assertion({ message: `${message}: ${JSON.stringify(actual)}, not ${JSON.stringify(expects)}`, operator: 'rewrite', expects, actual });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
