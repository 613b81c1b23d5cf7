import type { KeyOffers } from './key-negotiation.js';

export type DigestName = 'None' | 'CRC32C';
export type TaskReporting = 'RFC3720' | 'ResponseFence' | 'FastAbort';

/** What to offer for each operational key of RFC 7143 §13, typed; what is left out is offered as `keyTable` says. Lengths in bytes, times in seconds. */
export interface LoginKeys {
  readonly maxConnections?: number;
  readonly initialR2T?: boolean;
  readonly immediateData?: boolean;
  readonly maxRecvDataSegmentLength?: number;
  readonly maxBurstLength?: number;
  readonly firstBurstLength?: number;
  readonly defaultTime2Wait?: number;
  readonly defaultTime2Retain?: number;
  readonly maxOutstandingR2T?: number;
  readonly dataPDUInOrder?: boolean;
  readonly dataSequenceInOrder?: boolean;
  readonly errorRecoveryLevel?: 0 | 1 | 2;
  /** In order of preference. */
  readonly taskReporting?: TaskReporting | readonly TaskReporting[];
  /** iSCSIProtocolLevel: 2 asks for the task management of RFC 7144. */
  readonly protocolLevel?: number;
  readonly initiatorAlias?: string;
}

const keyNames: Readonly<Record<keyof LoginKeys, string>> = {
  maxConnections: 'MaxConnections',
  initialR2T: 'InitialR2T',
  immediateData: 'ImmediateData',
  maxRecvDataSegmentLength: 'MaxRecvDataSegmentLength',
  maxBurstLength: 'MaxBurstLength',
  firstBurstLength: 'FirstBurstLength',
  defaultTime2Wait: 'DefaultTime2Wait',
  defaultTime2Retain: 'DefaultTime2Retain',
  maxOutstandingR2T: 'MaxOutstandingR2T',
  dataPDUInOrder: 'DataPDUInOrder',
  dataSequenceInOrder: 'DataSequenceInOrder',
  errorRecoveryLevel: 'ErrorRecoveryLevel',
  taskReporting: 'TaskReporting',
  protocolLevel: 'iSCSIProtocolLevel',
  initiatorAlias: 'InitiatorAlias',
};
/** Tasks of a lost connection are there to be reassigned only as long as the target keeps them. RFC 7143 §13.16. */
const RECOVERY_TIME2RETAIN_S = 20;

/** A list of values in order of preference, as the wire has it. */
export function listText(values: string | readonly string[]): string {
  return typeof values === 'string' ? values : values.join(',');
}

function valueText(value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  return typeof value === 'number' ? String(value) : listText(value);
}

/** The same as text. */
export function offersOf(keys: LoginKeys): KeyOffers {
  const offers: Record<string, string> = {};
  if (keys.errorRecoveryLevel === 2) offers['DefaultTime2Retain'] = String(RECOVERY_TIME2RETAIN_S);
  for (const [name, key] of Object.entries(keyNames) as [keyof LoginKeys, string][]) {
    const value = keys[name];
    if (value !== undefined) offers[key] = valueText(value);
  }
  return offers;
}
