import { appendFileSync } from 'node:fs';

export interface Totals {
  passedCount: number;
  failedCount: number;
  skippedCount: number;
}

/** What it has to know of a scenario. */
export interface Followed {
  readonly name: string;
  readonly kernelMaySay?: RegExp;
}

/** Lines of a step that failed which are shown; the log has all. */
const SHOWN_LINE_COUNT_MAX = 25;
/** What the kernel says when one of its drivers met something that must not be. */
const KERNEL_COMPLAINTS =
  /BUG:|WARNING:|Oops|Call Trace|blocked for more than|conn error|Unhandled error|I\/O error|timing out|tag#\d+ FAILED|Invalid|detected conn/;

/** Follows the lines of the guest: counts, shows and writes them to the log. */
export class ResultReader {
  readonly totals: Totals = { passedCount: 0, failedCount: 0, skippedCount: 0 };
  readonly #logPath: string;
  readonly #expectedKernelLines: ReadonlyMap<string, RegExp | undefined>;
  readonly #onAsked: (scenario: string, word: string) => void;
  readonly #open: Set<string>;
  #scenario = 'boot';
  #beganAt = 0;
  #step: string[] = [];
  #complaints: string[] = [];

  constructor(logPath: string, scenarios: readonly Followed[], onAsked: (scenario: string, word: string) => void) {
    this.#logPath = logPath;
    this.#open = new Set(scenarios.map(({ name }) => name));
    this.#expectedKernelLines = new Map(scenarios.map(({ name, kernelMaySay }) => [name, kernelMaySay]));
    this.#onAsked = onAsked;
  }

  read(line: string): void {
    appendFileSync(this.#logPath, `${line}\n`);
    const [word, ...rest] = line.split(' ');
    if (word === 'BOOTED') console.log(`the guest is up: Linux ${rest[0]}, ${rest[1]} s after its start`);
    else if (word === 'BEGIN') this.#begin(rest[0] as string, Number(rest[1]));
    else if (word === 'STEP') this.#step = [line];
    else if (word === 'RESULT') this.#result(rest[0] as string, rest.slice(1).join(' '));
    else if (word === 'ASK') this.#onAsked(this.#scenario, rest[0] as string);
    else if (word === 'K') this.#kernel(rest.join(' '));
    else if (word === 'END') this.#end(rest[0] as string, Number(rest[1]), Number(rest[2]));
    else this.#step.push(line);
  }

  /** When the machine is gone: what it did not come to has failed. */
  finish(fault: string | null): void {
    if (fault !== null) this.#fail(`${this.#scenario}: the guest goes on`, [fault]);
    for (const name of this.#open) this.#fail(`${name}: runs to its end`, ['the guest was gone before']);
  }

  /** Something went wrong on the host. */
  fault(scenario: string, message: string): void {
    this.#fail(`${scenario}: the host does its part`, message.split('\n'));
  }

  /** It cannot even begin. */
  leaveOut(scenario: string): void {
    this.#open.delete(scenario);
  }

  /** Prints the totals; answers the exit code. */
  summarize(logPath: string): number {
    const { passedCount, failedCount, skippedCount } = this.totals;
    const lines = [`the guest's log: ${logPath}`, `${passedCount} passed, ${failedCount} failed, ${skippedCount} skipped`];
    for (const line of lines) console.log(line);
    appendFileSync(logPath, `${lines[1]}\n`);
    return failedCount > 0 || passedCount === 0 ? 1 : 0;
  }

  skip(what: string, why: string): void {
    this.totals.skippedCount++;
    console.log(`skip  ${what}: ${why}`);
  }

  #begin(name: string, seconds: number): void {
    this.#scenario = name;
    this.#beganAt = seconds;
    this.#complaints = [];
    this.#step = [];
  }

  #result(outcome: string, name: string): void {
    const what = `${this.#scenario}: ${name}`;
    if (outcome === 'ok') this.#pass(what);
    else if (outcome === 'SKIPPED') this.skip(what, this.#step.at(-1) ?? 'the guest left it out');
    else this.#fail(what, this.#step);
    this.#step = [];
  }

  #kernel(line: string): void {
    if (KERNEL_COMPLAINTS.test(line) && !this.#expectedKernelLines.get(this.#scenario)?.test(line)) this.#complaints.push(line);
  }

  #end(name: string, status: number, seconds: number): void {
    this.#open.delete(name);
    if (status !== 0) this.#fail(`${name}: runs to its end`, [...this.#step, status > 128 ? 'it took too long' : `exit status ${status}`]);
    if (this.#complaints.length === 0) this.#pass(`${name}: the kernel has no complaint`);
    else this.#fail(`${name}: the kernel has no complaint`, this.#complaints);
    console.log(`      ${name} took ${(seconds - this.#beganAt).toFixed(1)} s`);
  }

  #pass(what: string): void {
    this.totals.passedCount++;
    console.log(`ok    ${what}`);
  }

  #fail(what: string, lines: readonly string[]): void {
    this.totals.failedCount++;
    console.log(`FAIL  ${what}`);
    for (const line of lines.slice(-SHOWN_LINE_COUNT_MAX)) console.log(`      ${line}`);
  }
}
