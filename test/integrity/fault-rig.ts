import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { DiskLunConfig, EngineConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';
import { type KeyOffers, LogicalUnitClient, Session } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';

export const TARGET_NAME = 'iqn.2026-11.io.lunloom:integrity';
/** Every command ends within this, whatever dies meanwhile: a thread is replaced in tens of milliseconds. */
export const COMMAND_MS_MAX = 10_000;
/** From the last answer to the moment at which all that the commands held has been given back. */
const IDLE_MS_MAX = 2_000;
const IDLE_POLL_MS = 10;

export interface RigOptions {
  readonly execution: EngineConfig['execution'];
  readonly luns: readonly DiskLunConfig[];
  readonly limits?: EngineConfig['limits'];
}

/** An engine in this process, so that its threads can be killed, with the sessions that load it. */
export class FaultRig {
  readonly engine: Engine;
  readonly #defects: unknown[];
  readonly #sessions: Session[] = [];

  private constructor(engine: Engine, defects: unknown[]) {
    this.engine = engine;
    this.#defects = defects;
  }

  static async start({ execution, luns, limits = {} }: RigOptions): Promise<FaultRig> {
    const defects: unknown[] = [];
    const engine = await Engine.start(
      { portals: [{ address: '127.0.0.1', port: 0 }], targets: [{ name: TARGET_NAME, luns }], execution, workerCount: 2, insecure: false, limits },
      { onDefect: (error) => defects.push(error) },
    );
    return new FaultRig(engine, defects);
  }

  /** A session that sees the LUN and has been told all unit attentions. */
  async login(lun: number, offers: KeyOffers = {}): Promise<LogicalUnitClient> {
    const port = this.engine.portals[0]?.port as number;
    const session = await Session.login({ host: '127.0.0.1', port, targetName: TARGET_NAME, offers, commandMsMax: COMMAND_MS_MAX });
    this.#sessions.push(session);
    const unit = new LogicalUnitClient(session, lun);
    await unit.clearUnitAttentions();
    return unit;
  }

  /** Nothing is outstanding any more: no slot, no arena byte, no ring entry and no block range may still be held. */
  async assertIdle(): Promise<void> {
    const sessionCount = this.#sessions.length;
    const idle = {
      openTaskCount: 0,
      slotsInUse: 0,
      arenaBytesInUse: 0,
      ringCommandCount: 0,
      sessionCount,
      connectionCount: sessionCount,
      heldRangeCount: 0,
      retainedBytes: 0,
    };
    const until = performance.now() + IDLE_MS_MAX;
    while (JSON.stringify(this.engine.usage()) !== JSON.stringify(idle) && performance.now() < until) await pause(IDLE_POLL_MS);
    assert.equal(this.engine.usage(), idle);
    assert.equal(this.#defects, []);
  }

  /** Logs everybody out and leaves the engine with nothing at all in use. */
  async logoutAll(): Promise<void> {
    for (const session of this.#sessions.splice(0)) await session.logout();
    await this.assertIdle();
  }

  async stop(): Promise<void> {
    await this.engine.stop({ immediately: true });
    assert.equal(this.#defects, []);
  }
}

/** Runs a test on a rig that is stopped whatever happens; `folder` is for its files and removed afterwards. */
export async function withRig(options: (folder: string) => RigOptions, use: (rig: FaultRig, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-integrity-'));
  try {
    const rig = await FaultRig.start(options(folder));
    try {
      await use(rig, folder);
    } catch (error) {
      await rig.engine.stop({ immediately: true });
      throw error;
    }
    await rig.stop();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Turns of the event loop that a kill waits for a command to be on a ring: a thread that dies idle proves little. */
const BUSY_TURN_COUNT_MAX = 200;

/** Kills worker threads while it runs, at random moments at which there is something for them to lose. */
export class WorkerKiller {
  killCount = 0;
  readonly #engine: Engine;
  readonly #random: SeededRandom;
  readonly #delayMsMin: number;
  readonly #delayMsMax: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(engine: Engine, random: SeededRandom, delayMsMin: number, delayMsMax: number) {
    this.#engine = engine;
    this.#random = random;
    this.#delayMsMin = delayMsMin;
    this.#delayMsMax = delayMsMax;
  }

  start(): void {
    const delayMs = this.#delayMsMin + this.#random.below(this.#delayMsMax - this.#delayMsMin);
    this.#timer = setTimeout(() => void this.#killWhenBusy(), delayMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #killWhenBusy(): Promise<void> {
    for (let i = 0; i < BUSY_TURN_COUNT_MAX && this.#engine.usage().ringCommandCount === 0; i++) await new Promise(setImmediate);
    if (this.#timer === null) return;
    this.#kill();
    this.start();
  }

  /** One thread, or all of them at once. */
  #kill(): void {
    const threads = this.#engine.workerThreads;
    const victims = this.#random.boolean() ? threads : threads.slice(this.#random.below(threads.length)).slice(0, 1);
    for (const thread of victims) {
      this.killCount++;
      void thread.terminate();
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
