import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { LoginStatus } from '../../../engine/pdu/index.js';
import {
  assertFailure,
  type FixtureOptions,
  flags,
  INITIATOR_NAME,
  keyValue,
  lines,
  loginFixture,
  loginRequest,
  NORMAL,
  parametersOf,
  TARGET_NAME,
  text,
} from './login-fixture.js';

test('libiscsi: security with CHAP,None, then the operational keys and its names again (RFC 7143 §6.3)', () => {
  const { send, admissions } = loginFixture({ target: { alias: 'scratch' } });
  const names = [`InitiatorName=${INITIATOR_NAME}`, 'InitiatorAlias=libiscsi', `TargetName=${TARGET_NAME}`, 'SessionType=Normal'];
  const first = send(0, 1, [...names, 'AuthMethod=CHAP,None']);
  assert.equal(lines(first.data), ['TargetPortalGroupTag=1', 'TargetAlias=scratch', 'AuthMethod=None']);
  assert.equal(flags(first), [true, false, 0, 1]);
  assert.is(first.response.tsih, 0);
  assert.is(first.response.isid, '00023d000001');
  assert.is(first.response.initiatorTaskTag, 0x10);

  const operational = ['HeaderDigest=None,CRC32C', 'DataDigest=None', 'InitialR2T=No', 'ImmediateData=Yes', 'MaxBurstLength=262144', 'FirstBurstLength=262144'];
  const rest = ['MaxRecvDataSegmentLength=262144', 'DataPDUInOrder=Yes', 'DefaultTime2Wait=2', 'DefaultTime2Retain=0', 'IFMarker=No', 'OFMarker=No'];
  const last = ['MaxConnections=1', 'MaxOutstandingR2T=1', 'ErrorRecoveryLevel=0', 'DataSequenceInOrder=Yes'];
  const step = send(1, 3, [...names, ...operational, ...rest, ...last]);
  assert.equal(lines(step.data), [
    'HeaderDigest=None',
    'DataDigest=None',
    'InitialR2T=No',
    'ImmediateData=Yes',
    'MaxBurstLength=262144',
    'FirstBurstLength=262144',
    'DataPDUInOrder=Yes',
    'DefaultTime2Wait=2',
    'DefaultTime2Retain=0',
    'IFMarker=No',
    'OFMarker=No',
    'MaxConnections=1',
    'MaxOutstandingR2T=1',
    'ErrorRecoveryLevel=0',
    'DataSequenceInOrder=Yes',
    'MaxRecvDataSegmentLength=262144',
  ]);
  assert.equal(flags(step), [true, false, 1, 3]);
  assert.is(step.response.tsih, 9);
  assert.equal(parametersOf(step), {
    sessionType: 'normal',
    initiatorName: INITIATOR_NAME,
    initiatorAlias: 'libiscsi',
    targetName: TARGET_NAME,
    headerDigest: false,
    dataDigest: false,
    maxRecvDataSegmentLength: 262144,
    targetMaxRecvDataSegmentLength: 262144,
    maxBurstLength: 262144,
    firstBurstLength: 262144,
    initialR2T: false,
    immediateData: true,
    maxOutstandingR2T: 1,
    maxConnections: 1,
    errorRecoveryLevel: 0,
    defaultTime2Wait: 2,
    defaultTime2Retain: 0,
    dataPDUInOrder: true,
    dataSequenceInOrder: true,
    taskReporting: 'RFC3720',
    protocolLevel: 1,
  });
  assert.is(admissions.length, 1);
  assert.is(admissions[0]?.cmdSN, 77);
  assert.is(admissions[0]?.targetName, TARGET_NAME);
});

const OPEN_ISCSI_OPERATIONAL = [
  'HeaderDigest=CRC32C,None',
  'DataDigest=CRC32C,None',
  'DefaultTime2Wait=2',
  'DefaultTime2Retain=0',
  'IFMarker=No',
  'OFMarker=No',
  'ErrorRecoveryLevel=0',
  'InitialR2T=No',
  'ImmediateData=Yes',
  'MaxBurstLength=16776192',
  'FirstBurstLength=262144',
  'MaxOutstandingR2T=1',
  'MaxConnections=1',
  'DataPDUInOrder=Yes',
  'DataSequenceInOrder=Yes',
  'MaxRecvDataSegmentLength=262144',
];

