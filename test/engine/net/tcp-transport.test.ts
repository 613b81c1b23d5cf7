import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../../engine/engine.js';
import type { LimitName } from '../../../engine/limits.js';
import { TaskAttribute } from '../../../engine/pdu/index.js';
import { cdb, LogicalUnitClient, Session } from '../../../initiator/index.js';

const TARGET_NAME = 'iqn.2024-01.test:transport';
const MIB = 1024 * 1024;
const BLOCK = 512;
/** Well below the engine's tick, which flushes whatever was forgotten. */
const PROMPT_MS_MAX = 300;

interface Scene {
  readonly engine: Engine;
  login(): Promise<{ session: Session; unit: LogicalUnitClient }>;
}

async function withEngine(limits: Partial<Record<LimitName, number>>, body: (scene: Scene) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [
        { name: TARGET_NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 64 * MIB }, blockLengthBytes: BLOCK, readOnly: false, execution: 'inline' }] },
      ],
      execution: 'inline',
      workerCount: 0,
      insecure: false,
      limits,
    },
    { onDefect: (error) => defects.push(error) },
  );
  const sessions: Session[] = [];
  const login = async () => {
    const session = await Session.login({ host: '127.0.0.1', port: engine.portals[0]?.port ?? 0, targetName: TARGET_NAME });
    sessions.push(session);
    const unit = new LogicalUnitClient(session, 0);
    await unit.clearUnitAttentions();
    return { session, unit };
  };
  try {
    await body({ engine, login });
  } finally {
    for (const session of sessions) session.destroy();
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

const settle = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function readMuch(session: Session): void {
  session.submit({ lun: 0, cdb: cdb.readCdb(10, 0, (8 * MIB) / BLOCK), dataInLength: 8 * MIB }).result.catch(() => undefined);
}

const losses: Record<string, (session: Session) => void> = {
  'is reset': (session) => session.reset(),
  ends: (session) => session.destroy(),
};

for (const [name, lose] of Object.entries(losses)) {
  test(`a connection ${name} whose bytes held a range: who waited for it is answered at once`, () =>
    withEngine({}, async ({ engine, login }) => {
      const slow = await login();
      const other = await login();
      slow.session.pauseReading();
      readMuch(slow.session);
      while (engine.usage().heldRangeCount === 0) await settle(5);
      await settle(50);
      const write = other.unit.write(0, new Uint8Array(BLOCK), BLOCK);
      assert.is(await Promise.race([write.then(() => 'written'), settle(50).then(() => 'waits')]), 'waits', 'while its bytes are on their way');
      const since = performance.now();
      lose(slow.session);
      await write;
      assert.ok(performance.now() - since < PROMPT_MS_MAX, `answered after ${performance.now() - since} ms`);
    }));

  test(`a connection ${name} whose ORDERED command held up the others: they are answered at once`, () =>
    withEngine({}, async ({ engine, login }) => {
      const slow = await login();
      for (let round = 0; round < 3; round++) {
        const ordered = await login();
        // It does not see its R2T, and so it owes its data.
        ordered.session.pauseReading();
        const dataOut = new Uint8Array(BLOCK);
        const choices = { dataOut, attribute: TaskAttribute.ordered, immediateDataLength: 0, unsolicitedDataOut: false };
        ordered.session.submit({ lun: 0, cdb: cdb.writeCdb(10, 0, 1), ...choices }).result.catch(() => undefined);
        while (engine.usage().openTaskCount === 0) await settle(5);
        const held = slow.unit.testUnitReady();
        assert.is(await Promise.race([held.then(() => 'answered'), settle(50).then(() => 'waits')]), 'waits');
        const since = performance.now();
        lose(ordered.session);
        await held;
        assert.ok(performance.now() - since < PROMPT_MS_MAX, `answered after ${performance.now() - since} ms`);
      }
    }));
}

test('a peer that takes nothing is not read either, and goes on where it was once it takes again', () =>
  withEngine({ sendBacklogBytesMax: MIB }, async ({ engine, login }) => {
    const slow = await login();
    slow.session.pauseReading();
    for (let count = 0; count < 6; count++) {
      readMuch(slow.session);
      await settle(30);
    }
    const held = engine.usage().openTaskCount;
    assert.ok(held > 0 && held < 6, `${held} of six commands were taken in`);
    slow.session.resumeReading();
    const bytes = await slow.unit.read(5, 3, BLOCK);
    assert.is(bytes.length, 3 * BLOCK);
    await settle(50);
    const usage = engine.usage();
    assert.equal([usage.slotsInUse, usage.heldRangeCount, usage.arenaBytesInUse], [0, 0, 0]);
  }));

test.run();
