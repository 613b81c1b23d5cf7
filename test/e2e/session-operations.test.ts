import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { decodeAsyncMessage, Opcode, TaskManagementFunction, TaskManagementResponse } from '../../engine/pdu/index.js';
import { Asc } from '../../engine/scsi/sense.js';
import { HostileInitiator } from '../hostile/hostile-initiator.js';

const MIB = 1024 * 1024;
const TARGET_NAME = 'iqn.2025-01.dev.lunloom:operated';

/** An engine over real sockets with LUNs whose commands run on workers; what `body` starts is stopped. */
async function withEngine(body: (engine: Engine, login: () => Promise<HostileInitiator>) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const common = { store: { kind: 'ram', sizeBytes: 16 * MIB }, blockLengthBytes: 512, readOnly: false, execution: 'pool' } as const;
  // As many as the initiator looks for when it logs in.
  const luns = [0, 1, 2].map((lun) => ({ lun, ...common }));
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: TARGET_NAME, luns }],
      execution: 'auto',
      workerCount: 1,
      insecure: false,
      limits: { abortedTransferMsMax: 200 },
    },
    { onDefect: (error) => defects.push(error) },
  );
  const initiators: HostileInitiator[] = [];
  const login = async () => {
    const initiator = await HostileInitiator.login((engine.portals[0] as { port: number }).port, { targetName: TARGET_NAME });
    initiators.push(initiator);
    return initiator;
  };
  try {
    await body(engine, login);
  } finally {
    for (const initiator of initiators) initiator.destroy();
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

/** The fields of the next PDU, which is an Asynchronous Message. */
async function nextEvent(initiator: HostileInitiator): Promise<number[]> {
  const { asyncEvent, parameter1, parameter2, parameter3 } = decodeAsyncMessage((await initiator.expect(Opcode.asyncMessage)).view, 0);
  return [asyncEvent, parameter1, parameter2, parameter3];
}

test('what an operator asks reaches the initiator at once, though nothing else is sent', () =>
  withEngine(async (engine, login) => {
    const initiator = await login();
    const { tsih } = initiator.login;
    engine.sessions.requestRenegotiation({ tsih, cid: 0 }, 60);
    assert.equal(await nextEvent(initiator), [4, 0, 0, 60]);
    engine.sessions.reportUnitAttention(TARGET_NAME, 0, Asc.mediumMayHaveChanged, { announce: true });
    assert.is((await nextEvent(initiator))[0], 0);
    engine.sessions.requestLogout({ tsih, cid: 0 }, 60);
    assert.equal(await nextEvent(initiator), [1, 0, 0, 60]);
    engine.sessions.dropSession(tsih);
    assert.is((await nextEvent(initiator))[0], 3);
    assert.equal(await initiator.raw.expectClose(2_000), []);
    assert.is(engine.usage().sessionCount, 0);
  }));

test('TARGET COLD RESET ends all sessions, with their sockets', () =>
  withEngine(async (engine, login) => {
    const [one, two] = [await login(), await login()];
    one.send(one.taskManagement({ function: TaskManagementFunction.targetColdReset }));
    assert.is((await one.expect(Opcode.taskManagementResponse)).view.getUint8(2), TaskManagementResponse.functionComplete);
    for (const initiator of [one, two]) {
      assert.is((await nextEvent(initiator))[0], 3);
      assert.equal(await initiator.raw.expectClose(2_000), []);
    }
    assert.is(engine.usage().sessionCount, 0);
  }));

test('an initiator that leaves R2Ts unanswered gets its response within the bound', () =>
  withEngine(async (_engine, login) => {
    const initiator = await login();
    const tag = initiator.takeTag();
    initiator.send(initiator.write(0, 64 * 1024, { initiatorTaskTag: tag }));
    await initiator.expectR2T(tag);
    const from = performance.now();
    initiator.send(initiator.taskManagement({ function: TaskManagementFunction.logicalUnitReset }));
    await initiator.expect(Opcode.taskManagementResponse);
    const tookMs = performance.now() - from;
    assert.ok(tookMs > 150 && tookMs < 2000, `${tookMs} ms`);
  }));

test.run();
