import { TaskManagementFunction } from '../../engine/pdu/index.js';
import type { SeededRandom } from '../support/random.js';
import type { Port } from './nexus-client.js';
import { LUN_COUNT, targetPorts } from './unit-rig.js';

/** Two ports of one host on both target ports, and two other hosts. */
export const ports: readonly Port[] = [
  { initiatorName: 'iqn.2024-01.test:a', isid: '80000000000a', targetPort: 1 },
  { initiatorName: 'iqn.2024-01.test:a', isid: '80000000000a', targetPort: 2 },
  { initiatorName: 'iqn.2024-01.test:b', isid: '80000000000b', targetPort: 1 },
  { initiatorName: 'iqn.2024-01.test:c', isid: '80000000000c', targetPort: 2 },
];

interface Place {
  /** The nexus, by its place in `ports`; nothing happens when it is not logged in. */
  readonly at: number;
  readonly lun: number;
}

interface Flags {
  readonly naca?: boolean;
  readonly aca?: boolean;
}

export interface ControlValues {
  readonly perNexus: boolean;
  readonly descriptorSense: boolean;
  readonly noReleaseAttention: boolean;
  readonly queueError: number;
  readonly writeProtect: boolean;
  readonly tellsAborted: boolean;
}

export type SimpleKind =
  | 'ready'
  | 'sense'
  | 'read'
  | 'beyond'
  | 'write'
  | 'reserve'
  | 'release'
  | 'timestamp'
  | 'start'
  | 'stop'
  | 'eject'
  | 'load'
  | 'inquiry'
  | 'idle'
  | 'standby';

export type UnitOperation =
  | { readonly kind: 'login' | 'logout' | 'drop'; readonly at: number }
  /** The next save of the state directory fails. */
  | { readonly kind: 'restart' | 'failSave' }
  | ({ readonly kind: SimpleKind } & Place & Flags)
  | ({ readonly kind: 'prevent'; readonly isAllowed: boolean } & Place & Flags)
  | ({ readonly kind: 'in'; readonly action: 0 | 1 | 2 | 3 } & Place & Flags)
  | ({ readonly kind: 'out' } & OutFields & Place & Flags)
  | ({ readonly kind: 'open' } & Place)
  | ({ readonly kind: 'data'; readonly which: number } & Place)
  | ({ readonly kind: 'manage'; readonly code: number; readonly which: number } & Place)
  | ({ readonly kind: 'modes'; readonly control: 0 | 2 | 3 } & Place & Flags)
  | ({
      readonly kind: 'select';
      readonly isLong: boolean;
      readonly saves: boolean;
      readonly values: ControlValues | null;
      readonly writeCache: boolean | null;
    } & Place &
      Flags);

export interface OutFields {
  readonly action: number;
  readonly key: number;
  readonly serviceActionKey: number;
  readonly type: number;
  readonly scope: number;
  readonly aptpl: boolean;
  readonly allTargetPorts: boolean;
  /** Places in `ports`. */
  readonly specified: readonly number[] | null;
  readonly destination: number;
  readonly destinationPort: number;
  readonly unregister: boolean;
}

const simpleKinds: readonly SimpleKind[] = [
  ...['ready', 'ready', 'sense', 'sense', 'sense', 'read', 'read', 'write', 'write', 'beyond', 'beyond'],
  ...['reserve', 'release', 'timestamp', 'start', 'stop', 'eject', 'load', 'inquiry', 'idle', 'standby'],
] as SimpleKind[];

const { abortTask, abortTaskSet, clearAca, clearTaskSet, logicalUnitReset, targetWarmReset, targetColdReset } = TaskManagementFunction;
const { queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent } = TaskManagementFunction;
const functions: readonly number[] = [
  ...[abortTask, abortTask, abortTaskSet, abortTaskSet, clearAca, clearAca, clearAca, clearTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset],
  ...[targetColdReset, queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent],
];

const TYPES = [1, 3, 5, 6, 7, 8];
const KEY_COUNT = 3;
const OPERATION_COUNT_MAX = 60;

function oneOf<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}

/** True about once in so many times. */
function oneIn(random: SeededRandom, count: number): boolean {
  return random.below(count) === 0;
}

