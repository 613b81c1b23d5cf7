import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineConfig, LunConfig } from '../../engine/config/engine-config.js';
import { Engine, type EngineUsage } from '../../engine/engine.js';
import type { LimitName } from '../../engine/limits.js';
import { Bystander } from './bystander.js';
import { HostileInitiator, type HostileLoginOptions } from './hostile-initiator.js';

const MIB = 1024 * 1024;
/** One attack, its observation and the time until everything is given back. */
const ATTACK_MS_MAX = 20_000;
const SETTLE_MS_MAX = 8_000;
const SETTLE_POLL_MS = 10;
/** Rounds that the other session must get through while the attackers are still connected, and again when they are gone. */
const BYSTANDER_ROUND_COUNT = 3;

export const TARGET_NAME = 'iqn.2025-01.dev.lunloom:hostile';
export const BYSTANDER_TARGET_NAME = 'iqn.2025-01.dev.lunloom:bystander';
export const BLOCK_LENGTH = 512;
/** Memory, on the main thread. */
export const RAM_INLINE_LUN = 0;
/** A file, on workers. */
export const FILE_POOL_LUN = 1;
/** Memory, on workers; the bystander never comes here, so its task set may be held up. */
export const RAM_POOL_LUN = 2;
export const ABSENT_LUN = 9;
/** Attacks write from here on; the bystander keeps below. */
export const ATTACK_LBA = 8192;

export interface SceneOptions {
  readonly limits?: Partial<Record<LimitName, number>>;
  readonly workerCount?: number;
  /** The bystander uses the attacked target, on the LUNs 0 and 1, unless told: fuzzed writes may go anywhere. */
  readonly bystanderApart?: boolean;
  /** Time for one attack. */
  readonly attackMsMax?: number;
}

function luns(folder: string, name: string): LunConfig[] {
  const common = { blockLengthBytes: BLOCK_LENGTH, readOnly: false } as const;
  return [
    { ...common, lun: RAM_INLINE_LUN, store: { kind: 'ram', sizeBytes: 64 * MIB }, execution: 'inline' },
    { ...common, lun: FILE_POOL_LUN, store: { kind: 'file', path: join(folder, `${name}.img`), sizeBytes: 64 * MIB, direct: false }, execution: 'pool' },
    { ...common, lun: RAM_POOL_LUN, store: { kind: 'ram', sizeBytes: 64 * MIB }, execution: 'pool' },
  ];
}

/** What every scene serves: two targets alike, of which the second is for a bystander that must not be written over. */
export function sceneConfig(folder: string, options: SceneOptions): EngineConfig {
  return {
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [
      { name: TARGET_NAME, luns: luns(folder, 'hostile') },
      { name: BYSTANDER_TARGET_NAME, luns: luns(folder, 'bystander') },
    ],
    execution: 'auto',
    workerCount: options.workerCount ?? 2,
    insecure: false,
    // Attackers do not wait for the window to widen, and are to get at what stands behind it.
    // Nor is anybody behind the same address to be slowed by their failed logins.
    limits: { commandWindowStartCount: 128, loginFailureDelayMsMax: 0, ...options.limits },
  };
}

/** What must be left when only the bystander is there and rests. */
export const usageAtRest: EngineUsage = {
  openTaskCount: 0,
  slotsInUse: 0,
  arenaBytesInUse: 0,
  ringCommandCount: 0,
  sessionCount: 1,
  connectionCount: 1,
  heldRangeCount: 0,
  retainedBytes: 0,
};

/** Asks until the usage is that at rest; the last answer stands in the failure. */
export async function assertUsageAtRest(usage: () => EngineUsage | Promise<EngineUsage>, msMax: number = SETTLE_MS_MAX): Promise<void> {
  const until = performance.now() + msMax;
  for (;;) {
    const now = await usage();
    if (JSON.stringify(now) === JSON.stringify(usageAtRest) || performance.now() > until) {
      assert.equal(now, usageAtRest, 'what the attack held was given back');
      return;
    }
    await sleep(SETTLE_POLL_MS);
  }
}

/** An engine in this process with a bystander logged in before any attack, and all connections of attackers. */
export class Scene {
  readonly engine: Engine;
  readonly port: number;
  readonly bystander: Bystander;
  readonly defects: unknown[];
  readonly #folder: string;
  readonly #attackMsMax: number;
  readonly #attackers: { destroy(): void }[] = [];

  private constructor(engine: Engine, bystander: Bystander, defects: unknown[], folder: string, attackMsMax: number) {
    this.engine = engine;
    this.port = (engine.portals[0] as { port: number }).port;
    this.bystander = bystander;
    this.defects = defects;
    this.#folder = folder;
    this.#attackMsMax = attackMsMax;
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'lunloom-hostile-'));
    const defects: unknown[] = [];
    const engine = await Engine.start(sceneConfig(folder, options), { onDefect: (error) => defects.push(error) });
    const targetName = options.bystanderApart === true ? BYSTANDER_TARGET_NAME : TARGET_NAME;
    const bystander = await Bystander.login((engine.portals[0] as { port: number }).port, targetName);
    return new Scene(engine, bystander, defects, folder, options.attackMsMax ?? ATTACK_MS_MAX);
  }

  async login(options: HostileLoginOptions = {}): Promise<HostileInitiator> {
    return this.track(await HostileInitiator.login(this.port, { targetName: TARGET_NAME, ...options }));
  }

  /** A connection that has not logged in. */
  async connect(): Promise<HostileInitiator> {
    return this.track(await HostileInitiator.connect(this.port));
  }

  /** Destroyed when the attack is over. */
  track<T extends { destroy(): void }>(attacker: T): T {
    this.#attackers.push(attacker);
    return attacker;
  }

  /**
   * Runs one attack and asserts what holds for all: the bystander's data is served and right while the attackers are still
   * there and when they are gone, everything is given back, and the engine found no defect in itself.
   */
  async endure(attack: () => Promise<void>): Promise<void> {
    this.bystander.start();
    try {
      await within(this.#attackMsMax, 'the attack', attack());
      await this.bystander.rounds(BYSTANDER_ROUND_COUNT);
    } finally {
      for (const attacker of this.#attackers.splice(0)) attacker.destroy();
    }
    await this.bystander.rounds(BYSTANDER_ROUND_COUNT);
    await this.bystander.rest();
    await assertUsageAtRest(() => this.engine.usage());
    assert.equal(this.defects.splice(0), [], 'the engine found no defect in itself');
  }

  async close(): Promise<void> {
    await this.bystander.logout();
    await this.engine.stop({ immediately: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One attack as a test of its own. */
export function attack(scene: Scene, name: string, body: () => Promise<void>): void {
  test(name, () => scene.endure(body));
}

/** Rejects when `promise` takes longer. */
export async function within<T>(msMax: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${msMax} ms`)), msMax);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
