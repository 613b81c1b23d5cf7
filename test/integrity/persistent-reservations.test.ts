// test-timeout: 60 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { type KeyOffers, LogicalUnitClient, ReservationConflictError, ReservationType, Session } from '../../initiator/index.js';
import { COMMAND_MS_MAX, TARGET_NAME } from './fault-rig.js';

const BLOCK = 512;
const LBA_COUNT = 256;
const hosts = ['a', 'b', 'c'] as const;
type Host = (typeof hosts)[number];
const keys = { a: 0xa1n, b: 0xb2n, c: 0xc3n } as const;
/** Those that a new session is told first are taken at its login. */
const Attention = { reservationsPreempted: 0x2a03, reservationsReleased: 0x2a04, registrationsPreempted: 0x2a05, commandsCleared: 0x2f00 } as const;

/** An engine with two target ports that keeps its state, and initiators that come and go. */
class Cluster {
  readonly #folder: string;
  readonly #execution: 'inline' | 'pool';
  readonly #defects: unknown[] = [];
  #engine: Engine | null = null;

  constructor(folder: string, execution: 'inline' | 'pool') {
    this.#folder = folder;
    this.#execution = execution;
  }

  async start(): Promise<void> {
    const lun = { lun: 0, store: { kind: 'ram', sizeBytes: LBA_COUNT * BLOCK }, blockLengthBytes: BLOCK, readOnly: false } as const;
    this.#engine = await Engine.start(
      {
        portals: [1, 2].map((portalGroupTag) => ({ address: '127.0.0.1', port: 0, portalGroupTag })),
        targets: [{ name: TARGET_NAME, luns: [lun] }],
        execution: this.#execution,
        workerCount: this.#execution === 'pool' ? 2 : 0,
        state: join(this.#folder, 'state'),
        insecure: false,
        limits: {},
      },
      { onDefect: (error) => this.#defects.push(error) },
    );
  }

  async stop(): Promise<void> {
    await this.#engine?.stop({ immediately: true });
    assert.equal(this.#defects, []);
  }

  get openTaskCount(): number {
    return (this.#engine as Engine).usage().openTaskCount;
  }

  /** A session of the host's only initiator port, with what new sessions are told already taken. */
  async login(host: Host, targetPort: 1 | 2 = 1, offers: KeyOffers = {}): Promise<LogicalUnitClient> {
    const port = (this.#engine as Engine).portals[targetPort - 1]?.port as number;
    const session = await Session.login({
      host: '127.0.0.1',
      port,
      targetName: TARGET_NAME,
      initiatorName: nameOf(host),
      isid: ISID,
      offers,
      commandMsMax: COMMAND_MS_MAX,
    });
    const unit = new LogicalUnitClient(session, 0);
    await unit.clearUnitAttentions();
    return unit;
  }
}

const ISID = '800000000001';
const nameOf = (host: Host) => `iqn.2026-11.io.lunloom:host-${host}`;

async function withCluster(execution: 'inline' | 'pool', use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-reservations-'));
  const cluster = new Cluster(folder, execution);
  try {
    await cluster.start();
    await use(cluster);
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  }
}

async function conflicts(command: Promise<unknown>): Promise<void> {
  const error = await command.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, ReservationConflictError);
}

const blockOf = (host: Host) => Buffer.alloc(BLOCK, host);

test('three hosts share a unit that is write exclusive for registrants, and one of them is fenced off', async () => {
  await withCluster('inline', async (cluster) => {
    const [a, b, c] = [await cluster.login('a'), await cluster.login('b'), await cluster.login('c')];
    await a.persistentReservations.register(keys.a);
    await b.persistentReservations.register(keys.b);
    await a.persistentReservations.reserve(keys.a, ReservationType.writeExclusiveRegistrantsOnly);
    await a.write(0, blockOf('a'), BLOCK);
    await b.write(1, blockOf('b'), BLOCK);
    await conflicts(c.write(2, blockOf('c'), BLOCK));
    assert.equal(await c.read(1, 1, BLOCK), blockOf('b'));

    await b.persistentReservations.preempt(keys.b, keys.a, ReservationType.writeExclusiveRegistrantsOnly);
    assert.equal(await a.clearUnitAttentions(), [Attention.registrationsPreempted]);
    await conflicts(a.write(0, blockOf('a'), BLOCK));
    const { reservation } = await c.persistentReservations.readReservation();
    assert.equal(reservation, { key: keys.b, scope: 0, type: ReservationType.writeExclusiveRegistrantsOnly });
    assert.equal(await c.clearUnitAttentions(), []);

    await a.persistentReservations.register(keys.a);
    await b.persistentReservations.release(keys.b, ReservationType.writeExclusiveRegistrantsOnly);
    assert.equal(await a.clearUnitAttentions(), [Attention.reservationsReleased]);
    await a.persistentReservations.clear(keys.a);
    assert.equal(await b.clearUnitAttentions(), [Attention.reservationsPreempted]);
    await c.write(2, blockOf('c'), BLOCK);
  });
});

test('TARGET COLD RESET is a power cycle: reservations go, unless APTPL asked for them to last; a warm reset takes none', async () => {
  await withCluster('inline', async (cluster) => {
    for (const persistThroughPowerLoss of [false, true]) {
      const a = await cluster.login('a');
      await a.persistentReservations.register(keys.a, 0n, { persistThroughPowerLoss });
      await a.session.targetWarmReset();
      await a.clearUnitAttentions();
      assert.is((await a.persistentReservations.readKeys()).keys.length, 1);
      await a.session.targetColdReset();
      const again = await cluster.login('a');
      assert.is((await again.persistentReservations.readKeys()).keys.length, persistThroughPowerLoss ? 1 : 0);
    }
  });
});

test('a registration and a reservation wait for their initiator port to come back', async () => {
  await withCluster('inline', async (cluster) => {
    const a = await cluster.login('a');
    const b = await cluster.login('b');
    await a.persistentReservations.register(keys.a);
    await a.persistentReservations.reserve(keys.a, ReservationType.exclusiveAccess);
    await a.session.logout();
    await conflicts(b.read(0, 1, BLOCK));
    const again = await cluster.login('a');
    await again.write(0, blockOf('a'), BLOCK);
    // By the other target port it is another nexus.
    const elsewhere = await cluster.login('a', 2);
    await conflicts(elsewhere.read(0, 1, BLOCK));
  });
});

test('ALL_TG_PT and SPEC_I_PT register at each target port, and READ FULL STATUS tells of all', async () => {
  await withCluster('inline', async (cluster) => {
    const a = await cluster.login('a');
    const elsewhere = await cluster.login('a', 2);
    const initiatorPorts = [{ initiatorName: nameOf('b'), isid: ISID }];
    await a.persistentReservations.register(keys.a, 0n, { allTargetPorts: true, initiatorPorts });
    await elsewhere.persistentReservations.reserve(keys.a, ReservationType.exclusiveAccessAllRegistrants);
    const { registrations } = await a.persistentReservations.readFullStatus();
    const found = registrations.map(({ key, isHolder, initiatorPort, relativeTargetPortIdentifier: port }) => ({ key, isHolder, ...initiatorPort, port }));
    const of = (host: Host, port: number) => ({ key: keys.a, isHolder: true, initiatorName: nameOf(host), isid: ISID, port });
    assert.equal(found, [of('a', 1), of('a', 2), of('b', 1), of('b', 2)]);
    const b = await cluster.login('b', 2);
    await b.write(0, blockOf('b'), BLOCK);
    const c = await cluster.login('c');
    await conflicts(c.read(0, 1, BLOCK));

    await b.persistentReservations.release(keys.a, ReservationType.exclusiveAccessAllRegistrants);
    await b.persistentReservations.reserve(keys.a, ReservationType.exclusiveAccess);
    const move = { key: keys.a, serviceActionKey: keys.c, relativeTargetPortIdentifier: 1, initiatorPort: { initiatorName: nameOf('c'), isid: ISID } };
    await b.persistentReservations.registerAndMove({ ...move, unregister: true });
    await c.write(0, blockOf('c'), BLOCK);
    await conflicts(b.write(0, blockOf('b'), BLOCK));
  });
});

test('with APTPL registrations and the reservation are in force after the engine has started anew', async () => {
  await withCluster('inline', async (cluster) => {
    const a = await cluster.login('a');
    const { persistentReservations } = a;
    assert.ok((await persistentReservations.reportCapabilities()).persistThroughPowerLossCapable);
    await persistentReservations.register(keys.a, 0n, { persistThroughPowerLoss: true });
    await persistentReservations.reserve(keys.a, ReservationType.writeExclusive);
    await cluster.stop();
    await cluster.start();
    const b = await cluster.login('b');
    await conflicts(b.write(0, blockOf('b'), BLOCK));
    const again = await cluster.login('a');
    assert.equal(await again.persistentReservations.readKeys(), { generation: 0, keys: [keys.a] });
    await again.write(0, blockOf('a'), BLOCK);
    await again.persistentReservations.register(0n, keys.a);
    await cluster.stop();
    await cluster.start();
    await (await cluster.login('b')).write(0, blockOf('b'), BLOCK);
  });
});

/** Data-Out comes when it is asked for, and these hosts can be kept from hearing that. */
const dataLater: KeyOffers = { InitialR2T: 'Yes', ImmediateData: 'No' };
const LANE_COUNT = 16;
const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

for (const execution of ['inline', 'pool'] as const) {
  test(`${execution}: when PREEMPT AND ABORT is answered, no write of the preempted host lands any more`, async () => {
    await withCluster(execution, async (cluster) => {
      const a = await cluster.login('a', 1, dataLater);
      const b = await cluster.login('b');
      await a.persistentReservations.register(keys.a);
      await b.persistentReservations.register(keys.b);
      await a.persistentReservations.reserve(keys.a, ReservationType.writeExclusiveRegistrantsOnly);
      a.session.pauseReading();
      const writes = Array.from({ length: LANE_COUNT }, (_, lba) => a.write(lba, blockOf('a'), BLOCK));
      while (cluster.openTaskCount < LANE_COUNT) await pause(1);
      await b.persistentReservations.preemptAndAbort(keys.b, keys.a, ReservationType.writeExclusiveRegistrantsOnly);
      assert.ok(cluster.openTaskCount <= 1, 'all of them have stopped');
      await b.write(0, Buffer.alloc(LANE_COUNT * BLOCK, 'b'), BLOCK);
      a.session.resumeReading();
      assert.equal(await a.clearUnitAttentions(), [Attention.registrationsPreempted, Attention.commandsCleared]);
      await pause(50);
      assert.equal(await b.read(0, LANE_COUNT, BLOCK), Buffer.alloc(LANE_COUNT * BLOCK, 'b'));
      // Without TAS nobody answers commands that were aborted.
      a.session.destroy();
      await Promise.allSettled(writes);
    });
  });
}

test.run();
