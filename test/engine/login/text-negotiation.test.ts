import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { type LimitName, resolveLimits } from '../../../engine/limits.js';
import { defaultParameters, type NegotiatedParameters, targetOffers } from '../../../engine/login/negotiated-parameters.js';
import type { DiscoveredTarget } from '../../../engine/login/send-targets.js';
import { formatTargetAddress } from '../../../engine/login/target-address.js';
import { TextNegotiation, type TextStep } from '../../../engine/login/text-negotiation.js';
import { RESERVED_TAG, RejectReason, type TextRequestPdu } from '../../../engine/pdu/index.js';
import { seededRandom } from '../../support/random.js';
import { INITIATOR_NAME, lines, TARGET_NAME, text } from './login-fixture.js';

const OTHER_NAME = 'iqn.2026-11.io.lunloom:disk2';

const targets: readonly DiscoveredTarget[] = [
  { name: TARGET_NAME, portals: [{ address: '192.0.2.1', port: 3260, portalGroupTag: 1 }] },
  {
    name: OTHER_NAME,
    portals: [
      { address: '192.0.2.1', port: 3260, portalGroupTag: 1 },
      { address: '2001:db8::1', port: 3261, portalGroupTag: 2 },
    ],
  },
];

const ALL = [
  `TargetName=${TARGET_NAME}`,
  'TargetAddress=192.0.2.1:3260,1',
  `TargetName=${OTHER_NAME}`,
  'TargetAddress=192.0.2.1:3260,1',
  'TargetAddress=[2001:db8::1]:3261,2',
];

function negotiation(changes: Partial<NegotiatedParameters> = {}, limits: Partial<Record<LimitName, number>> = {}, list = targets): TextNegotiation {
  const resolved = resolveLimits(limits);
  return new TextNegotiation({
    limits: resolved,
    offers: targetOffers(resolved),
    parameters: { ...defaultParameters(), initiatorName: INITIATOR_NAME, ...changes },
    inventory: { list: () => list, find: (name) => list.find((target) => target.name === name) ?? null },
  });
}

const discovery = { sessionType: 'discovery' } as const;
const normal = { sessionType: 'normal', targetName: TARGET_NAME } as const;

function request(changes: Partial<TextRequestPdu> = {}): TextRequestPdu {
  return {
    immediate: true,
    final: true,
    continue: false,
    lunHigh: 0,
    lunLow: 0,
    initiatorTaskTag: 5,
    targetTransferTag: RESERVED_TAG,
    cmdSN: 1,
    expStatSN: 1,
    ...changes,
  };
}

function responseOf(step: TextStep) {
  if (step.kind !== 'response') throw new AssertionFailure(`rejected: ${step.message}`);
  return step;
}

function assertReject(step: TextStep, reason: number): void {
  assert.is(step.kind, 'reject');
  assert.is(step.kind === 'reject' ? step.reason : null, reason);
}

const cases: readonly [name: string, session: Partial<NegotiatedParameters>, line: string, answer: readonly string[]][] = [
  ['All in a discovery session', discovery, 'SendTargets=All', ALL],
  ['a name in a discovery session', discovery, `SendTargets=${OTHER_NAME}`, ALL.slice(2)],
  ['a name in other letters', discovery, `SendTargets=${TARGET_NAME.toUpperCase()}`, ALL.slice(0, 2)],
  ['an unknown name', discovery, 'SendTargets=iqn.2026-11.io.lunloom:none', []],
  ['nothing in a normal session', normal, 'SendTargets=', ALL.slice(0, 2)],
  ['its own name in a normal session', normal, `SendTargets=${TARGET_NAME}`, ALL.slice(0, 2)],
  ['another name in a normal session', normal, `SendTargets=${OTHER_NAME}`, []],
  ['All in a normal session, as libiscsi asks', normal, 'SendTargets=All', ALL.slice(0, 2)],
];

