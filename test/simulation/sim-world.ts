import { type SeededRandom, seededRandom } from '../support/random.js';
import { BLOCK_BYTES, BlockHistory } from './block-history.js';
import type { Scenario } from './scenario.js';
import { SimClock } from './sim-clock.js';
import { SimConnection } from './sim-connection.js';
import { SimInitiator } from './sim-initiator.js';
import { SimLink } from './sim-link.js';
import type { SimSession } from './sim-session.js';
import { LUN_BLOCK_COUNT, LUN_COUNT, SimTarget, TARGET_NAME } from './sim-target.js';
import { Trace } from './trace.js';
import { must } from './violation.js';
import { WireChecker } from './wire-checker.js';

/** Longest that commands may take once nothing goes wrong any more. */
const CALM_MS_MAX = 60_000;
/** Faults that let nothing get through for this long stop. */
const NO_PROGRESS_MS = 40_000;
/** Faults go on for this long after the last command was given, at most. */
const FAULTS_GO_ON_MS = 1500;
const CHECK_EVERY = 8;

/** One target, its initiators, and the network between them: everything that happens follows from the scenario's seed. */
export class SimWorld {
  readonly scenario: Scenario;
  readonly clock = new SimClock();
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly target: SimTarget;
  readonly histories: BlockHistory[] = [];
  readonly targetName = TARGET_NAME;
  readonly initiators: SimInitiator[] = [];
  readonly hasCorrupted: boolean;
  /** All commands were given, and nothing goes wrong any more: sessions may be closed. */
  isCalm = false;
  #isPerfect = false;
  #place = 0;
  #endedCount = 0;
  #progressMicros = 0;
  #lastCommandMicros = 0;
  #linkCount = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.hasCorrupted = scenario.faults.corruptShare > 0;
    // Not the stream that the scenario was made of.
    this.random = seededRandom(scenario.seed ^ 0x5eed);
    this.trace = new Trace(this.clock);
    this.target = new SimTarget({ clock: this.clock, random: this.random, limits: scenario.limits, arenaBytes: scenario.arenaBytes });
    for (let lun = 0; lun < LUN_COUNT; lun++) this.histories.push(new BlockHistory(() => this.#place++));
    for (let at = 0; at < scenario.initiatorCount; at++) this.initiators.push(new SimInitiator(this, at));
  }

  connect(session: SimSession, cid: number): SimConnection {
    const { clock, random, trace, scenario } = this;
    const name = `#${++this.#linkCount}/cid${cid}`;
    const connection = new SimConnection(session, cid, name);
    const network = { clock, random, trace, faults: scenario.faults };
    connection.link = new SimLink(network, name, scenario.parameters.digests, new WireChecker(session.watch, name), connection);
    this.target.accept(connection.link.socket);
    return connection;
  }

  /** Lets all happen, and looks on. Throws a `Violation` when something that must hold does not. */
  run(): void {
    for (let step = 0; !this.initiators.every(({ isDone }) => isDone); step++) {
      must(this.clock.step(), () => 'nothing will ever happen again, and not all is done');
      if (step % CHECK_EVERY === 0) this.target.check();
      this.#watchProgress(this.clock.elapsedMicros);
    }
    this.#finish();
  }

  /** The network becomes perfect when all commands were given, or when its faults let nothing get through; then all must end soon. */
  #watchProgress(now: number): void {
    const endedCount = this.initiators.reduce((sum, { ends }) => sum + ends.answered + ends.aborted + ends.lost, 0);
    if (endedCount !== this.#endedCount) {
      this.#endedCount = endedCount;
      this.#progressMicros = now;
    }
    const isBusy = this.initiators.some(({ commandsLeft }) => commandsLeft > 0);
    if (this.#isPerfect) {
      const isHanging = now - this.#progressMicros > CALM_MS_MAX * 1000;
      must(!isHanging, () => `commands do not end: ${this.initiators.map((each) => each.describe()).join('; ')}`);
      this.isCalm = !isBusy;
      return;
    }
    if (isBusy) this.#lastCommandMicros = now;
    const isOver = !isBusy && (now - this.#lastCommandMicros > FAULTS_GO_ON_MS * 1000 || !this.initiators.some((each) => each.hasOpenCommands));
    if (!isOver && now - this.#progressMicros < NO_PROGRESS_MS * 1000) return;
    this.#isPerfect = true;
    this.#progressMicros = now;
    Object.assign(this.scenario.faults, { lossShare: 0, corruptShare: 0, resetShare: 0 });
    this.trace.add(() => 'the network is perfect from now on');
  }

  #finish(): void {
    const until = this.clock.elapsedMicros + CALM_MS_MAX * 1000;
    while (this.clock.pendingCount > 0 && this.clock.elapsedMicros < until) this.clock.step();
    must(this.clock.pendingCount === 0, () => `${this.clock.pendingCount} timers are left when all is over`);
    this.target.checkIdle();
    for (let lun = 0; lun < LUN_COUNT; lun++) {
      const history = this.histories[lun] as BlockHistory;
      const data = new Uint8Array(LUN_BLOCK_COUNT * BLOCK_BYTES);
      const start = history.begin();
      this.target.stores[lun]?.read(data, 0, data.length, 0);
      history.endRead(0, data, start);
      history.check();
    }
  }
}
