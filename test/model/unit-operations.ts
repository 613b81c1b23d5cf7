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
      /** A page that is not there, or one that the list cuts off. */
      readonly fault: 'page' | 'length' | null;
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
  times(3, ['sense']),
  times(2, ['ready', 'read', 'write', 'beyond']),
  times(1, ['reserve', 'release', 'timestamp', 'start', 'stop', 'eject', 'load', 'inquiry', 'idle', 'standby']),
].flat() as SimpleKind[];

const { abortTask, abortTaskSet, clearAca, clearTaskSet, logicalUnitReset, targetWarmReset, targetColdReset } = TaskManagementFunction;
const { queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent } = TaskManagementFunction;
const functions: readonly number[] = [
  times(3, [clearAca]),
  times(2, [abortTask, abortTaskSet, clearTaskSet]),
  times(1, [logicalUnitReset, targetWarmReset, targetColdReset, queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent]),
].flat();

function times<T>(count: number, values: readonly T[]): T[] {
  return Array.from({ length: count }, () => values).flat();
}

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

/** What a sequence is mostly about: without a theme few would come to where anything happens. */
const themes = ['reservations', 'tasks', 'all'] as const;
type Theme = (typeof themes)[number];

interface Flavor {
  readonly theme: Theme;
  readonly usesNaca: boolean;
  /** Where most happens. */
  readonly lun: number;
}

export function generateUnitOperations(random: SeededRandom): UnitOperation[] {
  const operations: UnitOperation[] = ports.map((_, at) => ({ kind: 'login', at }));
  const flavor: Flavor = { theme: oneOf(random, themes), usesNaca: oneIn(random, 3), lun: oneIn(random, 3) ? 1 : 0 };
  // Mostly without the conditions of the logins in the way.
  if (!oneIn(random, 4)) {
    for (let lun = 0; lun < LUN_COUNT; lun++) operations.push(...ports.map((_, at): UnitOperation => ({ kind: 'sense', at, lun })));
  }
  if (flavor.theme === 'reservations') operations.push(...generateReserved(random, flavor.lun));
  if (flavor.theme === 'tasks' && random.boolean()) operations.push(selecting(random, { at: random.below(ports.length), lun: flavor.lun }, {}));
  const count = 1 + random.below(OPERATION_COUNT_MAX);
  for (let i = 0; i < count; i++) operations.push(...generateStep(random, flavor));
  return operations;
}

/** Several are registered, and mostly one of them holds the reservation. */
function generateReserved(random: SeededRandom, lun: number): UnitOperation[] {
  const plain = { type: 0, scope: 0, aptpl: oneIn(random, 3), allTargetPorts: false, specified: null, destination: 0, destinationPort: 1, unregister: false };
  const registering = ports.flatMap((_, at): UnitOperation[] =>
    oneIn(random, 4) ? [] : [{ kind: 'out', ...plain, action: 6, key: 0, serviceActionKey: keyOf(at), at, lun }],
  );
  const at = random.below(ports.length);
  if (oneIn(random, 4)) return registering;
  return [...registering, { kind: 'out', ...plain, action: 1, key: keyOf(at), serviceActionKey: 0, type: oneOf(random, TYPES), at, lun }];
}

/** One operation, mostly of a nexus that has taken its unit attentions before: they keep commands from doing anything. */
function generateStep(random: SeededRandom, flavor: Flavor): UnitOperation[] {
  const operation = generateOne(random, flavor);
  if (!('lun' in operation) || operation.kind === 'sense' || operation.kind === 'manage' || random.boolean()) return [operation];
  const { at, lun } = operation;
  return [{ kind: 'sense', at, lun }, { kind: 'sense', at, lun }, operation];
}

function generateOne(random: SeededRandom, { theme, usesNaca, lun }: Flavor): UnitOperation {
  const at = random.below(ports.length);
  const place = { at, lun: oneIn(random, 6) ? 1 - lun : lun };
  const flags: Flags = { ...(usesNaca && oneIn(random, 4) ? { naca: true } : {}), ...(usesNaca && oneIn(random, 4) ? { aca: true } : {}) };
  if (oneIn(random, 25)) return { kind: oneOf(random, ['login', 'logout', 'drop']), at };
  if (oneIn(random, 60)) return { kind: random.boolean() ? 'restart' : 'failSave' };
  if (place.lun === 1 && oneIn(random, 5)) {
    const kind = oneOf(random, ['prevent', 'eject', 'load'] as const);
    return kind === 'prevent' ? { kind, isAllowed: oneIn(random, 4), ...place, ...flags } : { kind, ...place, ...flags };
  }
  const dice = random.below(100);
  if (theme === 'reservations' && dice < 60) return { kind: 'out', ...generateOut(random, at), ...place, ...flags };
  if (theme === 'tasks' && dice < 55) {
    if (dice < 25) return { kind: 'open', ...place };
    if (dice < 32) return { kind: 'data', which: random.below(4), ...place };
    if (dice < 45) return managing(random, place);
    if (dice < 50) return { kind: 'beyond', ...place, ...flags };
    return selecting(random, place, flags);
  }
  const other = random.below(100);
  if (other < 25) return { kind: 'out', ...generateOut(random, at), ...place, ...flags };
  if (other < 32) return { kind: 'in', action: oneOf(random, [0, 1, 2, 3]), ...place, ...flags };
  if (other < 38) return { kind: 'open', ...place };
  if (other < 44) return { kind: 'data', which: random.below(4), ...place };
  if (other < 53) return managing(random, place);
  if (other < 57) return { kind: 'modes', control: oneOf(random, [0, 2, 3]), ...place, ...flags };
  if (other < 65) return selecting(random, place, flags);
  if (other < 69) return { kind: 'prevent', isAllowed: random.boolean(), ...place, ...flags };
  return { kind: oneOf(random, simpleKinds), ...place, ...flags };
}

function managing(random: SeededRandom, place: Place): UnitOperation {
  return { kind: 'manage', code: oneOf(random, functions), which: random.below(4), ...place };
}

function selecting(random: SeededRandom, place: Place, flags: Flags): UnitOperation {
  return { kind: 'select', ...generateSelect(random), ...place, ...flags };
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
