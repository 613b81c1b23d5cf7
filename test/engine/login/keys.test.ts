import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../../engine/limits.js';
import { KeyNegotiator, type NegotiationPhase } from '../../../engine/login/key-negotiator.js';
import { type BooleanRow, isNegotiable, type NumberRow } from '../../../engine/login/key-row.js';
import { findKey, keyTable } from '../../../engine/login/keys.js';
import { defaultParameters, type TargetOffers, targetOffers } from '../../../engine/login/negotiated-parameters.js';
import { parseNumber } from '../../../engine/login/text-values.js';

function negotiate(offers: readonly string[], overrides: Partial<TargetOffers> = {}) {
  const parameters = defaultParameters();
  const negotiator = new KeyNegotiator(parameters, targetOffers(defaultLimits, overrides), true);
  const pairs = offers.map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const outcome = negotiator.receive(pairs, 'operational');
  return { parameters, answers: outcome.kind === 'keys' ? outcome.answers.map((pair) => pair.join('=')) : outcome };
}

/** offer → answer, each alone in a negotiation. RFC 7143 §6.2, §13. */
const cases: readonly [offer: string, answer: string | null, overrides?: Partial<TargetOffers>][] = [
  ['HeaderDigest=CRC32C', 'HeaderDigest=CRC32C'],
  ['HeaderDigest=None,CRC32C', 'HeaderDigest=None'],
  ['HeaderDigest=CRC32C,None', 'HeaderDigest=CRC32C'],
  ['HeaderDigest=X-sha,CRC32C', 'HeaderDigest=CRC32C'],
  ['HeaderDigest=crc32c', 'HeaderDigest=Reject'],
  ['HeaderDigest=', 'HeaderDigest=Reject'],
  ['DataDigest=CRC32C,None', 'DataDigest=None', { dataDigest: 'refuse' }],
  ['DataDigest=CRC32C', 'DataDigest=Reject', { dataDigest: 'refuse' }],
  ['DataDigest=None,CRC32C', 'DataDigest=CRC32C', { dataDigest: 'require' }],
  ['MaxConnections=1', 'MaxConnections=1'],
  ['MaxConnections=65535', 'MaxConnections=8'],
  ['MaxConnections=4', 'MaxConnections=1', { maxConnections: 1 }],
  ['MaxConnections=0', 'MaxConnections=Reject'],
  ['MaxConnections=65536', 'MaxConnections=Reject'],
  ['InitialR2T=Yes', 'InitialR2T=Yes'],
  ['InitialR2T=No', 'InitialR2T=No'],
  ['InitialR2T=No', 'InitialR2T=Yes', { initialR2T: true }],
  ['InitialR2T=no', 'InitialR2T=Reject'],
  ['ImmediateData=Yes', 'ImmediateData=Yes'],
  ['ImmediateData=No', 'ImmediateData=No'],
  ['ImmediateData=Yes', 'ImmediateData=No', { immediateData: false }],
  ['MaxRecvDataSegmentLength=512', null],
  ['MaxRecvDataSegmentLength=16777215', null],
  ['MaxRecvDataSegmentLength=511', 'MaxRecvDataSegmentLength=Reject'],
  ['MaxRecvDataSegmentLength=16777216', 'MaxRecvDataSegmentLength=Reject'],
  ['MaxBurstLength=512', 'MaxBurstLength=512'],
  ['MaxBurstLength=16777215', 'MaxBurstLength=1048576'],
  ['MaxBurstLength=511', 'MaxBurstLength=Reject'],
  ['MaxBurstLength=16777216', 'MaxBurstLength=Reject'],
  ['MaxBurstLength=0x10000', 'MaxBurstLength=65536'],
  ['MaxBurstLength=0XfFfF', 'MaxBurstLength=65535'],
  ['MaxBurstLength=065536', 'MaxBurstLength=Reject'],
  ['MaxBurstLength=-1', 'MaxBurstLength=Reject'],
  ['MaxBurstLength=65536 ', 'MaxBurstLength=Reject'],
  ['MaxBurstLength=1e6', 'MaxBurstLength=Reject'],
  ['FirstBurstLength=16777215', 'FirstBurstLength=262144'],
  ['FirstBurstLength=4096', 'FirstBurstLength=4096'],
  ['DefaultTime2Wait=0', 'DefaultTime2Wait=2'],
  ['DefaultTime2Wait=3600', 'DefaultTime2Wait=3600'],
  ['DefaultTime2Wait=3601', 'DefaultTime2Wait=Reject'],
  ['DefaultTime2Retain=3600', 'DefaultTime2Retain=20'],
  ['DefaultTime2Retain=0', 'DefaultTime2Retain=0'],
  ['MaxOutstandingR2T=65535', 'MaxOutstandingR2T=4'],
  ['MaxOutstandingR2T=0', 'MaxOutstandingR2T=Reject'],
  ['DataPDUInOrder=Yes', 'DataPDUInOrder=Yes'],
  ['DataPDUInOrder=No', 'DataPDUInOrder=No'],
  ['DataPDUInOrder=No', 'DataPDUInOrder=Yes', { dataPDUInOrder: true }],
  ['DataPDUInOrder=NO', 'DataPDUInOrder=Reject'],
  ['DataSequenceInOrder=Yes', 'DataSequenceInOrder=Yes'],
  ['DataSequenceInOrder=No', 'DataSequenceInOrder=No'],
  ['DataSequenceInOrder=No', 'DataSequenceInOrder=Yes', { dataSequenceInOrder: true }],
  ['ErrorRecoveryLevel=0', 'ErrorRecoveryLevel=0'],
  ['ErrorRecoveryLevel=2', 'ErrorRecoveryLevel=2'],
  ['ErrorRecoveryLevel=2', 'ErrorRecoveryLevel=0', { errorRecoveryLevel: 0 }],
  ['ErrorRecoveryLevel=2', 'ErrorRecoveryLevel=1', { errorRecoveryLevel: 1 }],
  ['ErrorRecoveryLevel=3', 'ErrorRecoveryLevel=Reject'],
  ['ErrorRecoveryLevel=0x1', 'ErrorRecoveryLevel=1'],
  ['TaskReporting=FastAbort,ResponseFence,RFC3720', 'TaskReporting=FastAbort'],
  ['TaskReporting=ResponseFence,RFC3720', 'TaskReporting=ResponseFence'],
  ['TaskReporting=RFC3720', 'TaskReporting=RFC3720'],
  ['TaskReporting=FastAbort,RFC3720', 'TaskReporting=RFC3720', { taskReporting: ['RFC3720'] }],
  ['TaskReporting=FastAbort', 'TaskReporting=Reject', { taskReporting: ['RFC3720'] }],
  ['TaskReporting=fastabort', 'TaskReporting=Reject'],
  ['iSCSIProtocolLevel=2', 'iSCSIProtocolLevel=2'],
  ['iSCSIProtocolLevel=31', 'iSCSIProtocolLevel=2'],
  ['iSCSIProtocolLevel=2', 'iSCSIProtocolLevel=1', { protocolLevel: 1 }],
  ['iSCSIProtocolLevel=1', 'iSCSIProtocolLevel=1'],
  ['iSCSIProtocolLevel=0', 'iSCSIProtocolLevel=0'],
  ['iSCSIProtocolLevel=32', 'iSCSIProtocolLevel=Reject'],
  ['IFMarker=Yes', 'IFMarker=No'],
  ['OFMarker=No', 'OFMarker=No'],
  ['IFMarkInt=1~65535', 'IFMarkInt=Reject'],
  ['OFMarkInt=2048', 'OFMarkInt=Reject'],
  ['X#NodeArchitecture=x86', null],
  ['X-com.example.key=1', 'X-com.example.key=NotUnderstood'],
  ['Y-com.example.digest=1', 'Y-com.example.digest=NotUnderstood'],
  ['X#another=1', 'X#another=NotUnderstood'],
  ['Frobnicate=Yes', 'Frobnicate=NotUnderstood'],
  ['headerdigest=None', 'headerdigest=NotUnderstood'],
  ['RDMAExtensions=Yes', 'RDMAExtensions=NotUnderstood'],
  ['TargetAlias=mine', 'TargetAlias=Reject'],
  ['TargetAddress=10.0.0.1', 'TargetAddress=Reject'],
  ['TargetPortalGroupTag=1', 'TargetPortalGroupTag=Reject'],
  [`InitiatorAlias=${'a'.repeat(255)}`, null],
  [`InitiatorAlias=${'a'.repeat(256)}`, 'InitiatorAlias=Reject'],
];

