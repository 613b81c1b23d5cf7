import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { Opcode } from '../../engine/pdu/index.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';
import { COMMAND_MS_MAX, TARGET_NAME } from './fault-rig.js';
import { BLOCK, runLane } from './lanes.js';
import { type Fate, LossyProxy } from './lossy-proxy.js';

const LANE_COUNT = 6;
const ROUND_COUNT = 12;
const IDLE_MS_MAX = 3000;

async function runLossy(fateOf: (opcode: number) => Fate, keys: Record<string, string>): Promise<LossyProxy['counts']> {
  const defects: unknown[] = [];
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: TARGET_NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 1024 * 1024 }, blockLengthBytes: BLOCK, readOnly: false }] }],
      execution: 'inline',
      workerCount: 0,
      insecure: false,
      limits: { dataOutRecoveryMs: 50, statusAckMs: 50 },
    },
    { onDefect: (error) => defects.push(error) },
  );
  let isLossy = false;
  const proxy = await LossyProxy.start(engine.portals[0]?.port as number, seededRandom(5), (opcode) => (isLossy ? fateOf(opcode) : 'pass'));
  try {
    const offers = { DataDigest: 'CRC32C', HeaderDigest: 'None', ErrorRecoveryLevel: '1', MaxRecvDataSegmentLength: '2048', MaxBurstLength: '8192', ...keys };
    const session = await Session.login({ host: '127.0.0.1', port: proxy.port, targetName: TARGET_NAME, offers, commandMsMax: COMMAND_MS_MAX });
    assert.is(session.negotiated.errorRecoveryLevel, 1);
    await new LogicalUnitClient(session, 0).clearUnitAttentions();
    isLossy = true;
    await Promise.all(Array.from({ length: LANE_COUNT }, (_, at) => runLane(session, at, ROUND_COUNT, seededRandom(at))));
    isLossy = false;
    await session.logout();
    const until = performance.now() + IDLE_MS_MAX;
    const inUse = () => Object.values(engine.usage()).reduce((sum, count) => sum + count, 0);
    while (inUse() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.is(inUse(), 0, JSON.stringify(engine.usage()));
  } finally {
    proxy.stop();
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
  return proxy.counts;
}

/** Every so many of these PDUs meet their fate, so that what is sent again soon after arrives. */
function everyOne(of: readonly number[], count: number, fate: Fate): (opcode: number) => Fate {
  let seen = 0;
  return (opcode) => (of.includes(opcode) && ++seen % count === 0 ? fate : 'pass');
}

test('Data-Out and Data-In with wrong digests: rejected, asked for again, and every byte is right', async () => {
  const counts = await runLossy(everyOne([Opcode.dataIn, Opcode.dataOut], 17, 'corrupt'), { ImmediateData: 'No' });
  assert.ok(counts.corrupt > 20, `${counts.corrupt} were corrupt`);
});

test('commands with damaged immediate data are sent again', async () => {
  const counts = await runLossy(everyOne([Opcode.scsiCommand], 11, 'corrupt'), { InitialR2T: 'No' });
  assert.ok(counts.corrupt > 5, `${counts.corrupt} were corrupt`);
});

test('Data-In, Data-Out and R2Ts that never arrive', async () => {
  const counts = await runLossy(everyOne([Opcode.dataIn, Opcode.dataOut, Opcode.readyToTransfer], 29, 'drop'), { InitialR2T: 'No' });
  assert.ok(counts.drop > 20, `${counts.drop} were dropped`);
});

test('responses that never arrive are seen by the StatSN of what follows, or of a NOP-In', async () => {
  const counts = await runLossy(everyOne([Opcode.scsiResponse], 7, 'drop'), {});
  assert.ok(counts.drop > 5, `${counts.drop} were dropped`);
});

test.run();
