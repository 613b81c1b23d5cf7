import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';
import { COMMAND_MS_MAX, TARGET_NAME } from './fault-rig.js';
import { BLOCK, runLane } from './lanes.js';

const LANE_COUNT = 8;
const ROUND_COUNT = 80;
const IDLE_MS_MAX = 3000;

const MIB = 1024 * 1024;

interface Plan {
  readonly connectionRecovery: 'reinstate' | 'logout';
  readonly execution: 'inline' | 'pool';
  readonly digests: boolean;
}

async function loseConnections(plan: Plan): Promise<void> {
  const { execution } = plan;
  const defects: unknown[] = [];
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: TARGET_NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 4 * MIB }, blockLengthBytes: BLOCK, readOnly: false }] }],
      execution,
      workerCount: execution === 'pool' ? 2 : 0,
      insecure: false,
      limits: { defaultTime2WaitSecondsMin: 0, statusAckMs: 50 },
    },
    { onDefect: (error) => defects.push(error) },
  );
  try {
    await loadAndLose(engine, plan);
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

async function loadAndLose(engine: Engine, { connectionRecovery, digests }: Plan): Promise<void> {
  const crc = digests ? { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' } : {};
  const session = await Session.login({
    host: '127.0.0.1',
    port: engine.portals[0]?.port as number,
    targetName: TARGET_NAME,
    offers: {
      ...crc,
      ErrorRecoveryLevel: '2',
      MaxConnections: '4',
      DefaultTime2Wait: '0',
      DefaultTime2Retain: '20',
      MaxRecvDataSegmentLength: '8192',
      MaxBurstLength: '16384',
    },
    commandMsMax: COMMAND_MS_MAX,
    connectionRecovery,
    reconnect: { attemptCountMax: 5, delayMs: 5 },
  });
  await new LogicalUnitClient(session, 0).clearUnitAttentions();
  await session.addConnection();
  await session.addConnection();
  const random = seededRandom(11);
  let isRunning = true;
  const lanes = Promise.all(Array.from({ length: LANE_COUNT }, (_, at) => runLane(session, at, ROUND_COUNT, seededRandom(100 + at)))).finally(() => {
    isRunning = false;
  });
  let lossCount = 0;
  while (isRunning && lossCount < 12) {
    await Promise.race([lanes, new Promise((resolve) => setTimeout(resolve, 15))]);
    const { connections } = session;
    const lost = connections[random.below(connections.length)];
    // Who takes tasks over by a logout needs a connection to log out by.
    if (lost === undefined || (connectionRecovery === 'logout' && connections.length < 2)) continue;
    session.resetConnection(lost.cid);
    lossCount++;
    // Its tasks go to another one, and the session has one less.
    if (connectionRecovery === 'logout') await session.addConnection();
  }
  await lanes;
  assert.ok(lossCount > 3, `${lossCount} connections were lost`);
  await session.logout();
  const until = performance.now() + IDLE_MS_MAX;
  const inUse = () => Object.values(engine.usage()).reduce((sum, count) => sum + count, 0);
  while (inUse() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(inUse(), 0, JSON.stringify(engine.usage()));
}

for (const execution of ['inline', 'pool'] as const) {
  for (const connectionRecovery of ['reinstate', 'logout'] as const) {
    const digests = execution === 'pool';
    test(`connections that are lost under load, ${execution}, recovered by ${connectionRecovery}: every command ends once, with its data`, () =>
      loseConnections({ connectionRecovery, execution, digests }));
  }
}

test.run();