for (const [offer, answer, overrides] of cases) {
  const note = overrides === undefined ? '' : ` under ${JSON.stringify(overrides)}`;
  test(`${offer.slice(0, 60)} is answered ${answer ?? 'with nothing'}${note}`, () => {
    assert.equal(negotiate([offer], overrides).answers, answer === null ? [] : [answer]);
  });
}

test('the result of every negotiable key reaches its parameter', () => {
  const offers = ['HeaderDigest=CRC32C', 'DataDigest=CRC32C', 'MaxRecvDataSegmentLength=4096', 'InitialR2T=No', 'ImmediateData=No', 'MaxBurstLength=8192'];
  const more = ['FirstBurstLength=1024', 'DefaultTime2Wait=7', 'DefaultTime2Retain=3', 'MaxOutstandingR2T=3', 'DataPDUInOrder=No', 'DataSequenceInOrder=No'];
  const rest = ['MaxConnections=2', 'ErrorRecoveryLevel=2', 'TaskReporting=FastAbort', 'iSCSIProtocolLevel=2', 'InitiatorAlias=\u00c3\u00bc'];
  const { parameters } = negotiate([...offers, ...more, ...rest], {
    maxConnections: 4,
    errorRecoveryLevel: 1,
    dataPDUInOrder: false,
    dataSequenceInOrder: false,
    taskReporting: ['FastAbort', 'RFC3720'],
    protocolLevel: 2,
  });
  assert.equal(parameters, {
    sessionType: 'normal',
    initiatorName: '',
    initiatorAlias: 'ü',
    headerDigest: true,
    dataDigest: true,
    maxRecvDataSegmentLength: 4096,
    targetMaxRecvDataSegmentLength: 8192,
    maxBurstLength: 8192,
    firstBurstLength: 1024,
    initialR2T: false,
    immediateData: false,
    maxOutstandingR2T: 3,
    maxConnections: 2,
    errorRecoveryLevel: 1,
    defaultTime2Wait: 7,
    defaultTime2Retain: 3,
    dataPDUInOrder: false,
    dataSequenceInOrder: false,
    taskReporting: 'FastAbort',
    protocolLevel: 2,
  });
});