test('open-iscsi without CHAP: one request from the operational stage to full feature', () => {
  const { send } = loginFixture();
  const step = send(1, 3, [
    `InitiatorName=${INITIATOR_NAME}`,
    'InitiatorAlias=host',
    `TargetName=${TARGET_NAME}`,
    'SessionType=Normal',
    ...OPEN_ISCSI_OPERATIONAL,
  ]);
  const parameters = parametersOf(step);
  assert.is(keyValue(step.data, 'HeaderDigest'), 'CRC32C');
  assert.is(keyValue(step.data, 'TargetPortalGroupTag'), '1');
  assert.is(keyValue(step.data, 'MaxBurstLength'), '1048576');
  assert.is(keyValue(step.data, 'FirstBurstLength'), '262144');
  assert.is(parameters.headerDigest, true);
  assert.is(parameters.dataDigest, true);
  assert.is(parameters.maxBurstLength, 1048576);
});

test('open-iscsi discovery: keys of normal sessions are Irrelevant and no target is asked for', () => {
  const { send, admissions } = loginFixture({ lookup: { kind: 'refused', status: LoginStatus.targetNotFound } });
  const first = send(0, 1, [`InitiatorName=${INITIATOR_NAME}`, 'InitiatorAlias=host', 'SessionType=Discovery', 'AuthMethod=None']);
  assert.equal(lines(first.data), ['AuthMethod=None']);
  const step = send(1, 3, [
    'HeaderDigest=None',
    'DataDigest=None',
    'InitialR2T=No',
    'MaxBurstLength=1048576',
    'ErrorRecoveryLevel=0',
    'MaxRecvDataSegmentLength=32768',
  ]);
  assert.equal(lines(step.data), [
    'HeaderDigest=None',
    'DataDigest=None',
    'InitialR2T=Irrelevant',
    'MaxBurstLength=Irrelevant',
    'ErrorRecoveryLevel=0',
    'MaxRecvDataSegmentLength=262144',
  ]);
  const parameters = parametersOf(step);
  assert.is(parameters.sessionType, 'discovery');
  assert.is('targetName' in parameters, false);
  assert.is(parameters.initialR2T, true);
  assert.is(admissions[0]?.targetName, null);
});

test('Windows: three rounds, the last one empty', () => {
  const { send } = loginFixture();
  const first = send(0, 1, [`InitiatorName=iqn.1991-05.com.microsoft:HOST`, 'SessionType=Normal', `TargetName=${TARGET_NAME}`, 'AuthMethod=None']);
  assert.equal(flags(first), [true, false, 0, 1]);
  const second = send(1, null, [
    'HeaderDigest=None,CRC32C',
    'DataDigest=None,CRC32C',
    'MaxRecvDataSegmentLength=65536',
    'InitialR2T=No',
    'MaxBurstLength=262144',
  ]);
  assert.equal(flags(second), [false, false, 1, 0]);
  assert.is(keyValue(second.data, 'MaxRecvDataSegmentLength'), '262144');
  const third = send(1, 3, []);
  assert.equal(lines(third.data), []);
  assert.is(parametersOf(third).initiatorName, 'iqn.1991-05.com.microsoft:host');
  assert.is(parametersOf(third).maxRecvDataSegmentLength, 65536);
});

test('security straight to full feature: no operational stage, so every default holds and our length stays 8192', () => {
  const step = loginFixture().send(0, 3, [...NORMAL, 'AuthMethod=None']);
  assert.equal(lines(step.data), ['TargetPortalGroupTag=1', 'AuthMethod=None']);
  assert.equal(flags(step), [true, false, 0, 3]);
  assert.is(parametersOf(step).targetMaxRecvDataSegmentLength, 8192);
  assert.is(parametersOf(step).maxRecvDataSegmentLength, 8192);
});

