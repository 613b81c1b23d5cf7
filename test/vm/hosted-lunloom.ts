import { spawn } from 'node:child_process';
import { TargetError } from '../../engine/errors.js';
import { LunloomProcess, programPath } from '../support/lunloom-process.js';

const OPERATION_MS_MAX = 20_000;

/** A Lunloom on the host, for one scenario. */
export class HostedLunloom {
  readonly scenario: string;
  readonly #process: LunloomProcess;
  readonly #folder: string;

  private constructor(scenario: string, served: LunloomProcess, folder: string) {
    this.scenario = scenario;
    this.#process = served;
    this.#folder = folder;
  }

  /** `args` stand behind `serve`; relative paths in them start at `folder`. Throws as `LunloomProcess.start` does. */
  static async start(scenario: string, args: readonly string[], folder: string): Promise<HostedLunloom> {
    const served = await LunloomProcess.start({ args: ['--target', `iqn.2026-11.io.lunloom:${scenario}`, ...args], cwd: folder });
    return new HostedLunloom(scenario, served, folder);
  }

  get targetName(): string {
    return this.#process.targetName;
  }

  get port(): number {
    return this.#process.port;
  }

  url(lun: number): string {
    return this.#process.url(lun);
  }

  /** `lunloom lun do LUN OPERATION ARGS…`. Rejects with `TargetError` `VM_COMMAND_FAILED`. */
  operate(lun: number, operation: string, ...args: readonly string[]): Promise<void> {
    const control = this.#process.events.find(({ event }) => event === 'ready')?.['control'];
    const command = ['lun', 'do', `${lun}`, operation, ...args, '--control', `${control}`];
    const child = spawn(process.execPath, [programPath(), ...command], { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: OPERATION_MS_MAX });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    return new Promise((resolve, reject) => {
      child.once('close', (exitCode) => {
        if (exitCode === 0) resolve();
        else reject(new TargetError('VM_COMMAND_FAILED', `lunloom ${command.join(' ')}: ${said.trim()}`));
      });
    });
  }

  /** What was wrong with its end, or null: it has to stop when told, with nothing to say on stderr. */
  async stop(): Promise<string | null> {
    const { exitCode, signal } = await this.#process.stop();
    const stderr = this.#process.stderr.trim();
    if (exitCode !== 0) return `Lunloom ended with ${signal ?? `exit code ${exitCode}`}: ${stderr}`;
    return stderr === '' ? null : `Lunloom said: ${stderr}`;
  }
}
