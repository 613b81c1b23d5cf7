import { deepStrictEqual, ok } from 'node:assert';
import { defaultLimits } from '../../engine/limits.js';
import { LoginNegotiation } from '../../engine/login/login-negotiation.js';
import { defaultParameters, targetOffers } from '../../engine/login/negotiated-parameters.js';
import { TextNegotiation } from '../../engine/login/text-negotiation.js';
import { BHS_LENGTH, decodeLoginRequest, decodeTextRequest, LoginStatus, parseTextData, RESERVED_TAG, RejectReason } from '../../engine/pdu/index.js';
import type { FuzzTarget } from './fuzzer.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:disk1';
const INITIATOR_NAME = 'iqn.1993-08.org.debian:01:abcdef';
const LENGTH_BYTES_MAX = 8192;
/** What an initiator that has declared nothing takes. RFC 7143 §13.12. */
const SEGMENT_LENGTH_MAX = 8192;
const ANSWER_COUNT_MAX = 64;
const offers = targetOffers(defaultLimits);

/** One request of an input: a header, the length of its data in two bytes, the data. */
function* requests(input: Uint8Array): Generator<{ view: DataView; data: Uint8Array }> {
  for (let at = 0; at + BHS_LENGTH + 2 <= input.length; ) {
    const view = new DataView(input.buffer, input.byteOffset + at, BHS_LENGTH);
    const from = at + BHS_LENGTH + 2;
    const length = ((input[from - 2] as number) << 8) | (input[from - 1] as number);
    yield { view, data: input.subarray(from, from + length) };
    at = from + length;
  }
}

function request(flags: number, lines: readonly string[], tag = 0x10, transferTag = 0): Buffer {
  const header = Buffer.alloc(BHS_LENGTH);
  header[1] = flags;
  header.set([0x00, 0x02, 0x3d, 0, 0, 1], 8);
  header.writeUInt32BE(tag, 16);
  header.writeUInt32BE(transferTag, 20);
  const data = Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(data.length);
  return Buffer.concat([header, length, data]);
}

const who = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, 'SessionType=Normal'];
const operational = [
  'HeaderDigest=CRC32C,None',
  'DataDigest=None',
  'MaxConnections=4',
  'InitialR2T=No',
  'ImmediateData=Yes',
  'MaxRecvDataSegmentLength=262144',
  'MaxBurstLength=0x100000',
  'FirstBurstLength=65536',
  'DefaultTime2Wait=2',
  'DefaultTime2Retain=20',
  'MaxOutstandingR2T=8',
  'DataPDUInOrder=Yes',
  'DataSequenceInOrder=No',
  'ErrorRecoveryLevel=2',
  'TaskReporting=FastAbort,ResponseFence',
  'iSCSIProtocolLevel=2',
  'OFMarker=No',
  'IFMarkInt=1~2',
  'X-com.example.key=0bAAAA',
];

/** Text that answers carry is text, and no piece is longer than the initiator takes. */
function checkAnswer(data: Uint8Array, isContinued: boolean, segmentLengthMax: number): void {
  ok(data.length <= segmentLengthMax, `an answer of ${data.length} bytes`);
  if (!isContinued && data.length > 0 && data.at(-1) === 0) ok(parseTextData(data) !== null, 'an answer is text');
}

