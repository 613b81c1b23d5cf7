import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Bystander } from './bystander.js';
import type { ChildAnswer, ChildRequest } from './engine-child.js';
import { HostileInitiator, type HostileLoginOptions } from './hostile-initiator.js';
import { assertUsageAtRest, BYSTANDER_TARGET_NAME, type SceneOptions, sceneConfig, TARGET_NAME, within } from './scene.js';

const CHILD_PATH = fileURLToPath(new URL('./engine-child.js', import.meta.url));
const ANSWER_MS_MAX = 20_000;

/** An engine in a child process with a bystander logged in: where the memory of the engine alone is to be seen. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #attackers: HostileInitiator[] = [];
  #answered: ((answer: ChildAnswer) => void) | null = null;
  port = 0;
  bystander!: Bystander;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#child = fork(CHILD_PATH, { execArgv: ['--expose-gc'], env: { ...process.env, NODE_OPTIONS: '' } });
    this.#child.setMaxListeners(0);
    this.#child.on('message', (answer: ChildAnswer) => this.#answered?.(answer));
  }

  static async start(options: SceneOptions = {}): Promise<EngineProcess> {
    const engine = new EngineProcess(mkdtempSync(join(tmpdir(), 'lunloom-hostile-')));
    const { port } = await engine.#ask({ kind: 'start', config: sceneConfig(engine.#folder, options) });
    engine.port = port;
    const targetName = options.bystanderApart === true ? BYSTANDER_TARGET_NAME : TARGET_NAME;
    engine.bystander = await Bystander.login(port, targetName);
    return engine;
  }

  observe(): Promise<ChildAnswer> {
    return this.#ask({ kind: 'observe' });
  }

  async login(options: HostileLoginOptions = {}): Promise<HostileInitiator> {
    const attacker = await HostileInitiator.login(this.port, { targetName: TARGET_NAME, ...options });
    this.#attackers.push(attacker);
    return attacker;
  }

  destroyAttackers(): void {
    for (const attacker of this.#attackers.splice(0)) attacker.destroy();
  }

  /** Only the bystander is left, at rest, and no defect was found. */
  async assertAtRest(msMax?: number): Promise<void> {
    await this.bystander.rest();
    await assertUsageAtRest(async () => {
      const { usage } = await this.observe();
      assert.ok(usage !== null);
      return usage;
    }, msMax);
    assert.equal((await this.observe()).defects, [], 'the engine found no defect in itself');
  }

  async stop(): Promise<void> {
    this.destroyAttackers();
    await this.bystander.logout();
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    await this.#ask({ kind: 'stop' });
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One question at a time. */
  async #ask(request: ChildRequest): Promise<ChildAnswer> {
    assert.is(this.#answered, null, 'the last question was answered');
    const answered = new Promise<ChildAnswer>((resolve, reject) => {
      this.#answered = resolve;
      this.#child.once('exit', (code) => reject(new Error(`the engine's process ended with ${code}`)));
    });
    this.#child.send(request);
    try {
      return await within(ANSWER_MS_MAX, `the answer to ${request.kind}`, answered);
    } finally {
      this.#answered = null;
    }
  }
}