/** What a key that stands in the wrong place is answered with; each key of the table is in one of the lists of its row. RFC 7143 §13. */
const ALL_USES: readonly [name: string, value: string, security: string | null, joining: string | null, fullFeature: string | null][] = [
  ['HeaderDigest', 'None', 'Reject', 'None', 'Reject'],
  ['DataDigest', 'None', 'Reject', 'None', 'Reject'],
  ['MaxRecvDataSegmentLength', '1024', 'Reject', null, null],
  ['MaxConnections', '1', 'Reject', 'Reject', 'Reject'],
  ['InitialR2T', 'No', 'Reject', 'Reject', 'Reject'],
  ['ImmediateData', 'No', 'Reject', 'Reject', 'Reject'],
  ['MaxBurstLength', '512', 'Reject', 'Reject', 'Reject'],
  ['FirstBurstLength', '512', 'Reject', 'Reject', 'Reject'],
  ['DefaultTime2Wait', '2', 'Reject', 'Reject', 'Reject'],
  ['DefaultTime2Retain', '2', 'Reject', 'Reject', 'Reject'],
  ['MaxOutstandingR2T', '1', 'Reject', 'Reject', 'Reject'],
  ['DataPDUInOrder', 'No', 'Reject', 'Reject', 'Reject'],
  ['DataSequenceInOrder', 'No', 'Reject', 'Reject', 'Reject'],
  ['ErrorRecoveryLevel', '0', 'Reject', 'Reject', 'Reject'],
  ['TaskReporting', 'RFC3720', 'Reject', 'Reject', 'Reject'],
  ['iSCSIProtocolLevel', '1', 'Reject', 'Reject', 'Reject'],
  ['InitiatorAlias', 'me', null, null, null],
  ['InitiatorName', 'iqn.2026-11.io.lunloom:i', null, null, 'Reject'],
  ['TargetName', 'iqn.2026-11.io.lunloom:t', null, null, 'Reject'],
  ['SessionType', 'Normal', null, null, 'Reject'],
  ['TargetAlias', 'you', 'Reject', 'Reject', 'Reject'],
  ['TargetAddress', '10.0.0.1', 'Reject', 'Reject', 'Reject'],
  ['TargetPortalGroupTag', '1', 'Reject', 'Reject', 'Reject'],
  ['SendTargets', 'All', 'Reject', 'Reject', null],
  ['AuthMethod', 'None', null, 'Reject', 'Reject'],
  ['IFMarker', 'No', 'Reject', 'No', 'Reject'],
  ['OFMarker', 'No', 'Reject', 'No', 'Reject'],
  ['IFMarkInt', '1', 'Reject', 'Reject', 'Reject'],
  ['OFMarkInt', '1', 'Reject', 'Reject', 'Reject'],
  ['X#NodeArchitecture', 'x', 'Reject', 'Reject', 'Reject'],
  ['X-com.example.key', '1', 'NotUnderstood', 'NotUnderstood', 'NotUnderstood'],
];

