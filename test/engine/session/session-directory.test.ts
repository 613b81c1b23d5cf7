import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LoginStatus, Opcode } from '../../../engine/pdu/index.js';
import type { ITNexus } from '../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

/** DefaultTime2Wait and DefaultTime2Retain by default. */
const RETAIN_MS = 22_000;
const PORT = { initiatorName: 'iqn.2024-01.test:one', isid: '800000000001' };

function login(scene: Scene, choices: Parameters<TestInitiator['login']>[0] = PORT): TestInitiator {
  const initiator = new TestInitiator(scene);
  assert.is(initiator.login(choices).status, LoginStatus.success);
  return initiator;
}

/** The sense data that TEST UNIT READY brings, LUN by LUN; empty for GOOD. */
function attentions(initiator: TestInitiator): string[] {
  return [0, 1, 2].map((lun) => {
    initiator.command('00', { lun });
    return initiator.takeResponse().sense;
  });
}

test('a login opens a session with a handle, a window and the CmdSN it came with', () => {
  const scene = new Scene();
  const initiator = new TestInitiator(scene);
  const response = initiator.login({ ...PORT, cmdSN: 77, expStatSN: 0xffffffff });
  assert.is(response.status, LoginStatus.success);
  assert.ok(response.tsih > 0);
  assert.is(response.statSN, 0xffffffff, 'RFC 7143 §11.12.9: StatSN starts where the initiator expects it');
  assert.is(response.expCmdSN, 77);
  assert.ok(response.maxCmdSN >= 77);
  initiator.nopOut();
  const pong = initiator.takeOne(Opcode.nopIn);
  assert.equal([pong.header.getUint32(24), pong.header.getUint32(28)], [0, 78]);
  const [session] = scene.directory.sessions;
  assert.equal(
    [session?.initiatorName, session?.isid, session?.nexus.initiatorPortName],
    [PORT.initiatorName, PORT.isid, `${PORT.initiatorName},i,0x${PORT.isid}`],
  );
});

test('a new nexus is told of power on, on every unit, once', () => {
  const scene = new Scene();
  const initiator = login(scene);
  assert.equal(attentions(initiator), ['06/29/00', '06/29/00', '06/29/00']);
  assert.equal(attentions(initiator), ['', '', '']);
});

test('a nexus that comes back is told that it was lost; another port of the same initiator of power on', () => {
  const scene = new Scene();
  const first = login(scene);
  attentions(first);
  first.logout();
  first.takeOne(Opcode.logoutResponse);
  assert.is(scene.directory.sessions.length, 0);
  assert.equal(attentions(login(scene)), ['06/29/07', '06/29/07', '06/29/07']);
  assert.equal(attentions(login(scene, { ...PORT, isid: '800000000002' })), ['06/29/00', '06/29/00', '06/29/00']);
});

test('ports are remembered up to a bound, the latest ones', () => {
  const scene = new Scene({ limits: { rememberedNexusCountMax: 16 } });
  const visit = (at: number) => {
    const initiator = login(scene, { initiatorName: `iqn.2024-01.test:host${at}`, isid: PORT.isid });
    const [attention] = attentions(initiator);
    initiator.transport.destroy();
    return attention;
  };
  for (let at = 0; at < 16; at++) visit(at);
  assert.is(visit(0), '06/29/07', 'and so it is one of the latest');
  assert.is(visit(16), '06/29/00');
  assert.is(visit(0), '06/29/07');
  assert.is(visit(1), '06/29/00', 'the oldest was forgotten');
});

test('a login of the same port reinstates the session: the old one is gone, its commands with it, RFC 7143 §6.3.5', () => {
  const scene = new Scene();
  const old = loggedIn(scene, PORT);
  old.write(0, 4);
  old.takeR2T();
  old.read(0, 1, { lun: Lun.pool });
  const [before] = scene.directory.sessions;
  const next = login(scene);
  const [after, ...more] = scene.directory.sessions;
  assert.is(more.length, 0);
  assert.is.not(after, before);
  assert.is.not(after?.nexus.id, before?.nexus.id);
  assert.ok(old.transport.isDestroyed);
  assert.is(scene.admission.sessionCount, 1);
  assert.equal(attentions(next), ['06/29/07', '06/29/07', '06/29/07']);
  next.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
  next.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(next.takeResponse().status, 0, 'what the worker still had of the old session holds its range until it is back');
  next.transport.output.flush();
  scene.assertIdle();
});

test('ports that differ in name or ISID do not disturb each other', () => {
  const scene = new Scene();
  const one = login(scene);
  login(scene, { ...PORT, isid: '800000000002' });
  login(scene, { ...PORT, initiatorName: 'iqn.2024-01.test:two' });
  assert.is(scene.directory.sessions.length, 3);
  assert.ok(one.connection.isOpen);
  const handles = new Set(scene.directory.sessions.map((session) => session.tsih));
  assert.is(handles.size, 3);
});

