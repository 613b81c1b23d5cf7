import { assert } from '../../../engine/errors.js';
import { defaultLimits } from '../../../engine/limits.js';
import { LoginNegotiation, type LoginOptions, targetOffers } from '../../../engine/login/index.js';
import { encodeTextData, type LoginRequestPdu, LoginStage, parseTextData } from '../../../engine/pdu/index.js';
import type { MicroCase } from '../model.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench';

/** What libiscsi sends in its two requests. */
const securityText = encodeTextData([
  ['InitiatorName', 'iqn.2007-10.com.github:sahlberg:libiscsi:bench'],
  ['TargetName', TARGET_NAME],
  ['SessionType', 'Normal'],
  ['AuthMethod', 'None'],
]);
const operationalText = encodeTextData([
  ['HeaderDigest', 'None,CRC32C'],
  ['DataDigest', 'None'],
  ['InitialR2T', 'No'],
  ['ImmediateData', 'Yes'],
  ['MaxBurstLength', '262144'],
  ['FirstBurstLength', '262144'],
  ['MaxRecvDataSegmentLength', '262144'],
  ['DataPDUInOrder', 'Yes'],
  ['DataSequenceInOrder', 'Yes'],
  ['DefaultTime2Wait', '2'],
  ['DefaultTime2Retain', '0'],
  ['IFMarker', 'No'],
  ['OFMarker', 'No'],
  ['MaxConnections', '1'],
  ['MaxOutstandingR2T', '1'],
  ['ErrorRecoveryLevel', '0'],
]);

const options: LoginOptions = {
  limits: defaultLimits,
  offers: targetOffers(defaultLimits),
  authority: {
    discoveryAuthMethods: ['None'],
    findTarget: () => ({ kind: 'found', target: { name: TARGET_NAME, portalGroupTag: 1, authMethods: ['None'] } }),
    mayUse: () => true,
  },
  registry: { admit: () => ({ kind: 'admitted', tsih: 1 }) },
};

function request(currentStage: number, nextStage: number): LoginRequestPdu {
  return {
    transit: true,
    continue: false,
    currentStage,
    nextStage,
    isid: '00023d000001',
    tsih: 0,
    initiatorTaskTag: 1,
    versionMax: 0,
    versionMin: 0,
    cid: 0,
    cmdSN: 1,
    expStatSN: 0,
  };
}
const securityRequest = request(LoginStage.securityNegotiation, LoginStage.loginOperationalNegotiation);
const operationalRequest = request(LoginStage.loginOperationalNegotiation, LoginStage.fullFeaturePhase);

/** Both requests through a new negotiation; the length of the last answer. */
function logIn(): number {
  const login = new LoginNegotiation(options);
  login.receive(securityRequest, securityText);
  const { outcome, data } = login.receive(operationalRequest, operationalText);
  assert(outcome.kind === 'full-feature', 'the login of the bench does not end in the full-feature phase');
  return data.length;
}

export const loginCases: readonly MicroCase[] = [
  {
    name: 'login/text-parse',
    title: 'parse 16 keys of login text',
    open: () => ({
      run(count) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += parseTextData(operationalText)?.length ?? 0;
        return sum;
      },
    }),
  },
  {
    name: 'login/text-encode',
    title: 'encode 16 keys of login text',
    open() {
      const pairs = parseTextData(operationalText) ?? [];
      return {
        run(count) {
          let sum = 0;
          for (let i = 0; i < count; i++) sum += encodeTextData(pairs).length;
          return sum;
        },
      };
    },
  },
  {
    name: 'login/negotiation',
    title: 'a whole login: two requests, 20 keys',
    open: () => ({
      run(count) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += logIn();
        return sum;
      },
    }),
  },
];
