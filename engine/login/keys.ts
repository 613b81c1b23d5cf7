import { LoginStatus } from '../pdu/index.js';
import { nameFromWire, textFromWire } from './iscsi-name.js';
import type { KeyRow } from './key-row.js';
import type { DigestPolicy, NegotiatedParameters, TaskReporting } from './negotiated-parameters.js';
import { Answer, parseNumber, SIMPLE_VALUE_BYTES_MAX } from './text-values.js';

const LENGTH_MIN = 512;
const LENGTH_MAX = 2 ** 24 - 1;
const COUNT_MAX = 65535;
const TIME_SECONDS_MAX = 3600;

const inDiscovery = (parameters: NegotiatedParameters): boolean => parameters.sessionType === 'discovery';

const digestValues: Record<DigestPolicy, readonly string[]> = { accept: ['CRC32C', 'None'], require: ['CRC32C'], refuse: ['None'] };

/**
 * All keys of RFC 7143 §12.1 and §13. The order is the one in which the keys of one request are evaluated: a key stands
 * below those that its relevance or its range hangs on. Answers go out in the order of the offers all the same.
 */
export const keyTable: readonly KeyRow[] = [
  {
    name: 'SessionType',
    clause: 'RFC 7143 §13.21',
    scope: 'session',
    senders: 'initiator',
    // Formally LO, but every connection of a session says again what it joins.
    use: 'initialize-only',
    anyStage: true,
    kind: 'declarative',
    invalidStatus: LoginStatus.sessionTypeNotSupported,
    accept(parameters, value) {
      if (value !== 'Normal' && value !== 'Discovery') return false;
      parameters.sessionType = value === 'Normal' ? 'normal' : 'discovery';
      return true;
    },
  },
  {
    name: 'InitiatorName',
    clause: 'RFC 7143 §13.5',
    scope: 'session',
    senders: 'initiator',
    use: 'initialize-only',
    anyStage: true,
    kind: 'declarative',
    invalidStatus: LoginStatus.initiatorError,
    accept(parameters, value) {
      const name = nameFromWire(value);
      if (name === null) return false;
      parameters.initiatorName = name;
      return true;
    },
  },
  {
    name: 'TargetName',
    clause: 'RFC 7143 §13.4',
    scope: 'session',
    senders: 'initiator',
    use: 'initialize-only',
    anyStage: true,
    kind: 'declarative',
    // What is no iSCSI name can be the name of no target.
    invalidStatus: LoginStatus.targetNotFound,
    accept(parameters, value) {
      const name = nameFromWire(value);
      if (name === null) return false;
      parameters.targetName = name;
      return true;
    },
  },
  {
    name: 'InitiatorAlias',
    clause: 'RFC 7143 §13.7',
    scope: 'session',
    senders: 'initiator',
    use: 'any',
    anyStage: true,
    kind: 'declarative',
    accept(parameters, value) {
      const alias = textFromWire(value);
      if (alias === null) return false;
      parameters.initiatorAlias = alias;
      return true;
    },
  },
  { name: 'TargetAlias', clause: 'RFC 7143 §13.6', scope: 'session', senders: 'target', use: 'any', anyStage: true, kind: 'operation' },
  { name: 'TargetAddress', clause: 'RFC 7143 §13.8', scope: 'session', senders: 'target', use: 'any', anyStage: true, kind: 'operation' },
  {
    name: 'TargetPortalGroupTag',
    clause: 'RFC 7143 §13.9',
    scope: 'session',
    senders: 'target',
    use: 'initialize-only',
    anyStage: true,
    kind: 'operation',
  },
  { name: 'AuthMethod', clause: 'RFC 7143 §12.1', scope: 'connection', senders: 'both', use: 'security', anyStage: true, kind: 'operation' },
  { name: 'SendTargets', clause: 'RFC 7143 §13.3', scope: 'session', senders: 'initiator', use: 'full-feature-only', kind: 'operation' },
  {
    name: 'HeaderDigest',
    clause: 'RFC 7143 §13.1',
    scope: 'connection',
    senders: 'both',
    use: 'initialize-only',
    kind: 'list',
    default: 'None',
    supported: (offers) => digestValues[offers.headerDigest],
    store(parameters, value) {
      parameters.headerDigest = value === 'CRC32C';
    },
  },
  {
    name: 'DataDigest',
    clause: 'RFC 7143 §13.1',
    scope: 'connection',
    senders: 'both',
    use: 'initialize-only',
    kind: 'list',
    default: 'None',
    supported: (offers) => digestValues[offers.dataDigest],
    store(parameters, value) {
      parameters.dataDigest = value === 'CRC32C';
    },
  },
  {
    name: 'MaxRecvDataSegmentLength',
    clause: 'RFC 7143 §13.12',
    scope: 'connection',
    senders: 'both',
    use: 'any',
    kind: 'declarative',
    accept(parameters, value) {
      const length = parseNumber(value);
      if (length === null || length < LENGTH_MIN || length > LENGTH_MAX) return false;
      parameters.maxRecvDataSegmentLength = length;
      return true;
    },
  },
  {
    name: 'MaxConnections',
    clause: 'RFC 7143 §13.2',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'number-min',
    default: 1,
    min: 1,
    max: COUNT_MAX,
    preference: (offers) => offers.maxConnections,
    store(parameters, value) {
      parameters.maxConnections = value;
    },
  },
  {
    name: 'InitialR2T',
    clause: 'RFC 7143 §13.10',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'boolean-or',
    default: true,
    preference: (offers) => offers.initialR2T,
    store(parameters, value) {
      parameters.initialR2T = value;
    },
  },
  {
    name: 'ImmediateData',
    clause: 'RFC 7143 §13.11',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'boolean-and',
    default: true,
    preference: (offers) => offers.immediateData,
    store(parameters, value) {
      parameters.immediateData = value;
    },
  },
  {
    name: 'MaxBurstLength',
    clause: 'RFC 7143 §13.13',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'number-min',
    default: 262144,
    min: LENGTH_MIN,
    max: LENGTH_MAX,
    preference: (offers) => offers.maxBurstLength,
    store(parameters, value) {
      parameters.maxBurstLength = value;
    },
  },
  {
    name: 'FirstBurstLength',
    clause: 'RFC 7143 §13.14',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: (parameters) => inDiscovery(parameters) || (parameters.initialR2T && !parameters.immediateData),
    kind: 'number-min',
    default: 65536,
    min: LENGTH_MIN,
    max: LENGTH_MAX,
    preference: (offers) => offers.firstBurstLength,
    cap: (parameters) => parameters.maxBurstLength,
    store(parameters, value) {
      parameters.firstBurstLength = value;
    },
  },
  {
    name: 'DefaultTime2Wait',
    clause: 'RFC 7143 §13.15',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    kind: 'number-max',
    default: 2,
    min: 0,
    max: TIME_SECONDS_MAX,
    preference: (offers) => offers.defaultTime2Wait,
    store(parameters, value) {
      parameters.defaultTime2Wait = value;
    },
  },
  {
    name: 'DefaultTime2Retain',
    clause: 'RFC 7143 §13.16',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    kind: 'number-min',
    default: 20,
    min: 0,
    max: TIME_SECONDS_MAX,
    preference: (offers) => offers.defaultTime2Retain,
    store(parameters, value) {
      parameters.defaultTime2Retain = value;
    },
  },
  {
    name: 'MaxOutstandingR2T',
    clause: 'RFC 7143 §13.17',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'number-min',
    default: 1,
    min: 1,
    max: COUNT_MAX,
    preference: (offers) => offers.maxOutstandingR2T,
    store(parameters, value) {
      parameters.maxOutstandingR2T = value;
    },
  },
  {
    name: 'DataPDUInOrder',
    clause: 'RFC 7143 §13.18',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'boolean-or',
    default: true,
    preference: (offers) => offers.dataPDUInOrder,
    store(parameters, value) {
      parameters.dataPDUInOrder = value;
    },
  },
  {
    name: 'DataSequenceInOrder',
    clause: 'RFC 7143 §13.19',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'boolean-or',
    default: true,
    preference: (offers) => offers.dataSequenceInOrder,
    store(parameters, value) {
      parameters.dataSequenceInOrder = value;
    },
  },
  {
    name: 'ErrorRecoveryLevel',
    clause: 'RFC 7143 §13.20',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    kind: 'number-min',
    default: 0,
    min: 0,
    max: 2,
    preference: (offers) => offers.errorRecoveryLevel,
    // RFC 7143 §13.21: a discovery session has ErrorRecoveryLevel 0.
    cap: (parameters) => (inDiscovery(parameters) ? 0 : 2),
    store(parameters, value) {
      parameters.errorRecoveryLevel = value;
    },
  },
  {
    name: 'TaskReporting',
    clause: 'RFC 7143 §13.23',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'list',
    default: 'RFC3720',
    supported: (offers) => offers.taskReporting,
    store(parameters, value) {
      // Only what `supported` lists comes here.
      parameters.taskReporting = value as TaskReporting;
    },
  },
  {
    name: 'iSCSIProtocolLevel',
    clause: 'RFC 7143 §13.24',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    irrelevantWhen: inDiscovery,
    kind: 'number-min',
    default: 1,
    min: 0,
    max: 31,
    preference: (offers) => offers.protocolLevel,
    store(parameters, value) {
      parameters.protocolLevel = value;
    },
  },
  // RFC 7143 §13.25: NotUnderstood is not allowed for these. `No` is, for the two booleans, and old initiators take it best.
  { name: 'IFMarker', clause: 'RFC 7143 §13.25', scope: 'connection', senders: 'both', use: 'initialize-only', kind: 'obsolete', answer: 'No' },
  { name: 'OFMarker', clause: 'RFC 7143 §13.25', scope: 'connection', senders: 'both', use: 'initialize-only', kind: 'obsolete', answer: 'No' },
  { name: 'IFMarkInt', clause: 'RFC 7143 §13.25', scope: 'connection', senders: 'both', use: 'initialize-only', kind: 'obsolete', answer: Answer.reject },
  { name: 'OFMarkInt', clause: 'RFC 7143 §13.25', scope: 'connection', senders: 'both', use: 'initialize-only', kind: 'obsolete', answer: Answer.reject },
  {
    // Informational, and never to change what a target does.
    name: 'X#NodeArchitecture',
    clause: 'RFC 7143 §13.26',
    scope: 'session',
    senders: 'both',
    use: 'leading-only',
    kind: 'declarative',
    accept: (_parameters, value) => value.length <= SIMPLE_VALUE_BYTES_MAX,
  },
];

const rowsByName: ReadonlyMap<string, { readonly row: KeyRow; readonly rank: number }> = new Map(keyTable.map((row, rank) => [row.name, { row, rank }]));

/** The row of a key, or undefined. Key names are case-sensitive. */
export function findKey(name: string): KeyRow | undefined {
  return rowsByName.get(name)?.row;
}

/** Where a key stands in the order of evaluation; unknown keys come last. */
export function keyRank(name: string): number {
  return rowsByName.get(name)?.rank ?? keyTable.length;
}
