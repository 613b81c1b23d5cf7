import * as assert from 'uvu/assert';
import type { DiskLunConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:load';
const IDLE_MS_MAX = 2_000;
const IDLE_POLL_MS = 10;

/** An engine in this process that a load is run against. */
export class EngineTarget {
  readonly engine: Engine;
  readonly port: number;
  readonly #defects: unknown[];

  private constructor(engine: Engine, defects: unknown[]) {
    this.engine = engine;
    this.port = engine.portals[0]?.port as number;
    this.#defects = defects;
  }

  static async start(luns: readonly DiskLunConfig[]): Promise<EngineTarget> {
    const defects: unknown[] = [];
    const engine = await Engine.start(
      {
        portals: [{ address: '127.0.0.1', port: 0 }],
        targets: [{ name: TARGET_NAME, luns }],
        execution: 'inline',
        workerCount: 0,
        insecure: false,
        limits: {},
      },
      { onDefect: (error) => defects.push(error) },
    );
    return new EngineTarget(engine, defects);
  }

  url(lun = 0): string {
    return `iscsi://127.0.0.1:${this.port}/${TARGET_NAME}/${lun}`;
  }

  /** Runs with a second initiator, to look at the unit or to spoil it. */
  async withUnit<T>(lun: number, use: (unit: LogicalUnitClient) => Promise<T>): Promise<T> {
    const session = await Session.login({ host: '127.0.0.1', port: this.port, targetName: TARGET_NAME });
    const unit = new LogicalUnitClient(session, lun);
    await unit.clearUnitAttentions();
    const result = await use(unit);
    await session.logout();
    return result;
  }

  /** What a load leaves behind: nothing. */
  async assertIdle(): Promise<void> {
    const idle = {
      openTaskCount: 0,
      slotsInUse: 0,
      arenaBytesInUse: 0,
      ringCommandCount: 0,
      sessionCount: 0,
      connectionCount: 0,
      heldRangeCount: 0,
      retainedBytes: 0,
    };
    const until = performance.now() + IDLE_MS_MAX;
    while (JSON.stringify(this.engine.usage()) !== JSON.stringify(idle) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
    }
    assert.equal(this.engine.usage(), idle);
    assert.equal(this.#defects, []);
  }

  async stop(): Promise<void> {
    await this.engine.stop({ immediately: true });
  }
}

export const ramLun = (lun: number, sizeBytes: number, more: Partial<DiskLunConfig> = {}): DiskLunConfig => ({
  lun,
  store: { kind: 'ram', sizeBytes },
  blockLengthBytes: 512,
  readOnly: false,
  ...more,
});
