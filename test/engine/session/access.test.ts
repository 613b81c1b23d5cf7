import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AccessRule, AddressRange, TargetAccess } from '../../../engine/access/index.js';
import { ChapCredentials } from '../../../engine/login/index.js';
import { decodeLoginResponse, encodeLoginRequest, LoginStage, LoginStatus, Opcode } from '../../../engine/pdu/index.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { credentials, responseTo, secretOf, USER } from '../login/chap-fixture.js';
import { keyValue, lines, text } from '../login/login-fixture.js';
import { Lun, Scene, TARGET_NAME } from './scene.js';
import { TestInitiator } from './test-initiator.js';

const HOST = 'iqn.2024-01.test:host7';
const ADDRESS = '192.0.2.1';

function range(written: string): AddressRange {
  const parsed = AddressRange.parse(written);
  assert.ok(parsed !== null);
  return parsed;
}

function sceneWith(...rules: AccessRule[]): Scene {
  return new Scene({ access: new TargetAccess({ rules }) });
}

/** The LUNs that REPORT LUNS answers, asked at `lun`. */
function reportedLuns(initiator: TestInitiator, lun = 0): number[] {
  initiator.command('a00000000000000004000000', { lun, read: 1024 });
  const { data } = initiator.takeDataIn();
  return Array.from({ length: data.readUInt32BE(0) / 8 }, (_, index) => data.readUInt16BE(8 + 8 * index));
}

function senseOf(initiator: TestInitiator, lun: number): string {
  initiator.command('00', { lun });
  return initiator.takeResponse().sense;
}

interface LoginAnswer {
  readonly status: number;
  readonly transit: boolean;
  readonly data: Buffer;
}

/** One Login Request by hand; null when there is no answer yet. */
function loginStep(initiator: TestInitiator, stages: readonly [number, number | null], keys: readonly string[], isid = '800000000001'): LoginAnswer | null {
  const header = new Uint8Array(48);
  const [currentStage, nextStage] = stages;
  const data = text(...keys);
  const fields = { transit: nextStage !== null, continue: false, currentStage, nextStage: nextStage ?? 0, isid, tsih: 0, initiatorTaskTag: 1 };
  encodeLoginRequest({ ...fields, versionMax: 0, versionMin: 0, cid: 0, cmdSN: 1, expStatSN: 1 }, data.length, new DataView(header.buffer), 0);
  initiator.transport.receive(Buffer.concat([header, data, Buffer.alloc((4 - (data.length & 3)) & 3)]));
  return takeLoginAnswer(initiator);
}

function takeLoginAnswer(initiator: TestInitiator): LoginAnswer | null {
  const [sent] = initiator.take();
  if (sent === undefined) return null;
  const { status, transit } = decodeLoginResponse(sent.header, 0);
  return { status, transit, data: sent.data };
}

const SECURITY = LoginStage.securityNegotiation;
const FULL = LoginStage.fullFeaturePhase;
const names = (initiatorName = HOST) => [`InitiatorName=${initiatorName}`, `TargetName=${TARGET_NAME}`, 'AuthMethod=CHAP'];

/** Takes CHAP as far as the response, which is answered by what is returned. */
function chapLogin(initiator: TestInitiator, user: string, secret: string, isid?: string): LoginAnswer | null {
  loginStep(initiator, [SECURITY, null], names(), isid);
  const challenge = loginStep(initiator, [SECURITY, null], ['CHAP_A=5'], isid);
  assert.ok(challenge !== null, 'a challenge');
  const bytes = Buffer.from((keyValue(challenge.data, 'CHAP_C') ?? '').slice(2), 'hex');
  const response = responseTo(5, Number(keyValue(challenge.data, 'CHAP_I')), bytes, secret).toString('hex');
  return loginStep(initiator, [SECURITY, FULL], [`CHAP_N=${user}`, `CHAP_R=0x${response}`], isid);
}