export function generateUnitOperations(random: SeededRandom): UnitOperation[] {
  const operations: UnitOperation[] = ports.map((_, at) => ({ kind: 'login', at }));
  // What one sequence has much of, another has none of.
  const usesNaca = oneIn(random, 3);
  const usesTasks = random.boolean();
  // Mostly without the conditions of the logins in the way.
  if (!oneIn(random, 4)) {
    for (let lun = 0; lun < LUN_COUNT; lun++) operations.push(...ports.map((_, at): UnitOperation => ({ kind: 'sense', at, lun })));
  }
  const count = 1 + random.below(OPERATION_COUNT_MAX);
  for (let i = 0; i < count; i++) operations.push(generateOne(random, usesNaca, usesTasks));
  return operations;
}

function generateOne(random: SeededRandom, usesNaca: boolean, usesTasks: boolean): UnitOperation {
  const at = random.below(ports.length);
  const place = { at, lun: oneIn(random, 4) ? 1 : 0 };
  const flags: Flags = { ...(usesNaca && oneIn(random, 4) ? { naca: true } : {}), ...(usesNaca && oneIn(random, 4) ? { aca: true } : {}) };
  const dice = random.below(100);
  if (dice < 4) return { kind: oneOf(random, ['login', 'logout', 'drop']), at };
  if (dice < 5) return { kind: random.boolean() ? 'restart' : 'failSave' };
  if (dice < 35) return { kind: 'out', ...generateOut(random, at), ...place, ...flags };
  if (dice < 40) return { kind: 'in', action: oneOf(random, [0, 1, 2, 3]), ...place, ...flags };
  if (dice < 50 && usesTasks) return { kind: 'open', ...place };
  if (dice < 55 && usesTasks) return { kind: 'data', which: random.below(4), ...place };
  if (dice < 64) return { kind: 'manage', code: oneOf(random, functions), which: random.below(4), ...place };
  if (dice < 67) return { kind: 'modes', control: oneOf(random, [0, 2, 3]), ...place, ...flags };
  if (dice < 74) return { kind: 'select', ...generateSelect(random), ...place, ...flags };
  if (dice < 76) return { kind: 'prevent', isAllowed: random.boolean(), ...place, ...flags };
  return { kind: oneOf(random, simpleKinds), ...place, ...flags };
}

/** The key that a nexus mostly has; two of them share one. */
const keyOf = (at: number) => 1 + (at % KEY_COUNT);

/** Mostly what can succeed: a key that nobody has is refused before anything else is looked at. */
function generateOut(random: SeededRandom, at: number): OutFields {
  const action = oneOf(random, [0, 0, 1, 1, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7]);
  const anyKey = random.below(KEY_COUNT + 1);
  const registers = action === 0 || action === 6;
  const target = oneIn(random, 6) ? 0 : keyOf(random.below(ports.length));
  const newKey = oneIn(random, 6) ? 0 : keyOf(at);
  const key = action === 0 && random.boolean() ? 0 : keyOf(at);
  return {
    action,
    key: oneIn(random, 8) ? anyKey : key,
    serviceActionKey: oneIn(random, 8) ? anyKey : registers ? newKey : target,
    type: oneIn(random, 30) ? oneOf(random, [0, 2, 4, 9, 15]) : oneOf(random, TYPES),
    scope: oneIn(random, 40) ? 1 : 0,
    aptpl: oneIn(random, 4),
    allTargetPorts: oneIn(random, 8),
    specified: action === 0 && oneIn(random, 4) ? ports.flatMap((_, each) => (each === at || random.boolean() ? [each] : [])) : null,
    destination: random.below(ports.length),
    destinationPort: oneIn(random, 10) ? 3 : oneOf(random, targetPorts),
    unregister: random.boolean(),
  };
}

function generateSelect(random: SeededRandom) {
  const values: ControlValues = {
    perNexus: oneIn(random, 3),
    descriptorSense: oneIn(random, 3),
    noReleaseAttention: oneIn(random, 3),
    queueError: oneOf(random, [0, 0, 1, 3]),
    writeProtect: oneIn(random, 5),
    tellsAborted: random.boolean(),
  };
  return {
    isLong: random.boolean(),
    saves: oneIn(random, 3),
    values: oneIn(random, 5) ? null : values,
    writeCache: oneIn(random, 3) ? random.boolean() : null,
    fault: oneIn(random, 8) ? oneOf(random, ['page', 'length'] as const) : null,
  };
}