test('operational keys do not belong in SecurityNegotiation, nor AuthMethod behind it (RFC 7143 §13)', () => {
  const { send } = loginFixture();
  const first = send(0, 1, [...NORMAL, 'MaxBurstLength=4096', 'MaxRecvDataSegmentLength=4096']);
  assert.equal(lines(first.data), ['MaxBurstLength=Reject', 'MaxRecvDataSegmentLength=Reject', 'TargetPortalGroupTag=1']);
  const step = send(1, 3, ['AuthMethod=None', 'SendTargets=All', 'TargetAlias=mine']);
  assert.equal(lines(step.data), ['AuthMethod=Reject', 'SendTargets=Reject', 'TargetAlias=Reject', 'MaxRecvDataSegmentLength=262144']);
  assert.is(parametersOf(step).maxBurstLength, 262144);
});

test('SessionType defaults to Normal', () => {
  const step = loginFixture().send(1, 3, [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`]);
  assert.is(parametersOf(step).sessionType, 'normal');
});

test('a connection that joins a session may not negotiate leading-only keys (RFC 7143 §13)', () => {
  const { send, admissions } = loginFixture();
  const step = send(1, 3, [...NORMAL, 'MaxBurstLength=4096', 'HeaderDigest=CRC32C'], { tsih: 9, cid: 1 });
  assert.is(keyValue(step.data, 'MaxBurstLength'), 'Reject');
  assert.is(keyValue(step.data, 'HeaderDigest'), 'CRC32C');
  assert.is(step.response.tsih, 9);
  assert.equal([admissions[0]?.tsih, admissions[0]?.cid], [9, 1]);
});

const failures: readonly { name: string; keys: readonly string[]; status: number; options?: FixtureOptions; stages?: [number, number | null] }[] = [
  { name: 'no InitiatorName', keys: [`TargetName=${TARGET_NAME}`], status: 0x0207 },
  { name: 'no keys at all', keys: [], status: 0x0207 },
  { name: 'no TargetName in a normal session', keys: [`InitiatorName=${INITIATOR_NAME}`], status: 0x0207 },
  { name: 'an InitiatorName that is no iSCSI name', keys: ['InitiatorName=root', `TargetName=${TARGET_NAME}`], status: 0x0200 },
  { name: 'a TargetName that is no iSCSI name', keys: [`InitiatorName=${INITIATOR_NAME}`, 'TargetName=disk'], status: 0x0203 },
  { name: 'an unknown target', keys: [`InitiatorName=${INITIATOR_NAME}`, 'TargetName=iqn.2026-11.io.lunloom:none'], status: 0x0203 },
  { name: 'a target that is not for this initiator', keys: NORMAL, status: 0x0202, options: { lookup: { kind: 'refused', status: 0x0202 } } },
  { name: 'a removed target', keys: NORMAL, status: 0x0204, options: { lookup: { kind: 'refused', status: 0x0204 } } },
  { name: 'an unknown SessionType', keys: [...NORMAL.slice(0, 2), 'SessionType=Boot'], status: 0x0209 },
  { name: 'a key twice in one text', keys: [...NORMAL, 'InitialR2T=No', 'InitialR2T=No'], status: 0x0200 },
  { name: 'text that is no pairs', keys: [...NORMAL, 'InitialR2T'], status: 0x0200 },
  { name: 'an AuthMethod nobody has', keys: [...NORMAL, 'AuthMethod=KRB5'], status: 0x0201, stages: [0, 1] },
  {
    name: 'None where the target asks for CHAP',
    keys: [...NORMAL, 'AuthMethod=None'],
    status: 0x0201,
    stages: [0, 1],
    options: { target: { authMethods: ['CHAP'] } },
  },
  { name: 'no AuthMethod where the target asks for CHAP', keys: NORMAL, status: 0x0201, stages: [0, 3], options: { target: { authMethods: ['CHAP'] } } },
  { name: 'security skipped where the target asks for CHAP', keys: NORMAL, status: 0x0201, options: { target: { authMethods: ['CHAP'] } } },
  {
    name: 'discovery without the CHAP it needs',
    keys: [`InitiatorName=${INITIATOR_NAME}`, 'SessionType=Discovery'],
    status: 0x0201,
    options: { discoveryAuthMethods: ['CHAP'] },
  },
  { name: 'a session that does not exist', keys: NORMAL, status: 0x020a, options: { admission: { kind: 'refused', status: 0x020a } } },
  { name: 'too many connections', keys: NORMAL, status: 0x0206, options: { admission: { kind: 'refused', status: 0x0206 } } },
  { name: 'a stage that is reserved', keys: NORMAL, status: 0x0200, stages: [2, 3] },
  { name: 'a login that begins in full feature', keys: NORMAL, status: 0x0200, stages: [3, 3] },
  { name: 'a transition to the same stage', keys: NORMAL, status: 0x0200, stages: [1, 1] },
  { name: 'a transition backwards', keys: NORMAL, status: 0x0200, stages: [1, 0] },
  { name: 'a transition to the reserved stage', keys: NORMAL, status: 0x0200, stages: [0, 2] },
  { name: 'a key without a name', keys: [...NORMAL, '=Yes'], status: 0x0200 },
  { name: 'the name of a key with 64 bytes', keys: [...NORMAL, `X${'k'.repeat(63)}=1`], status: 0x0200 },
  { name: 'an answer constant as an offer', keys: [...NORMAL, 'MaxBurstLength=Irrelevant'], status: 0x0200 },
  { name: 'an answer to what was never said', keys: [...NORMAL, 'X-com.example.key=NotUnderstood'], status: 0x0200 },
  { name: 'an answer to a declaration before it was made', keys: [...NORMAL, 'TargetAlias=Reject'], status: 0x0200 },
  { name: 'more keys than the limit', keys: [...NORMAL, ...Array.from({ length: 126 }, (_, i) => `X-k${i}=1`)], status: 0x0200 },
];

for (const { name, keys, status, options, stages = [1, 3] } of failures) {
  test(`login fails with 0x0${status.toString(16)}: ${name} (RFC 7143 §11.13.5)`, () => {
    const fixture = loginFixture(options);
    const step = fixture.send(stages[0], stages[1], keys);
    assertFailure(step, status);
    assert.throws(
      () => fixture.send(1, 3, []),
      (error: unknown) => error instanceof AssertionFailure,
    );
  });
}

test('a target that moved says where to', () => {
  const step = loginFixture({ lookup: { kind: 'refused', status: 0x0101, targetAddress: '10.0.0.2:3260' } }).send(0, 1, NORMAL);
  assertFailure(step, 0x0101);
  assert.equal(lines(step.data), ['TargetAddress=10.0.0.2:3260']);
});

test('a version above 0 is not supported, a range that holds 0 is (RFC 7143 §11.12.4)', () => {
  assertFailure(loginFixture().send(1, 3, NORMAL, { versionMin: 1, versionMax: 2 }), LoginStatus.unsupportedVersion);
  const step = loginFixture().send(1, 3, NORMAL, { versionMax: 2 });
  parametersOf(step);
  assert.equal([step.response.versionMax, step.response.versionActive], [0, 0]);
});

for (const changes of [{ isid: '00023d000002' }, { tsih: 5 }, { cid: 1 }, { initiatorTaskTag: 0x11 }]) {
  test(`a login keeps its ${Object.keys(changes)[0]}`, () => {
    const { send } = loginFixture();
    assert.is(send(0, 1, NORMAL).outcome.kind, 'continue');
    assertFailure(send(1, 3, [], changes), LoginStatus.initiatorError);
  });
}

test('a stage that was left is not entered again', () => {
  const { send } = loginFixture();
  send(0, 1, NORMAL);
  assertFailure(send(0, 1, []), LoginStatus.initiatorError);
});

test('a key negotiated in one round may not come again in the next, a name may be repeated but not changed', () => {
  const again = loginFixture();
  again.send(1, null, [...NORMAL, 'MaxBurstLength=4096']);
  assertFailure(again.send(1, 3, ['MaxBurstLength=4096']), LoginStatus.initiatorError);
  const other = loginFixture();
  other.send(0, 1, NORMAL);
  assertFailure(other.send(1, 3, [`InitiatorName=${INITIATOR_NAME}2`]), LoginStatus.initiatorError);
});

test('a session cannot turn into discovery, nor get a target, once it was let in as something else', () => {
  const turned = loginFixture({ discoveryAuthMethods: ['CHAP'] });
  turned.send(0, 1, [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`]);
  assertFailure(turned.send(1, 3, ['SessionType=Discovery']), LoginStatus.initiatorError);
  const late = loginFixture();
  late.send(0, 1, [`InitiatorName=${INITIATOR_NAME}`, 'SessionType=Discovery']);
  assertFailure(late.send(1, 3, [`TargetName=${TARGET_NAME}`]), LoginStatus.initiatorError);
});