test('a TSIH is refused: a second connection where there may be but one, and sessions that are not there', () => {
  const scene = new Scene();
  login(scene);
  const [session] = scene.directory.sessions;
  const refused = (tsih: number) => new TestInitiator(scene).login({ ...PORT, tsih, cid: 1 }).status;
  assert.is(refused(session?.tsih ?? 0), LoginStatus.tooManyConnections);
  assert.is(refused(4711), LoginStatus.sessionDoesNotExist);
  assert.is(scene.directory.sessions.length, 1);
});

test('more sessions than a target may have are refused, and a place that is free again is given', () => {
  const scene = new Scene({ limits: { sessionPerTargetCountMax: 2 } });
  const [first] = [login(scene), login(scene, { ...PORT, isid: '800000000002' })];
  const third = new TestInitiator(scene);
  assert.is(third.login({ ...PORT, isid: '800000000003' }).status, LoginStatus.outOfResources);
  assert.ok(third.transport.isClosed);
  first.transport.destroy();
  login(scene, { ...PORT, isid: '800000000003' });
  login(scene, { ...PORT, isid: '800000000003' });
  assert.is(scene.directory.sessions.length, 2, 'a reinstated session takes its own place');
});

test('a target that is not there', () => {
  const scene = new Scene();
  const initiator = new TestInitiator(scene);
  assert.is(initiator.login({ ...PORT, targetName: 'iqn.2024-01.test:nowhere' }).status, LoginStatus.targetNotFound);
  assert.ok(initiator.transport.isClosed);
});

test('a discovery session serves SendTargets and logout, and rejects the rest', () => {
  const scene = new Scene();
  const initiator = login(scene, { ...PORT, discovery: true });
  const other = login(scene);
  assert.is(scene.directory.sessions.length, 2, 'and it does not reinstate the normal session of its port');
  initiator.command('00');
  assert.is(initiator.takeReject().reason, 0x04);
  initiator.taskManagement(5);
  assert.is(initiator.takeReject().reason, 0x04);
  initiator.nopOut();
  assert.is(initiator.takeReject().reason, 0x04);
  initiator.logout({ reason: 1 });
  assert.is(initiator.takeReject().reason, 0x04, 'it ends whole: RFC 7143 §4.3');
  initiator.logout();
  initiator.takeOne(Opcode.logoutResponse);
  assert.ok(other.connection.isOpen);
  scene.assertIdle();
});

test('sessions share the slots: the window of each shrinks as they become more', () => {
  const scene = new Scene({ limits: { slotCount: 64, commandWindowCountMax: 64 } });
  const windows = Array.from({ length: 4 }, (_, at) => {
    const response = new TestInitiator(scene).login({ ...PORT, isid: `80000000000${at}`, cmdSN: 1 });
    return response.maxCmdSN - response.expCmdSN + 1;
  });
  assert.equal(windows, [64, 32, 21, 16]);
});

test('what was pending for a nexus goes with it', () => {
  const scene = new Scene();
  const units = scene.taskSets.slice(0, 3).map(({ unit }) => unit);
  const lonely = { id: 0, initiatorPortName: '', targetPortName: '', relativeTargetPortIdentifier: 1 };
  for (let count = 0; count < 50; count++) {
    const initiator = login(scene, { ...PORT, isid: `8000000000${(10 + count).toString(16)}` });
    const { nexus } = scene.directory.sessions[0] as { nexus: ITNexus };
    for (const unit of units) unit.establishUnitAttention(nexus.id, Asc.busDeviceResetFunctionOccurred);
    initiator.transport.destroy();
  }
  scene.clock.advance(RETAIN_MS);
  for (const unit of units) assert.ok(unit.hasNoUnitAttention(lonely));
  assert.is(scene.admission.sessionCount, 0);
});

test('a login leaves nothing in the units: what each tells first is kept once, and told once by each', () => {
  const scene = new Scene();
  login(scene);
  const { nexus } = scene.directory.sessions[0] as { nexus: ITNexus };
  const [first, second] = scene.taskSets.map(({ unit }) => unit) as [LogicalUnit, LogicalUnit];
  const { firstAttention: _, ...stranger } = nexus;
  assert.ok(first.hasNoUnitAttention(stranger) && !first.hasNoUnitAttention(nexus));
  first.establishUnitAttention(nexus.id, Asc.busDeviceResetFunctionOccurred);
  first.establishUnitAttention(nexus.id, Asc.reportedLunsDataHasChanged);
  const told = (unit: LogicalUnit) => [unit.takeUnitAttention(nexus)?.asc, unit.takeUnitAttention(nexus)?.asc];
  assert.equal(told(first), [Asc.powerOnOrReset, Asc.reportedLunsDataHasChanged], 'the reset is settled by what tells of power on');
  assert.equal(told(second), [Asc.powerOnOrReset, undefined]);
  assert.ok(first.hasNoUnitAttention(nexus) && second.hasNoUnitAttention(nexus));
});

test.run();
