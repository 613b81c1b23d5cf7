import { TargetError } from '../../engine/errors.js';
import { MEDIUM_BYTES } from './contenders.js';
import { probeMedium, verifyMedium } from './core-initiator.js';
import { initiators } from './initiators.js';
import { BUSY_SHARE_MAX, loadBetween, readCpuTimes, STOLEN_SHARE_MAX, watchIdleMachine } from './machine-load.js';
import type { Contender, LoadJob, Medium, RunningContender, RunRecord, Workload } from './model.js';
import type { Plan } from './options.js';
import { peakRssBytesOf } from './process-cost.js';

/** What became of one contender. */
export interface ContenderOutcome {
  readonly name: string;
  readonly title: string;
  readonly medium: Medium | null;
  /** Bytes that were written, read back and found right; 0 when that was not done. */
  readonly verifiedBytes: number;
  readonly peakRssBytes: number | null;
}

export interface MatrixOutcome {
  readonly contenders: readonly ContenderOutcome[];
  readonly runs: readonly RunRecord[];
  /** What puts the figures in doubt. */
  readonly warnings: readonly string[];
  /** What makes the whole run fail. */
  readonly failures: readonly string[];
}

interface Entrant {
  readonly contender: Contender;
  readonly running: RunningContender;
  readonly medium: Medium;
  readonly verifiedBytes: number;
}

const QUIET_BEFORE_ALL_MS = 1000;
const QUIET_BEFORE_WORKLOAD_MS = 300;
const WORKLOAD_SEED_STEP = 1_000_003;

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Those who may not be overwritten, have another medium or cannot do it sit out. */
function takesPart({ mayOverwrite, mediumKind, abstains }: Contender, workload: Workload): boolean {
  if (!mayOverwrite && (workload.operation === 'write' || workload.operation === 'mixed')) return false;
  return mediumKind === (workload.mediumKind ?? 'memory') && (abstains?.(workload) ?? null) === null;
}

/** One comparison: starts the contenders, verifies each, lets them take turns, stops them. `say` hears how it goes. */
export class Matrix {
  readonly #plan: Plan;
  readonly #say: (line: string) => void;
  readonly #entrants: Entrant[] = [];
  readonly #outcomes: ContenderOutcome[] = [];
  readonly #runs: RunRecord[] = [];
  readonly #warnings: string[] = [];
  readonly #failures: string[] = [];

  constructor(plan: Plan, say: (line: string) => void) {
    this.#plan = plan;
    this.#say = say;
  }

  async run(): Promise<MatrixOutcome> {
    await this.#checkQuiet('before anything was started', QUIET_BEFORE_ALL_MS);
    const before = readCpuTimes();
    try {
      for (const contender of this.#plan.contenders) await this.#admit(contender);
      for (const [index, workload] of this.#plan.workloads.entries()) await this.#runWorkload(workload, index);
    } finally {
      for (const entrant of this.#entrants) await this.#dismiss(entrant);
    }
    const after = readCpuTimes();
    if (before !== null && after !== null) {
      const { stolen } = loadBetween(before, after);
      if (stolen > STOLEN_SHARE_MAX) this.#warnings.push(`the hypervisor gave ${percent(stolen)} of the CPU time to other guests`);
    }
    return { contenders: this.#outcomes, runs: this.#runs, warnings: this.#warnings, failures: this.#failures };
  }

  async #checkQuiet(when: string, ms: number): Promise<void> {
    const load = await watchIdleMachine(ms);
    if (load === null) this.#warnings.push(`there is no /proc/stat to tell whether the machine was quiet ${when}`);
    else if (load.busy > BUSY_SHARE_MAX) this.#warnings.push(`the machine was not quiet ${when}: ${percent(load.busy)} of its CPUs were busy`);
  }

  async #admit(contender: Contender): Promise<void> {
    let running: RunningContender | null = null;
    try {
      running = await contender.start();
      const medium = await probeMedium(running.url);
      if (medium.capacityBytes !== MEDIUM_BYTES) {
        this.#warnings.push(`${contender.name} has ${medium.capacityBytes} bytes where others have ${MEDIUM_BYTES}`);
      }
      const verifiedBytes = contender.mayOverwrite ? await verifyMedium(running.url, medium, this.#plan.seed, MEDIUM_BYTES) : 0;
      this.#entrants.push({ contender, running, medium, verifiedBytes });
      this.#say(
        `${contender.name}: ${contender.title}, ${contender.mayOverwrite ? `${verifiedBytes} bytes read back right` : 'not written to and so not verified'}`,
      );
    } catch (error) {
      await running?.stop();
      this.#outcomes.push({ name: contender.name, title: contender.title, medium: null, verifiedBytes: 0, peakRssBytes: null });
      this.#fail(`${contender.name} does not take part: ${messageOf(error)}`);
    }
  }

  async #dismiss({ contender: { name, title }, running, medium, verifiedBytes }: Entrant): Promise<void> {
    const peakRssBytes = running.pid === null ? null : peakRssBytesOf(running.pid);
    await running.stop();
    this.#outcomes.push({ name, title, medium, verifiedBytes, peakRssBytes });
  }

  #fail(failure: string): void {
    this.#failures.push(failure);
    this.#say(`FAIL ${failure}`);
  }

  async #runWorkload(workload: Workload, workloadIndex: number): Promise<void> {
    const { rounds, warmUpRounds, seed } = this.#plan;
    const entrants = this.#entrants.filter(({ contender }) => takesPart(contender, workload));
    if (entrants.length === 0) return;
    await this.#checkQuiet(`before ${workload.name}`, QUIET_BEFORE_WORKLOAD_MS);
    for (let round = 1 - warmUpRounds; round <= rounds; round++) {
      // All contenders of a round get the same addresses and data.
      const runSeed = (seed + (workloadIndex + 1) * WORKLOAD_SEED_STEP + round) >>> 0;
      const cells: string[] = [];
      for (const entrant of entrants) cells.push(await this.#runOnce(entrant, workload, round, runSeed));
      this.#say(`${workload.name} ${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ${cells.join(', ')}`);
    }
  }

  async #runOnce({ contender, running, medium }: Entrant, workload: Workload, round: number, seed: number): Promise<string> {
    const record = { workload: workload.name, contender: contender.name, round };
    try {
      if (workload.lengthBytes % medium.blockLengthBytes !== 0) {
        throw new TargetError('BENCH_RUN', `${workload.lengthBytes} bytes are no whole blocks of ${medium.blockLengthBytes}`);
      }
      const job: LoadJob = { url: running.url, medium, workload, seconds: this.#plan.seconds, seed, targetPid: running.pid };
      const measurement = await initiators[workload.initiator].run(job);
      this.#runs.push({ ...record, measurement, error: null });
      return `${contender.name} ${Math.round(measurement.iops)}`;
    } catch (error) {
      const message = messageOf(error);
      this.#runs.push({ ...record, measurement: null, error: message });
      this.#fail(`${contender.name}, ${workload.name}, ${round === 0 ? 'warm-up' : `round ${round}`}: ${message}`);
      return `${contender.name} failed`;
    }
  }
}
