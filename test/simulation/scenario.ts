import type { LimitName } from '../../engine/limits.js';
import type { TaskReporting } from '../../engine/login/negotiated-parameters.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import type { Digests } from './pdu-cutter.js';
import type { NetworkFaults } from './sim-link.js';

/** What a session negotiates. */
export interface SessionParameters {
  readonly errorRecoveryLevel: number;
  readonly maxConnections: number;
  readonly digests: Digests;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly firstBurstLength: number;
  readonly maxBurstLength: number;
  readonly maxOutstandingR2T: number;
  /** What the initiator takes. */
  readonly maxRecvDataSegmentLength: number;
  /** What the target takes. */
  readonly targetMaxRecvDataSegmentLength: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly taskReporting: TaskReporting;
}

export interface Scenario {
  readonly seed: number;
  readonly parameters: SessionParameters;
  readonly limits: Partial<Record<LimitName, number>>;
  readonly arenaBytes: number;
  readonly faults: NetworkFaults;
  readonly initiatorCount: number;
  /** Of each initiator. */
  readonly commandCount: number;
  readonly depthMax: number;
  /** Commands stay within so many blocks, so that they meet. */
  readonly spanBlocks: number;
  readonly blocksMax: number;
  /** The target keeps little of what it may have to send again. */
  readonly isRetentionSmall: boolean;
}

export interface ScenarioChoices {
  readonly errorRecoveryLevel?: number;
  readonly connectionCount?: number;
}

const LENGTHS = [512, 1024, 1536, 2048, 4096, 8192] as const;

function pick<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}

/** All that a seed decides beforehand. */
export function scenarioOf(seed: number, choices: ScenarioChoices = {}): Scenario {
  const random = seededRandom(seed);
  const anyLevel = random.below(3);
  const anyCount = 1 + random.below(4);
  const errorRecoveryLevel = choices.errorRecoveryLevel ?? anyLevel;
  const connectionCount = choices.connectionCount ?? anyCount;
  const maxBurstLength = pick(random, LENGTHS);
  const digests = { header: random.below(3) === 0, data: random.boolean() };
  const targetMaxRecvDataSegmentLength = pick(random, LENGTHS);
  const isSmall = random.below(4) === 0;
  const isRetentionSmall = errorRecoveryLevel > 0 && random.below(6) === 0;
  return {
    seed,
    isRetentionSmall,
    parameters: {
      errorRecoveryLevel,
      maxConnections: connectionCount,
      digests,
      initialR2T: random.boolean(),
      immediateData: random.boolean(),
      firstBurstLength: Math.min(maxBurstLength, pick(random, LENGTHS)),
      maxBurstLength,
      maxOutstandingR2T: 1 + random.below(4),
      maxRecvDataSegmentLength: pick(random, LENGTHS),
      targetMaxRecvDataSegmentLength,
      dataPDUInOrder: random.below(4) > 0,
      dataSequenceInOrder: random.below(4) > 0,
      taskReporting: pick(random, ['RFC3720', 'RFC3720', 'ResponseFence', 'FastAbort']),
    },
    limits: {
      maxRecvDataSegmentLengthBytes: targetMaxRecvDataSegmentLength,
      commandWindowCountMax: isSmall ? 4 : 32,
      slotCount: isSmall ? 16 : 64,
      dataOutRecoveryMs: 300,
      statusAckMs: 100,
      nopInIntervalMs: 1000,
      nopInAnswerMsMax: 3000,
      sendStallMsMax: 20_000,
      abortedTransferMsMax: 200,
      ...(isRetentionSmall ? { retainedResponseCountMax: 8, retainedBytesMax: 64 * 1024 } : {}),
      sendBacklogBytesMax: pick(random, [64 * 1024, 16 * 1024 * 1024]),
      sendBacklogPduCountMax: pick(random, [16, 4096]),
    },
    arenaBytes: (isSmall ? 4 : 32) * 64 * 1024,
    faults: faultsOf(random, errorRecoveryLevel, digests),
    initiatorCount: random.below(4) === 0 ? 2 : 1,
    commandCount: 10 + random.below(50),
    depthMax: 1 + random.below(16),
    spanBlocks: pick(random, [16, 48, 128]),
    blocksMax: pick(random, [2, 8, 24, 32]),
  };
}

function faultsOf(random: SeededRandom, errorRecoveryLevel: number, digests: Digests): NetworkFaults {
  const hasDigest = digests.header || digests.data;
  const loss = pick(random, [0, 0, 0.01, 0.05, 0.15]);
  const corruption = pick(random, [0, 0.01, 0.05, 0.1]);
  return {
    latencyMsMax: pick(random, [0, 1, 5, 20]),
    splitShare: pick(random, [0, 0.3, 0.9]),
    lossShare: errorRecoveryLevel > 0 ? loss : 0,
    corruptShare: hasDigest ? (errorRecoveryLevel > 0 ? corruption : corruption / 20) : 0,
    resetShare: pick(random, [0, 0.2, 0.7]),
    resetBytesMax: pick(random, [2000, 20_000, 100_000]),
  };
}