test('another PDU during login gives 0x020b', () => {
  const { login, send } = loginFixture();
  send(0, 1, NORMAL);
  const step = login.receiveOther(0x99);
  assertFailure(step, LoginStatus.invalidDuringLogin);
  assert.is(step.response.initiatorTaskTag, 0x99);
  assert.is(step.response.isid, '00023d000001');
  assertFailure(loginFixture().login.receiveOther(1), LoginStatus.invalidDuringLogin);
});

test('the T and C bits exclude each other', () => {
  assertFailure(loginFixture().send(1, 3, NORMAL, { continue: true }), LoginStatus.initiatorError);
});

test('text cut at any byte into continued requests gives what it gives whole (RFC 7143 §11.12.2)', () => {
  const whole = text(...NORMAL, ...OPEN_ISCSI_OPERATIONAL, 'X-vendor=1');
  const expected = loginFixture().login.receive(loginRequest(1, 3), whole);
  for (let cut = 0; cut <= whole.length; cut++) {
    const { login } = loginFixture();
    const first = login.receive(loginRequest(1, null, { continue: true }), whole.subarray(0, cut));
    assert.is(first.data.length, 0);
    assert.equal(flags(first), [false, false, 1, 0]);
    const last = login.receive(loginRequest(1, 3), whole.subarray(cut));
    assert.equal(lines(last.data), lines(expected.data));
    assert.equal(parametersOf(last), parametersOf(expected));
  }
});

