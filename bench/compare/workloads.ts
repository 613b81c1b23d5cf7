import type { InitiatorName, Operation, Workload } from './model.js';

const KIB = 1024;
const DEPTHS = [1, 8, 32, 128] as const;
const SEQUENTIAL_KIB = [64, 256, 1024] as const;
const SEQUENTIAL_DEPTH = 8;
const SESSION_COUNTS = [1, 4, 16, 64] as const;
const SESSION_DEPTH = 8;

const prefixes: Readonly<Record<InitiatorName, string>> = { 'iscsi-perf': '', core: '', fio: 'fio-', 'qemu-img': 'qemu-' };
const nouns: Readonly<Record<Operation, string>> = { read: 'reads', write: 'writes', mixed: 'reads and writes, 70:30', 'test-unit-ready': 'TEST UNIT READY' };

interface Shape extends Partial<Pick<Workload, 'isSequential' | 'sessionCount' | 'digests' | 'mediumKind' | 'initiator' | 'runs' | 'name'>> {}

/** iscsi-perf reads; what it cannot do is asked by `core`. Rows run unless the bench is to be quick. */
function row(operation: Operation, lengthBytes: number, depth: number, shape: Shape = {}): Workload {
  const { isSequential = false, sessionCount = 1, digests = false, mediumKind = 'memory' } = shape;
  const isForPerf = operation === 'read' && !isSequential && sessionCount === 1 && !digests;
  const initiator = shape.initiator ?? (isForPerf ? 'iscsi-perf' : 'core');
  const size = lengthBytes % KIB === 0 ? `${lengthBytes / KIB}k` : String(lengthBytes);
  const words = [
    isSequential ? 'sequential' : 'random',
    lengthBytes % KIB === 0 ? `${lengthBytes / KIB} KiB` : `${lengthBytes} B`,
    `${nouns[operation]},`,
    `${depth} outstanding`,
    ...(sessionCount > 1 ? [`in each of ${sessionCount} sessions`] : []),
    ...(digests ? ['with digests'] : []),
    ...(mediumKind === 'file' ? ['from a file'] : []),
    ...(mediumKind === 'direct' ? ['from a file with O_DIRECT'] : []),
  ];
  const kind = `${isSequential ? 'seq-' : ''}${digests ? 'digest-' : ''}${mediumKind === 'memory' ? '' : `${mediumKind}-`}`;
  return {
    name: `${prefixes[initiator]}${kind}${operation}-${size}-q${depth}`,
    title: words.join(' '),
    initiator,
    operation,
    lengthBytes,
    depth,
    isSequential,
    sessionCount,
    digests,
    mediumKind,
    runs: 'at-leisure',
    ...shape,
  };
}

const asCore = (workload: Workload): Workload => ({ ...workload, name: `core-${workload.name}`, initiator: 'core' });

/** The rows for which docs/performance.md has aims; `--quick` runs these. */
const reach: ReadonlySet<string> = new Set(['tur-q1', 'read-4k-q1', 'read-4k-q32', 'write-4k-q32', 'mixed-4k-q32', 'read-64k-q32', 'write-64k-q8']);

const rows: readonly Workload[] = [
  { ...row('test-unit-ready', 0, 1, { name: 'tur-q1' }), title: 'TEST UNIT READY, 1 outstanding' },
  ...DEPTHS.map((depth) => row('read', 4 * KIB, depth)),
  ...DEPTHS.map((depth) => row('write', 4 * KIB, depth)),
  ...DEPTHS.map((depth) => row('mixed', 4 * KIB, depth)),
  row('read', 512, 32),
  row('read', 64 * KIB, 32),
  row('write', 64 * KIB, 8),
  // What the seed of this project compared in 2007: `disktest -K8 -B8192 -pL`.
  row('read', 8 * KIB, 8, { isSequential: true }),
  row('write', 8 * KIB, 8, { isSequential: true }),
  ...SEQUENTIAL_KIB.flatMap((kib) => (['read', 'write'] as const).map((operation) => row(operation, kib * KIB, SEQUENTIAL_DEPTH, { isSequential: true }))),
  ...SESSION_COUNTS.map((sessionCount) => row('read', 4 * KIB, SESSION_DEPTH, { sessionCount, initiator: 'core', name: `sessions-${sessionCount}` })),
  row('read', 4 * KIB, 32, { digests: true }),
  row('read', 64 * KIB, 8, { digests: true }),
  row('write', 64 * KIB, 8, { digests: true }),
  ...(['file', 'direct'] as const).flatMap((mediumKind) => [
    row('read', 4 * KIB, 32, { mediumKind }),
    row('write', 4 * KIB, 32, { mediumKind }),
    row('read', 64 * KIB, 32, { mediumKind }),
    row('write', 64 * KIB, 8, { mediumKind }),
  ]),
  ...([1, 32] as const).flatMap((depth) => [row('read', 4 * KIB, depth, { initiator: 'fio' }), row('write', 4 * KIB, depth, { initiator: 'fio' })]),
  row('mixed', 4 * KIB, 32, { initiator: 'fio' }),
  row('read', 64 * KIB, 32, { initiator: 'fio' }),
  ...([1, 32] as const).map((depth) => row('read', 4 * KIB, depth, { initiator: 'qemu-img', isSequential: true })),
  row('write', 4 * KIB, 32, { initiator: 'qemu-img', isSequential: true }),
  // The same reads asked by our own initiator: tells how much of a figure is the initiator's, and has percentiles.
  ...DEPTHS.map((depth) => asCore(row('read', 4 * KIB, depth))),
  asCore(row('read', 64 * KIB, 32)),
  row('write', 64 * KIB, 32, { runs: 'when-named' }),
];

/** The workloads, in the order in which they run. */
export const workloads: readonly Workload[] = rows.map((workload) => (reach.has(workload.name) ? { ...workload, runs: 'always' } : workload));
