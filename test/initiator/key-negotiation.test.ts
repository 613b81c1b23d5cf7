import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KeyValuePair } from '../../engine/pdu/index.js';
import { type CheckName, ConformanceChecks } from '../../initiator/checks.js';
import { TargetViolation } from '../../initiator/errors.js';
import { KeyNegotiation, type KeyOffers } from '../../initiator/key-negotiation.js';
import { offersOf } from '../../initiator/key-options.js';
import { parseNumericValue } from '../../initiator/key-table.js';

function negotiation(overrides: KeyOffers = {}, tolerated: CheckName[] = []): KeyNegotiation {
  return new KeyNegotiation('Normal', overrides, new ConformanceChecks(tolerated));
}

/** Answers to everything that is offered, changed as told. */
function answersTo(subject: KeyNegotiation, changes: Record<string, string> = {}): KeyValuePair[] {
  const pairs = subject
    .offers()
    .filter(([key]) => key !== 'MaxRecvDataSegmentLength')
    .map(([key, value]): KeyValuePair => [key, value.split(',')[0] ?? value]);
  return [...pairs.filter(([key]) => !(key in changes)), ...Object.entries(changes)];
}

function checkOf(run: () => void): CheckName | 'none' {
  try {
    run();
    return 'none';
  } catch (error) {
    if (error instanceof TargetViolation) return error.check;
    throw error;
  }
}

test('numbers are decimal or hexadecimal, nothing else', () => {
  assert.equal(
    ['0', '512', '0x10', '0XfF', '01', '1.5', '-1', '', ' 1', '0x', '0x123456789', '1e3', '12345678901'].map(parseNumericValue),
    [0, 512, 16, 255, -1, -1, -1, -1, -1, -1, -1, -1, -1],
  );
});