for (const [name, session, line, answer] of cases) {
  test(`SendTargets: ${name} (RFC 7143 Appendix C)`, () => {
    const { response, data, changed } = responseOf(negotiation(session).receive(request(), text(line)));
    assert.equal(lines(data), [...answer]);
    assert.equal([response.final, response.continue, response.targetTransferTag, response.initiatorTaskTag], [true, false, RESERVED_TAG, 5]);
    assert.is(changed, null);
  });
}

for (const line of ['SendTargets=Alle', 'SendTargets=A', 'SendTargets=all', 'SendTargets=']) {
  test(`${line} in a discovery session is rejected`, () => {
    assertReject(negotiation(discovery).receive(request(), text(line)), RejectReason.protocolError);
  });
}

for (const line of ['SendTargetsPlease=All', 'SendTargets=Alle', 'SendTargets=A', 'sENDtARGETS=aLL']) {
  test(`${line} alone in a normal session is rejected, as libiscsi's iSCSISendTargets.Invalid wants`, () => {
    assertReject(negotiation(normal).receive(request(), text(line)), RejectReason.protocolError);
  });
}

test('an unknown key alone is not understood', () => {
  assert.equal(lines(responseOf(negotiation(normal).receive(request(), text('Foo=Bar'))).data), ['Foo=NotUnderstood']);
});

test('keys of login are rejected, unknown ones not understood, in full feature', () => {
  const offered = ['MaxBurstLength=4096', 'HeaderDigest=CRC32C', 'TargetName=iqn.2026-11.io.lunloom:disk2', 'SendTargetsPlease=All', 'IFMarker=No'];
  const { data, changed } = responseOf(negotiation(normal).receive(request(), text(...offered)));
  assert.equal(lines(data), ['MaxBurstLength=Reject', 'HeaderDigest=Reject', 'TargetName=Reject', 'SendTargetsPlease=NotUnderstood', 'IFMarker=Reject']);
  assert.is(changed, null);
});

test('MaxRecvDataSegmentLength may be declared anew, and holds from the end of the negotiation (RFC 7143 §6.4)', () => {
  const texts = negotiation(normal);
  const open = responseOf(texts.receive(request({ final: false }), text('MaxRecvDataSegmentLength=65536')));
  assert.equal([open.response.final, open.changed], [false, null]);
  assert.is(texts.parameters.maxRecvDataSegmentLength, 8192);
  const end = responseOf(texts.receive(request({ targetTransferTag: open.response.targetTransferTag }), text()));
  assert.is(end.changed?.maxRecvDataSegmentLength, 65536);
  assert.is(texts.parameters.maxRecvDataSegmentLength, 65536);
  // A later negotiation is a new one: the key may come again.
  assert.is(responseOf(texts.receive(request(), text('MaxRecvDataSegmentLength=4096'))).changed?.maxRecvDataSegmentLength, 4096);
  const bad = responseOf(texts.receive(request(), text('MaxRecvDataSegmentLength=1')));
  assert.equal([lines(bad.data), bad.changed], [['MaxRecvDataSegmentLength=Reject'], null]);
});

test('a negotiation that is broken off changes nothing', () => {
  const texts = negotiation(normal);
  texts.receive(request({ final: false }), text('MaxRecvDataSegmentLength=65536'));
  assert.is(responseOf(texts.receive(request({ initiatorTaskTag: 6 }), text('X-a=1'))).changed, null);
  assert.is(texts.parameters.maxRecvDataSegmentLength, 8192);
});

test('a key twice, in one text or in two of one negotiation, is a protocol error', () => {
  assertReject(negotiation(normal).receive(request(), text('SendTargets=', 'SendTargets=')), RejectReason.protocolError);
  const texts = negotiation(normal);
  const open = responseOf(texts.receive(request({ final: false }), text('SendTargets=')));
  assertReject(texts.receive(request({ targetTransferTag: open.response.targetTransferTag }), text('SendTargets=')), RejectReason.protocolError);
});