for (const [name, value, security, joining, fullFeature] of ALL_USES) {
  test(`${name} in SecurityNegotiation, on a connection that joins, and in full feature`, () => {
    const answerIn = (phase: NegotiationPhase, isLeading: boolean): string | null => {
      const outcome = new KeyNegotiator(defaultParameters(), targetOffers(defaultLimits), isLeading).receive([[name, value]], phase);
      return outcome.kind === 'keys' ? (outcome.answers[0]?.[1] ?? null) : outcome.message;
    };
    assert.equal([answerIn('security', true), answerIn('operational', false), answerIn('full-feature', true)], [security, joining, fullFeature]);
  });
}

test('every key of the table is tried in every place', () => {
  const tried = new Set(ALL_USES.map(([name]) => name));
  assert.equal(
    keyTable.map((row) => row.name).filter((name) => !tried.has(name)),
    [],
  );
});

test('in a discovery session ErrorRecoveryLevel is 0, and what concerns data is Irrelevant (RFC 7143 §13.21)', () => {
  const offers = ['SessionType=Discovery', 'ErrorRecoveryLevel=2', 'MaxConnections=4', 'InitialR2T=No', 'MaxBurstLength=512', 'DefaultTime2Wait=3'];
  const { answers, parameters } = negotiate([...offers, 'TaskReporting=FastAbort', 'HeaderDigest=CRC32C']);
  assert.equal(answers, [
    'ErrorRecoveryLevel=0',
    'MaxConnections=Irrelevant',
    'InitialR2T=Irrelevant',
    'MaxBurstLength=Irrelevant',
    'DefaultTime2Wait=3',
    'TaskReporting=Irrelevant',
    'HeaderDigest=CRC32C',
  ]);
  assert.equal([parameters.errorRecoveryLevel, parameters.maxConnections], [0, 1]);
});

test('FirstBurstLength stays within MaxBurstLength in whatever order they come (RFC 7143 §13.14)', () => {
  assert.equal(negotiate(['FirstBurstLength=65536', 'MaxBurstLength=16384']).answers, ['FirstBurstLength=16384', 'MaxBurstLength=16384']);
  assert.equal(negotiate(['MaxBurstLength=16384', 'FirstBurstLength=65536']).answers, ['MaxBurstLength=16384', 'FirstBurstLength=16384']);
});

test('FirstBurstLength is irrelevant without unsolicited data (RFC 7143 §13.14)', () => {
  const offers = ['FirstBurstLength=65536', 'InitialR2T=Yes', 'ImmediateData=No'];
  assert.equal(negotiate(offers).answers, ['FirstBurstLength=Irrelevant', 'InitialR2T=Yes', 'ImmediateData=No']);
});

test('the table names each key once and its defaults are those of the parameters', () => {
  assert.is(new Set(keyTable.map((row) => row.name)).size, keyTable.length);
  const parameters = defaultParameters();
  for (const row of keyTable.filter(isNegotiable)) {
    const changed = { ...parameters };
    if (row.kind === 'list') row.store(changed, row.default);
    else if (typeof row.default === 'boolean') (row as BooleanRow).store(changed, row.default);
    else (row as NumberRow).store(changed, row.default);
    assert.equal(changed, parameters, row.name);
  }
  assert.is(findKey('SendTargets')?.use, 'full-feature-only');
  assert.is(findKey('sendtargets'), undefined);
});

test('numbers: decimal and hexadecimal as RFC 7143 §6.1 writes them', () => {
  const expected: [string, number | null][] = [
    ...([
      ['0', 0],
      ['10', 10],
      ['0x0a', 10],
      ['0X0A', 10],
    ] as [string, number][]),
    ...(['', '00', '+1', '0x', '0b1', '1.0', ' 1', '1\n', '0x1fffffffffffff1', '99999999999999999999'] as string[]).map((value): [string, null] => [
      value,
      null,
    ]),
  ];
  for (const [value, number] of expected) assert.is(parseNumber(value), number, JSON.stringify(value));
});

test('offers that contradict each other are refused', () => {
  assert.throws(() => targetOffers(defaultLimits, { firstBurstLength: 4096, maxBurstLength: 512 }), /exceeds maxBurstLength/);
});

test.run();