test('what the target agrees to is what holds', () => {
  const subject = negotiation({ HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C' });
  const replies = subject.accept([
    ...answersTo(subject, { MaxBurstLength: '65536', FirstBurstLength: '0x2000', InitialR2T: 'Yes', DefaultTime2Wait: '9', HeaderDigest: 'None' }),
    ['MaxRecvDataSegmentLength', '32768'],
    ['TargetPortalGroupTag', '3'],
    ['TargetAlias', 'lab'],
  ]);
  assert.equal(replies, []);
  const keys = subject.finish();
  assert.is(keys.headerDigest, false);
  assert.is(keys.dataDigest, true);
  assert.is(keys.maxBurstLength, 65_536);
  assert.is(keys.firstBurstLength, 8192);
  assert.is(keys.initialR2T, true);
  assert.is(keys.immediateData, true);
  assert.is(keys.defaultTime2Wait, 9);
  assert.is(keys.targetMaxRecvDataSegmentLength, 32_768);
  assert.is(subject.answers.get('TargetAlias'), 'lab');
});

for (const [name, offers, answers] of [
  ['a digest that was not offered', { HeaderDigest: 'None' }, { HeaderDigest: 'CRC32C' }],
  ['a list where one value is due', { HeaderDigest: 'CRC32C,None' }, { HeaderDigest: 'CRC32C,None' }],
  ['InitialR2T=No where the offer was Yes', { InitialR2T: 'Yes' }, { InitialR2T: 'No' }],
  ['ImmediateData=Yes where the offer was No', { ImmediateData: 'No' }, { ImmediateData: 'Yes' }],
  ['a boolean that is none', {}, { ImmediateData: 'yes' }],
  ['more than the smaller of the two', { MaxBurstLength: '8192' }, { MaxBurstLength: '8193' }],
  ['less than the larger of the two', { DefaultTime2Wait: '5' }, { DefaultTime2Wait: '4' }],
  ['a number out of range', {}, { MaxOutstandingR2T: '0' }],
  ['a number that is none', {}, { MaxBurstLength: 'lots' }],
  ['a value for an offer that was out of range', { MaxOutstandingR2T: '0' }, { MaxOutstandingR2T: '1' }],
] as [string, KeyOffers, Record<string, string>][]) {
  test(`refused as an answer: ${name}`, () => {
    const subject = negotiation(offers);
    assert.is(
      checkOf(() => subject.accept(answersTo(subject, answers))),
      'keyAnswer',
    );
  });
}

test('FirstBurstLength above MaxBurstLength is a violation, and ours follows a smaller MaxBurstLength', () => {
  const subject = negotiation({ MaxBurstLength: '4096' });
  assert.is(new Map(subject.offers()).get('FirstBurstLength'), '4096');
  const other = negotiation({});
  other.accept(answersTo(other, { MaxBurstLength: '512', FirstBurstLength: '1024' }));
  assert.is(
    checkOf(() => other.finish()),
    'keyAnswer',
  );
});

test('an offer without an answer is a violation, unless it is tolerated', () => {
  const subject = negotiation();
  subject.accept(answersTo(subject).slice(1));
  assert.is(
    checkOf(() => subject.finish()),
    'keyUnanswered',
  );
  const tolerant = negotiation({}, ['keyUnanswered']);
  tolerant.accept([]);
  assert.is(tolerant.finish().initialR2T, true, 'the default holds');
});

test('an answer that comes twice is a violation', () => {
  const subject = negotiation();
  subject.accept(answersTo(subject));
  assert.is(
    checkOf(() => subject.accept([['ImmediateData', 'Yes']])),
    'keyAnswer',
  );
});

test('Reject, Irrelevant and NotUnderstood are answers that leave the default', () => {
  const subject = negotiation({ MaxOutstandingR2T: 'nonsense', 'X-com.example.key': 'hello' });
  subject.accept(answersTo(subject, { MaxOutstandingR2T: 'Reject', 'X-com.example.key': 'NotUnderstood', FirstBurstLength: 'Irrelevant' }));
  const keys = subject.finish();
  assert.is(keys.maxOutstandingR2T, 1);
  assert.is(keys.firstBurstLength, 65_536);
});

test('offers of the target’s own are answered with their result', () => {
  const subject = negotiation({ MaxBurstLength: null, InitialR2T: null, DataDigest: null, ErrorRecoveryLevel: null });
  assert.equal(
    subject.accept([
      ['MaxBurstLength', '4096'],
      ['InitialR2T', 'Yes'],
      ['DataDigest', 'CRC32C'],
      ['ErrorRecoveryLevel', '7'],
      ['X-com.example.key', '1'],
    ]),
    [
      ['MaxBurstLength', '4096'],
      ['InitialR2T', 'Yes'],
      ['DataDigest', 'Reject'],
      ['ErrorRecoveryLevel', 'Reject'],
      ['X-com.example.key', 'NotUnderstood'],
    ],
  );
  subject.accept(answersTo(subject, { FirstBurstLength: '4096' }));
  assert.is(subject.finish().maxBurstLength, 4096);
});

test('a discovery session offers nothing that is about commands', () => {
  const keys = new KeyNegotiation('Discovery', {}, new ConformanceChecks()).offers().map(([key]) => key);
  assert.equal(keys, ['HeaderDigest', 'DataDigest', 'MaxRecvDataSegmentLength', 'DefaultTime2Wait', 'DefaultTime2Retain', 'ErrorRecoveryLevel']);
});

test('typed keys say the same as text', () => {
  const keys = {
    maxConnections: 4,
    initialR2T: true,
    immediateData: false,
    maxRecvDataSegmentLength: 4096,
    maxBurstLength: 8192,
    firstBurstLength: 1024,
    defaultTime2Wait: 3,
    defaultTime2Retain: 30,
    maxOutstandingR2T: 8,
    dataPDUInOrder: false,
    dataSequenceInOrder: false,
    errorRecoveryLevel: 2,
    taskReporting: ['FastAbort', 'ResponseFence', 'RFC3720'],
    protocolLevel: 2,
    initiatorAlias: 'lab 1',
  } as const;
  const expected = {
    MaxConnections: '4',
    InitialR2T: 'Yes',
    ImmediateData: 'No',
    MaxRecvDataSegmentLength: '4096',
    MaxBurstLength: '8192',
    FirstBurstLength: '1024',
    DefaultTime2Wait: '3',
    DefaultTime2Retain: '30',
    MaxOutstandingR2T: '8',
    DataPDUInOrder: 'No',
    DataSequenceInOrder: 'No',
    ErrorRecoveryLevel: '2',
    TaskReporting: 'FastAbort,ResponseFence,RFC3720',
    iSCSIProtocolLevel: '2',
    InitiatorAlias: 'lab 1',
  };
  assert.equal(new Map(Object.entries(offersOf(keys))), new Map(Object.entries(expected)));
  assert.is(offersOf({ errorRecoveryLevel: 2 })['DefaultTime2Retain'], '20', 'tasks to reassign must be kept for a while');
});

test('TaskReporting and the protocol level: asked for by who wants them, the defaults otherwise', () => {
  const silent = negotiation();
  assert.not.ok(silent.offers().some(([key]) => key === 'TaskReporting' || key === 'iSCSIProtocolLevel' || key === 'InitiatorAlias'));
  silent.accept(answersTo(silent));
  assert.equal([silent.finish().taskReporting, silent.finish().protocolLevel], ['RFC3720', 1]);
  const asking = negotiation(offersOf({ taskReporting: ['FastAbort', 'RFC3720'], protocolLevel: 2, initiatorAlias: 'me' }));
  asking.accept(answersTo(asking).filter(([key]) => key !== 'InitiatorAlias'));
  assert.equal([asking.finish().taskReporting, asking.finish().protocolLevel], ['FastAbort', 2]);
  const old = negotiation(offersOf({ taskReporting: 'FastAbort', protocolLevel: 2 }));
  old.accept(answersTo(old, { TaskReporting: 'NotUnderstood', iSCSIProtocolLevel: 'NotUnderstood' }));
  assert.equal([old.finish().taskReporting, old.finish().protocolLevel], ['RFC3720', 1]);
});

test('a connection that joins a session names the keys of a connection only', () => {
  const joining = new KeyNegotiation('Normal', {}, new ConformanceChecks(), true);
  assert.equal(
    joining
      .offers()
      .map(([key]) => key)
      .sort(),
    ['DataDigest', 'HeaderDigest', 'MaxRecvDataSegmentLength'],
  );
});

test.run();