test('a masked initiator sees its LUNs in REPORT LUNS, asked at any LUN, and no others', () => {
  const scene = sceneWith({ initiators: [HOST], luns: [Lun.pool, Lun.special] });
  const initiator = new TestInitiator(scene);
  assert.is(initiator.login({ initiatorName: HOST }).status, LoginStatus.success);
  assert.equal(reportedLuns(initiator, Lun.view), [Lun.pool, Lun.special]);
  assert.equal(reportedLuns(initiator, Lun.pool), [Lun.pool, Lun.special]);
});

test('a LUN that is masked answers as one that is not there: reading, writing, INQUIRY, task management', () => {
  const scene = sceneWith({ initiators: [HOST], luns: [Lun.pool] });
  const initiator = new TestInitiator(scene);
  initiator.login({ initiatorName: HOST });
  senseOf(initiator, Lun.pool);
  assert.is(senseOf(initiator, Lun.pool), '');
  const ABSENT = '05/25/00';
  assert.equal([senseOf(initiator, Lun.view), senseOf(initiator, 77)], [ABSENT, ABSENT]);
  initiator.read(0, 1, { lun: Lun.view });
  assert.is(initiator.takeResponse().sense, ABSENT);
  initiator.write(0, 1, { lun: Lun.view, data: Buffer.alloc(512, 1) });
  assert.is(initiator.takeResponse().sense, ABSENT);
  initiator.command('120000002400', { lun: Lun.view, read: 36 });
  assert.is(initiator.takeDataIn().data[0], 0x7f, 'no device type can be there');
  initiator.taskManagement(5, { lun: Lun.view });
  assert.is(initiator.takeTaskManagementResponse().response, 2, 'RFC 7143 §11.6.1: LUN does not exist');
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('two initiators see what each may see; the units are the same', () => {
  const scene = sceneWith({ initiators: ['*:a'], luns: [Lun.view, Lun.copy] }, { initiators: ['*:b'], luns: [Lun.copy] });
  const [a, b] = ['iqn.2024-01.test:a', 'iqn.2024-01.test:b'].map((initiatorName) => {
    const initiator = new TestInitiator(scene);
    assert.is(initiator.login({ initiatorName }).status, LoginStatus.success);
    return initiator;
  }) as [TestInitiator, TestInitiator];
  assert.equal([reportedLuns(a), reportedLuns(b)], [[Lun.view, Lun.copy], [Lun.copy]]);
  for (const initiator of [a, b]) senseOf(initiator, Lun.copy);
  a.write(3, 1, { lun: Lun.copy, data: Buffer.alloc(512, 0x5a) });
  assert.is(a.takeResponse().status, 0);
  b.read(3, 1, { lun: Lun.copy });
  assert.is(b.takeDataIn().data[511], 0x5a);
  for (const initiator of [a, b]) initiator.transport.output.flush();
  scene.assertIdle();
});

test('a masked initiator resets what it sees: no LUN of others, and no session of theirs', () => {
  const scene = sceneWith({ initiators: ['*:a'] }, { initiators: ['*:b'], luns: [Lun.copy] });
  const [a, b] = ['iqn.2024-01.test:a', 'iqn.2024-01.test:b'].map((initiatorName) => {
    const initiator = new TestInitiator(scene);
    initiator.login({ initiatorName });
    for (const lun of [Lun.view, Lun.copy]) senseOf(initiator, lun);
    return initiator;
  }) as [TestInitiator, TestInitiator];
  const TARGET_WARM_RESET = 6;
  const TARGET_COLD_RESET = 7;
  b.taskManagement(TARGET_WARM_RESET);
  assert.is(b.takeTaskManagementResponse().response, 0);
  assert.equal([senseOf(a, Lun.view), senseOf(a, Lun.copy)], ['', '06/29/03']);
  b.taskManagement(TARGET_COLD_RESET);
  assert.is(b.takeTaskManagementResponse().response, 6, 'RFC 7143 §11.6.1: function authorization failed');
  assert.is(scene.directory.sessions.length, 2);
  a.taskManagement(TARGET_COLD_RESET);
  assert.is(a.take()[0]?.header.getUint8(2), 0);
  assert.is(scene.directory.sessions.length, 0, 'who sees the whole target may');
});

test('what is pending for a masked nexus on a unit that it does not see goes with it', () => {
  const scene = sceneWith({ initiators: [HOST], luns: [Lun.pool] });
  const initiator = new TestInitiator(scene);
  initiator.login({ initiatorName: HOST });
  const [session] = scene.directory.sessions;
  assert.ok(session !== undefined);
  const { unit } = scene.taskSets[Lun.view] as (typeof scene.taskSets)[number];
  unit.establishUnitAttention(session.nexus.id, Asc.busDeviceResetFunctionOccurred);
  initiator.logout();
  scene.clock.advance(60_000);
  assert.is(scene.directory.sessions.length, 0);
  assert.is(unit.takeUnitAttention({ ...session.nexus, firstAttention: { asc: 0, toldHandles: new Set([unit.handle]) } }), undefined);
});

test('who fits no rule gets 0x0202, by name and by address', () => {
  const scene = sceneWith({ initiators: ['iqn.2024-01.test:host?'], addresses: [range('192.0.2.0/28')] });
  const statusOf = (initiatorName: string, address?: string) => new TestInitiator(scene, address).login({ initiatorName }).status;
  assert.is(statusOf(HOST, ADDRESS), LoginStatus.success);
  assert.is(statusOf('iqn.2024-01.test:other', '192.0.2.3'), LoginStatus.authorizationFailure);
  assert.is(statusOf(HOST, '192.0.2.16'), LoginStatus.authorizationFailure);
  assert.is(statusOf(HOST, '::ffff:192.0.2.2'), LoginStatus.success);
  const { acceptedCount, authorizationFailureCount } = scene.directory.access.counts;
  assert.equal([acceptedCount, authorizationFailureCount], [2, 2]);
});

test('discovery tells of a target only to those who may come to it, by All and by its name', () => {
  const scene = sceneWith({ initiators: [HOST] });
  const portal = { address: '192.0.2.2', port: 3260, portalGroupTag: 1 };
  const inventory = scene.directory.inventoryFor(portal, ADDRESS);
  assert.equal(
    inventory.list(HOST).map((target) => target.name),
    [TARGET_NAME],
  );
  assert.is(inventory.find(TARGET_NAME, HOST)?.name, TARGET_NAME);
  assert.equal(inventory.list('iqn.2024-01.test:other'), []);
  assert.is(inventory.find(TARGET_NAME, 'iqn.2024-01.test:other'), null);
});

test('a redirected login is answered with where to go, and who may not come is not told', () => {
  const scene = sceneWith({ initiators: [HOST] });
  scene.directory.access.setRedirects([{ targetName: TARGET_NAME, host: '2001:db8::9', port: 3260, permanent: true }]);
  const answer = loginStep(new TestInitiator(scene), [SECURITY, FULL], names());
  assert.equal(
    [answer?.status, answer?.transit, answer && lines(answer.data)],
    [LoginStatus.targetMovedPermanently, false, ['TargetAddress=[2001:db8::9]:3260']],
  );
  const stranger = loginStep(new TestInitiator(scene, '192.0.2.9'), [SECURITY, FULL], names('iqn.2024-01.test:other'));
  assert.equal([stranger?.status, stranger && lines(stranger.data)], [LoginStatus.authorizationFailure, []]);
  assert.is(scene.directory.access.counts.redirectedCount, 1);
  assert.is(scene.directory.sessions.length, 0);
});

test('a target that has gone is redirected too, though it is not here', () => {
  const scene = new Scene();
  scene.directory.access.setRedirects([{ targetName: 'iqn.2024-01.test:gone', host: 'new.example.com', port: 3260, permanent: false }]);
  const answer = loginStep(new TestInitiator(scene), [SECURITY, FULL], [`InitiatorName=${HOST}`, 'TargetName=iqn.2024-01.test:gone']);
  assert.equal([answer?.status, answer && lines(answer.data)], [LoginStatus.targetMovedTemporarily, ['TargetAddress=new.example.com:3260']]);
});

test('LUNs by user: the session has those of the user it authenticated as', () => {
  const scene = new Scene({
    access: new TargetAccess({
      credentials: credentials(),
      rules: [
        { users: ['alice'], luns: [Lun.copy] },
        { users: ['bob'], luns: [Lun.view] },
      ],
    }),
  });
  const alice = new TestInitiator(scene);
  assert.is(chapLogin(alice, USER.name, USER.secret)?.status, LoginStatus.success);
  const bob = new TestInitiator(scene);
  assert.is(chapLogin(bob, 'bob', 'another-secret-of-bob', '800000000002')?.status, LoginStatus.success);
  assert.equal([reportedLuns(alice), reportedLuns(bob)], [[Lun.copy], [Lun.view]]);
  assert.equal(
    scene.directory.sessions.map((session) => session.user),
    ['alice', 'bob'],
  );
});

test('one user cannot take over the session of another by its initiator name and ISID', () => {
  const scene = new Scene({ access: new TargetAccess({ credentials: credentials() }) });
  const alice = new TestInitiator(scene);
  assert.is(chapLogin(alice, USER.name, USER.secret)?.status, LoginStatus.success);
  const bob = new TestInitiator(scene, '192.0.2.44');
  assert.is(chapLogin(bob, 'bob', 'another-secret-of-bob')?.status, LoginStatus.authorizationFailure);
  assert.not(alice.transport.isDestroyed);
  const again = new TestInitiator(scene);
  assert.is(chapLogin(again, USER.name, USER.secret)?.status, LoginStatus.success);
  assert.ok(alice.transport.isDestroyed, 'alice herself reinstates her session');
});

test('a connection joins a session only from where it could see as much by itself, and as the same user', () => {
  const [near, far] = ['192.0.2.1', '198.51.100.1'];
  const scene = sceneWith({ addresses: [range(near)], luns: [Lun.view, Lun.pool] }, { addresses: [range('0.0.0.0/0')], luns: [Lun.pool] });
  const first = new TestInitiator(scene, near);
  const { tsih, status } = first.login({ initiatorName: HOST, keys: ['MaxConnections=4'] });
  assert.is(status, LoginStatus.success);
  const join = (address: string, cid: number) => new TestInitiator(scene, address).login({ initiatorName: HOST, tsih, cid }).status;
  assert.is(join(far, 1), LoginStatus.authorizationFailure);
  scene.clock.advance(1000);
  assert.is(join(near, 2), LoginStatus.success);
  assert.is(scene.directory.sessions[0]?.connections.size, 2);
});

test('discovery has credentials of its own: those of the target are no good there', () => {
  const discovery = new ChapCredentials({ users: [{ name: 'finder', secret: secretOf('secret-of-the-finder') }] });
  const scene = new Scene({ discovery, access: new TargetAccess({ credentials: credentials() }) });
  const statusOf = (user: string, secret: string, address: string) => {
    const initiator = new TestInitiator(scene, address);
    loginStep(initiator, [SECURITY, null], [`InitiatorName=${HOST}`, 'SessionType=Discovery', 'AuthMethod=CHAP']);
    const challenge = loginStep(initiator, [SECURITY, null], ['CHAP_A=5']) as LoginAnswer;
    const bytes = Buffer.from((keyValue(challenge.data, 'CHAP_C') ?? '').slice(2), 'hex');
    const response = responseTo(5, Number(keyValue(challenge.data, 'CHAP_I')), bytes, secret).toString('hex');
    return loginStep(initiator, [SECURITY, FULL], [`CHAP_N=${user}`, `CHAP_R=0x${response}`])?.status;
  };
  assert.is(statusOf('finder', 'secret-of-the-finder', '192.0.2.1'), LoginStatus.success);
  assert.is(statusOf(USER.name, USER.secret, '192.0.2.2'), LoginStatus.authenticationFailure);
  const target = new TestInitiator(scene, '192.0.2.3');
  assert.is(chapLogin(target, 'finder', 'secret-of-the-finder')?.status, LoginStatus.authenticationFailure);
});

test('after a failure logins from that address wait, also right ones, and on all connections; others do not', () => {
  const scene = new Scene({ access: new TargetAccess({ credentials: credentials() }) });
  assert.is(chapLogin(new TestInitiator(scene), USER.name, 'wrong-wrong-wrong')?.status, LoginStatus.authenticationFailure);
  const waiting = [new TestInitiator(scene), new TestInitiator(scene)];
  for (const initiator of waiting) assert.is(loginStep(initiator, [SECURITY, null], names()), null, 'it waits');
  assert.is(chapLogin(new TestInitiator(scene, '192.0.2.99'), USER.name, USER.secret, '800000000009')?.status, LoginStatus.success);
  scene.clock.advance(99);
  for (const initiator of waiting) assert.is(takeLoginAnswer(initiator), null);
  scene.clock.advance(1);
  for (const initiator of waiting) assert.is(takeLoginAnswer(initiator)?.status, LoginStatus.success);
  const { authenticationFailureCount, delayedRequestCount } = scene.directory.access.counts;
  assert.equal([authenticationFailureCount, delayedRequestCount], [1, 2]);
});

test('guessing on many connections at a time is no faster than on one', () => {
  const scene = new Scene({ access: new TargetAccess({ credentials: credentials() }) });
  // All of them have their challenge before the first one fails.
  const guessers = Array.from({ length: 20 }, () => new TestInitiator(scene));
  for (const guesser of guessers) {
    loginStep(guesser, [SECURITY, null], names());
    assert.ok(loginStep(guesser, [SECURITY, null], ['CHAP_A=5']));
  }
  const answered = () => scene.directory.access.counts.authenticationFailureCount;
  for (const guesser of guessers) loginStep(guesser, [SECURITY, FULL], [`CHAP_N=${USER.name}`, `CHAP_R=0x${'00'.repeat(16)}`]);
  assert.is(answered(), 1);
  scene.clock.advance(100);
  assert.is(answered(), 2);
  scene.clock.advance(200 + 400);
  assert.is(answered(), 4);
  scene.clock.advance(5000);
  assert.ok(answered() < 10);
});

test('a connection that goes while it waits leaves nothing behind; what it sent meanwhile is read afterwards', () => {
  const scene = new Scene({ access: new TargetAccess({ credentials: credentials() }) });
  chapLogin(new TestInitiator(scene), USER.name, 'wrong-wrong-wrong');
  const gone = new TestInitiator(scene);
  loginStep(gone, [SECURITY, null], names());
  gone.transport.destroy();
  const eager = new TestInitiator(scene);
  assert.is(loginStep(eager, [SECURITY, null], names()), null);
  assert.ok(eager.transport.isReceivePaused);
  // The next request comes before the answer to the first one: it must not be lost, nor overtake.
  assert.is(loginStep(eager, [SECURITY, null], ['CHAP_A=5']), null);
  scene.clock.advance(100);
  const answers = eager.take();
  assert.equal(
    answers.map((pdu) => lines(pdu.data)[0]?.split('=')[0]),
    ['TargetPortalGroupTag', 'CHAP_A'],
  );
  assert.equal(gone.take(), []);
  assert.equal(scene.defects, []);
});

test('what is no login waits too, and is then dropped as ever', () => {
  const scene = new Scene({ access: new TargetAccess({ credentials: credentials() }) });
  chapLogin(new TestInitiator(scene), USER.name, 'wrong-wrong-wrong');
  const other = new TestInitiator(scene);
  const header = new Uint8Array(48);
  header[0] = Opcode.nopOut;
  other.transport.receive(header);
  assert.not(other.transport.isDestroyed);
  scene.clock.advance(100);
  assert.ok(other.transport.isDestroyed);
});

test.run();