test('what is kept of a continued request is a copy', () => {
  const { login } = loginFixture();
  const whole = text(...NORMAL);
  const piece = Buffer.from(whole.subarray(0, 20));
  login.receive(loginRequest(1, null, { continue: true }), piece);
  piece.fill(0x78);
  parametersOf(login.receive(loginRequest(1, 3), whole.subarray(20)));
});

const longKeys = Array.from({ length: 115 }, (_, i) => `X-${String(i).padStart(3, '0')}${'k'.repeat(58)}=1`);

test('an answer beyond 8192 bytes goes out with the C bit, and T only with its end (RFC 7143 §11.13.7)', () => {
  const { login, admissions } = loginFixture();
  const whole = text(...NORMAL, ...longKeys);
  login.receive(loginRequest(1, null, { continue: true }), whole.subarray(0, 8000));
  const first = login.receive(loginRequest(1, 3), whole.subarray(8000));
  assert.is(first.data.length, 8192);
  assert.equal(flags(first), [false, true, 1, 0]);
  assert.is(admissions.length, 0);
  const last = login.receive(loginRequest(1, 3), Buffer.alloc(0));
  assert.equal(flags(last), [true, false, 1, 3]);
  parametersOf(last);
  const answered = lines(Buffer.concat([first.data, last.data]));
  assert.is(answered.filter((line) => line.endsWith('=NotUnderstood')).length, 115);
});

test('text while our answer is under way ends the login', () => {
  const { login } = loginFixture();
  const whole = text(...NORMAL, ...longKeys);
  login.receive(loginRequest(1, null, { continue: true }), whole.subarray(0, 8000));
  login.receive(loginRequest(1, 3), whole.subarray(8000));
  assertFailure(login.receive(loginRequest(1, 3), text('X-more=1')), LoginStatus.initiatorError);
});