test('a long list goes out in pieces with C set and F clear, each asked for with its tag (RFC 7143 §11.11)', () => {
  const list = Array.from({ length: 200 }, (_, i) => ({
    name: `iqn.2026-11.io.lunloom:disk${i}`,
    portals: [{ address: '192.0.2.1', port: 3260, portalGroupTag: 1 }],
  }));
  const texts = negotiation({ ...discovery, maxRecvDataSegmentLength: 512 }, { loginRoundCountMax: 4 }, list);
  const pieces: Buffer[] = [];
  const tags = new Set<number>();
  let step = responseOf(texts.receive(request(), text('SendTargets=All')));
  while (!step.response.final) {
    assert.equal([step.response.continue, step.data.length], [true, 512]);
    assert.is.not(step.response.targetTransferTag, RESERVED_TAG);
    assert.is(tags.has(step.response.targetTransferTag), false);
    tags.add(step.response.targetTransferTag);
    pieces.push(step.data);
    step = responseOf(texts.receive(request({ targetTransferTag: step.response.targetTransferTag }), Buffer.alloc(0)));
  }
  assert.is(step.response.targetTransferTag, RESERVED_TAG);
  pieces.push(step.data);
  assert.is(lines(Buffer.concat(pieces)).length, 400);
});

test('a tag that is not the one given out, or of another task, is rejected and ends nothing', () => {
  const texts = negotiation(
    { ...discovery, maxRecvDataSegmentLength: 512 },
    {},
    Array.from({ length: 50 }, (_, i) => ({ name: `iqn.2026-11.io.lunloom:${i}`, portals: [] })),
  );
  assertReject(texts.receive(request({ targetTransferTag: 1 }), Buffer.alloc(0)), RejectReason.invalidPduField);
  const { targetTransferTag } = responseOf(texts.receive(request(), text('SendTargets=All'))).response;
  assertReject(texts.receive(request({ targetTransferTag: targetTransferTag + 1 }), Buffer.alloc(0)), RejectReason.invalidPduField);
  assertReject(texts.receive(request({ targetTransferTag, initiatorTaskTag: 6 }), Buffer.alloc(0)), RejectReason.invalidPduField);
  responseOf(texts.receive(request({ targetTransferTag }), Buffer.alloc(0)));
});

test('text instead of an empty request, while our answer is under way, ends the negotiation', () => {
  const texts = negotiation(
    { ...discovery, maxRecvDataSegmentLength: 512 },
    {},
    Array.from({ length: 50 }, (_, i) => ({ name: `iqn.2026-11.io.lunloom:${i}`, portals: [] })),
  );
  const { targetTransferTag } = responseOf(texts.receive(request(), text('SendTargets=All'))).response;
  assertReject(texts.receive(request({ targetTransferTag }), text('X-a=1')), RejectReason.protocolError);
  assertReject(texts.receive(request({ targetTransferTag }), Buffer.alloc(0)), RejectReason.invalidPduField);
});

test('a request with the reserved tag ends the negotiation of the same task and starts anew (RFC 7143 §11.10.4)', () => {
  const texts = negotiation(discovery);
  responseOf(texts.receive(request({ final: false, continue: true }), text('X-a=1')));
  const { data, response } = responseOf(texts.receive(request(), text('SendTargets=All')));
  assert.equal(lines(data), ALL);
  assert.is(response.final, true);
});

test('text cut at any byte into continued requests gives what it gives whole (RFC 7143 §11.10.2)', () => {
  const whole = text('SendTargets=All', 'MaxRecvDataSegmentLength=4096', 'X-a=1');
  const expected = responseOf(negotiation(discovery).receive(request(), whole));
  for (let cut = 0; cut <= whole.length; cut++) {
    const texts = negotiation(discovery);
    const first = responseOf(texts.receive(request({ final: false, continue: true }), whole.subarray(0, cut)));
    assert.equal([first.data.length, first.response.final, first.response.continue], [0, false, false]);
    const last = responseOf(texts.receive(request({ targetTransferTag: first.response.targetTransferTag }), whole.subarray(cut)));
    assert.equal([lines(last.data), last.changed], [lines(expected.data), expected.changed]);
  }
});