/** The login phase: every request gets one answer, a login fails or goes on or is through, and nothing throws. */
export const loginTarget: FuzzTarget = {
  name: 'login',
  lengthBytesMax: LENGTH_BYTES_MAX,
  seeds: [
    Buffer.concat([request(0x81, [...who, 'AuthMethod=None']), request(0x87, operational)]),
    request(0x87, [...who, ...operational]),
    Buffer.concat([request(0x83, [`InitiatorName=${INITIATOR_NAME}`, 'SessionType=Discovery', 'AuthMethod=CHAP,None']), request(0x87, ['CHAP_A=7,5'])]),
    Buffer.concat([request(0x44, who.slice(0, 1)), request(0x44, who.slice(1)), request(0x87, operational)]),
    Buffer.concat([request(0x04, [...who, 'MaxBurstLength=512']), request(0x04, ['FirstBurstLength=1024']), request(0x87, [])]),
  ],
  run(input) {
    const login = new LoginNegotiation({
      limits: defaultLimits,
      offers,
      authority: {
        discoveryAuthMethods: ['None'],
        findTarget: (name) =>
          name === TARGET_NAME
            ? { kind: 'found', target: { name, portalGroupTag: 1, authMethods: ['None'] } }
            : { kind: 'refused', status: LoginStatus.targetNotFound },
        mayUse: () => true,
      },
      registry: { admit: () => ({ kind: 'admitted', tsih: 9 }) },
    });
    for (const { view, data } of requests(input)) {
      const pdu = decodeLoginRequest(view, 0);
      const { response, data: answer, outcome } = login.receive(pdu, data);
      deepStrictEqual([response.isid, response.initiatorTaskTag], [pdu.isid, pdu.initiatorTaskTag]);
      checkAnswer(answer, response.continue, SEGMENT_LENGTH_MAX);
      ok(!(response.transit && response.continue), 'T and C never stand together');
      deepStrictEqual(outcome.kind === 'failed', response.status !== LoginStatus.success);
      if (outcome.kind === 'failed') {
        ok(!response.transit && !response.continue);
        return;
      }
      if (outcome.kind === 'full-feature') {
        const { firstBurstLength, maxBurstLength, maxRecvDataSegmentLength, maxOutstandingR2T, maxConnections, errorRecoveryLevel } = outcome.parameters;
        ok(firstBurstLength >= 512 && firstBurstLength <= maxBurstLength && maxBurstLength <= 0xff_ffff, 'bursts are in order');
        ok(maxRecvDataSegmentLength >= 512 && maxRecvDataSegmentLength <= 0xff_ffff);
        ok(maxOutstandingR2T >= 1 && maxOutstandingR2T <= offers.maxOutstandingR2T);
        ok(maxConnections >= 1 && maxConnections <= offers.maxConnections);
        ok(errorRecoveryLevel >= 0 && errorRecoveryLevel <= offers.errorRecoveryLevel);
        return;
      }
    }
  },
};

const inventory = {
  list: () =>
    Array.from({ length: 40 }, (_, index) => ({ name: `${TARGET_NAME}-${index}`, portals: [{ address: '192.0.2.1', port: 3260, portalGroupTag: 1 }] })),
  find: (name: string) => inventory.list().find((target) => target.name === name) ?? null,
};

/** Text of the full-feature phase: every request gets one response or one reject, and answers come in pieces the initiator takes. */
export const textTarget: FuzzTarget = {
  name: 'text',
  lengthBytesMax: LENGTH_BYTES_MAX,
  seeds: [
    Buffer.concat([request(0x80, ['SendTargets=All'], 1, RESERVED_TAG), request(0x80, [], 1, 1), request(0x80, [], 1, 2), request(0x80, [], 1, 3)]),
    request(0x80, [`SendTargets=${TARGET_NAME}-3`], 2, RESERVED_TAG),
    Buffer.concat([request(0x40, ['MaxRecvDataSegmentLength=8192'], 3, RESERVED_TAG), request(0x80, ['InitiatorAlias=x'], 3, 1)]),
    request(0x80, ['MaxRecvDataSegmentLength=512', 'X-thing=1', 'MaxBurstLength=4096'], 4, RESERVED_TAG),
  ],
  run(input) {
    const sessionType = (input[2] ?? 0) % 2 === 0 ? 'discovery' : 'normal';
    const parameters = { ...defaultParameters(), initiatorName: INITIATOR_NAME, sessionType, maxRecvDataSegmentLength: 512, targetName: TARGET_NAME } as const;
    const text = new TextNegotiation({ limits: defaultLimits, offers, parameters, inventory });
    let answerCount = 0;
    for (const { view, data } of requests(input)) {
      const pdu = decodeTextRequest(view, 0);
      const segmentLengthMax = text.parameters.maxRecvDataSegmentLength;
      const step = text.receive(pdu, data);
      if (step.kind === 'reject') {
        ok(Object.values(RejectReason).includes(step.reason as never), `reject reason ${step.reason}`);
        continue;
      }
      checkAnswer(step.data, step.response.continue, segmentLengthMax);
      ok(!(step.response.final && step.response.continue), 'F and C never stand together');
      ok(!step.response.final || pdu.final, 'F answers F only');
      deepStrictEqual(step.response.final, step.response.targetTransferTag === RESERVED_TAG);
      if (++answerCount > ANSWER_COUNT_MAX) return;
    }
  },
};