test('endless rounds, endless text and over-long segments end the login', () => {
  const rounds = loginFixture({ limits: { loginRoundCountMax: 4 } });
  rounds.send(1, null, NORMAL);
  for (let round = 2; round <= 4; round++) assert.is(rounds.send(1, null, []).outcome.kind, 'continue');
  assertFailure(rounds.send(1, null, []), LoginStatus.initiatorError);

  const bytes = loginFixture({ limits: { loginTextBytesMax: 8192 } });
  bytes.login.receive(loginRequest(1, null, { continue: true }), Buffer.alloc(8192, 0x61));
  assertFailure(bytes.login.receive(loginRequest(1, null, { continue: true }), Buffer.alloc(1)), LoginStatus.initiatorError);

  assertFailure(loginFixture().login.receive(loginRequest(1, null), Buffer.alloc(8193)), LoginStatus.initiatorError);
});

test('a digest that the target requires is offered by it when the initiator is silent', () => {
  const { send } = loginFixture({ offers: { headerDigest: 'require' } });
  const first = send(1, 3, NORMAL);
  assert.is(keyValue(first.data, 'HeaderDigest'), 'CRC32C');
  assert.equal(flags(first), [false, false, 1, 0]);
  const last = send(1, 3, ['HeaderDigest=CRC32C']);
  assert.equal(lines(last.data), []);
  assert.is(parametersOf(last).headerDigest, true);
});

for (const answer of ['None', 'Reject', 'NotUnderstood', 'Irrelevant']) {
  test(`a required digest answered with ${answer} ends the login`, () => {
    const { send } = loginFixture({ offers: { dataDigest: 'require' } });
    send(1, 3, NORMAL);
    assertFailure(send(1, 3, [`DataDigest=${answer}`]), LoginStatus.initiatorError);
  });
}

test('a required digest fails a login that offers only None or skips the operational stage', () => {
  const only = loginFixture({ offers: { headerDigest: 'require' } }).send(1, 3, [...NORMAL, 'HeaderDigest=None']);
  assertFailure(only, LoginStatus.initiatorError);
  assertFailure(loginFixture({ offers: { headerDigest: 'require' } }).send(0, 3, NORMAL), LoginStatus.initiatorError);
});

test('a burst limit below the default is offered by the target', () => {
  const { send } = loginFixture({ limits: { maxBurstLengthBytes: 65536 } });
  const first = send(1, 3, NORMAL);
  assert.is(keyValue(first.data, 'MaxBurstLength'), '65536');
  assert.is(parametersOf(send(1, 3, ['MaxBurstLength=32768'])).maxBurstLength, 32768);
});

test('MaxBurstLength bounds a FirstBurstLength that was settled a round before (RFC 7143 §13.14)', () => {
  const { send } = loginFixture();
  send(1, null, [...NORMAL, 'FirstBurstLength=65536']);
  assert.is(parametersOf(send(1, 3, ['MaxBurstLength=16384'])).firstBurstLength, 16384);
});

test('answers to our declarations are not answered again', () => {
  const { send } = loginFixture();
  send(0, 1, NORMAL);
  assert.equal(lines(send(1, null, ['TargetPortalGroupTag=NotUnderstood']).data), ['MaxRecvDataSegmentLength=262144']);
  const step = send(1, 3, ['MaxRecvDataSegmentLength=Reject']);
  assert.equal(lines(step.data), []);
  assert.is(parametersOf(step).maxRecvDataSegmentLength, 8192);
});

test('random bytes and flags end in a step each, never in an exception', () => {
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const words = [...NORMAL, ...OPEN_ISCSI_OPERATIONAL, 'AuthMethod=None', 'SendTargets=All', 'TargetAlias=x', '=', 'a', 'X-a=1', '\xff=\xff', ''];
  for (let run = 0; run < 2000; run++) {
    const { login } = loginFixture(random(2) === 0 ? {} : { offers: { headerDigest: 'require' } });
    for (let round = 0; round < 6; round++) {
      const data = text(...Array.from({ length: random(6) }, () => words[random(words.length)] as string));
      if (data.length > 0 && random(3) === 0) data[random(data.length)] = random(256);
      const step = login.receive(loginRequest(random(4), random(2) === 0 ? null : random(4), { continue: random(4) === 0 }), data);
      if (step.outcome.kind !== 'continue') break;
    }
  }
});

test.run();