test('F with C, no pairs, endless rounds, too much text and too many keys are protocol errors', () => {
  assertReject(negotiation().receive(request({ continue: true }), text('X-a=1')), RejectReason.protocolError);
  assertReject(negotiation().receive(request(), text('=1')), RejectReason.protocolError);
  assertReject(negotiation().receive(request(), text(...Array.from({ length: 129 }, (_, i) => `X-${i}=1`))), RejectReason.protocolError);
  assertReject(
    negotiation({}, { loginTextBytesMax: 8192 }).receive(request({ final: false, continue: true }), Buffer.alloc(8193, 0x61)),
    RejectReason.protocolError,
  );
  const texts = negotiation({}, { loginRoundCountMax: 4 });
  let targetTransferTag = RESERVED_TAG;
  for (let round = 1; round <= 4; round++)
    targetTransferTag = responseOf(texts.receive(request({ final: false, targetTransferTag }), text())).response.targetTransferTag;
  assertReject(texts.receive(request({ final: false, targetTransferTag }), text()), RejectReason.protocolError);
});

test('target addresses: IPv6 in brackets and without zone, mapped IPv4 as IPv4 (RFC 7143 §13.8)', () => {
  const write = (address: string) => formatTargetAddress({ address, port: 3260, portalGroupTag: 1 });
  assert.is(write('10.0.0.1'), '10.0.0.1:3260,1');
  assert.is(write('fe80::1%eth0'), '[fe80::1]:3260,1');
  assert.is(write('::ffff:10.0.0.1'), '10.0.0.1:3260,1');
  assert.is(write('storage.example'), 'storage.example:3260,1');
});

test('any requests in any order: each gives one response or one reject that keep the rules of RFC 7143 §11.11 (500 seeds)', () => {
  const keys = [
    'SendTargets=All',
    'SendTargets=',
    'MaxRecvDataSegmentLength=512',
    'MaxRecvDataSegmentLength=0',
    'InitiatorAlias=me',
    'MaxBurstLength=512',
    'X-a=1',
  ];
  const manyTargets = Array.from({ length: 50 }, (_, index) => ({ name: `iqn.2026-11.io.lunloom:${index}`, portals: [] }));
  let rejectCount = 0;
  for (let seed = 1; seed <= 500; seed++) {
    const random = seededRandom(seed);
    const exchange = negotiation({ ...(random.boolean() ? discovery : normal), maxRecvDataSegmentLength: 512 }, {}, seed % 3 === 0 ? manyTargets : targets);
    let targetTransferTag = RESERVED_TAG;
    for (let round = 0; round < 30; round++) {
      const whole = text(...keys.filter(() => random.below(4) === 0), ...(random.below(20) === 0 ? ['broken'] : []));
      const isContinued = random.below(4) === 0;
      const tag = random.below(8) === 0 ? random.below(5) : targetTransferTag;
      // Cut anywhere, or nothing, as who asks for the rest of an answer has to send.
      const data = random.boolean() ? Buffer.alloc(0) : whole.subarray(0, random.below(4) === 0 ? random.below(whole.length + 1) : whole.length);
      const final = random.boolean();
      const step = exchange.receive(request({ continue: isContinued, final, targetTransferTag: tag, initiatorTaskTag: 5 + random.below(2) }), data);
      const note = `seed ${seed}, round ${round}`;
      if (step.kind === 'reject') {
        rejectCount++;
        assert.ok(step.reason === RejectReason.protocolError || step.reason === RejectReason.invalidPduField, note);
        continue;
      }
      const { response } = step;
      assert.ok(step.data.length <= exchange.parameters.maxRecvDataSegmentLength, note);
      assert.not.ok(response.final && (response.continue || !final), `${note}: F answers F, and never stands with C`);
      assert.is(response.targetTransferTag === RESERVED_TAG, response.final, `${note}: a tag as long as it goes on`);
      assert.not.ok(!response.final && step.changed !== null, `${note}: nothing changes before the end`);
      assert.ok([512, 8192].includes(exchange.parameters.maxRecvDataSegmentLength), note);
      assert.is(exchange.parameters.maxBurstLength, 262144, note);
      targetTransferTag = response.targetTransferTag;
    }
  }
  assert.ok(rejectCount > 500, `${rejectCount} rejects`);
});

test.run();
