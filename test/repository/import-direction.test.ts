import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeFiles, readSource } from './source-files.js';
import { importsOf } from './source-text.js';

/** A module of the engine imports only what stands to its right, so that each can be read and tested without those to its left. */
const layers = ['net', 'loopback', 'session', 'access', 'login', 'task', 'dispatch', 'devices', 'scsi', 'store'] as const;
/** A client beside `net`, and the state directory: they know only leaves, and only what puts the parts together knows them. */
const besides = ['isns', 'state'] as const;
/** Anyone may import these. `errors`, `limits`, `clock` and `thread-pool` are files, the others folders. */
const leaves = ['pdu', 'shm', 'metrics', 'limits', 'errors', 'clock', 'thread-pool'] as const;
/** They set up and watch the others, so they see all of them; to the others they are only types. */
const controlPlane = ['config', 'admin', 'units'] as const;

const ENGINE_ROOT = 'root';
/** What an initiator shares with the target besides the leaves: how a stream is cut, and the standards' code numbers. */
const SHARED_WITH_INITIATOR = ['engine/net/receive-cursor.ts', 'engine/scsi/status.ts', 'engine/scsi/sense-codes.ts'];
const PASSTHROUGH = /passthrough/;

/** What the folder `engine/<area>` may import of the engine. */
function allowedOf(area: string): readonly string[] {
  if (area === ENGINE_ROOT || (controlPlane as readonly string[]).includes(area)) return [...layers, ...besides, ...leaves, ...controlPlane, ENGINE_ROOT];
  if ((besides as readonly string[]).includes(area)) return [area, ...leaves];
  if ((leaves as readonly string[]).includes(area)) return leaves;
  const own = [...layers.slice(layers.indexOf(area as (typeof layers)[number])), ...leaves];
  // Kinds of devices read their options as the configuration reads its own, and keep their own state as the state directory does.
  return area === 'devices' ? [...own, 'config', 'state'] : own;
}

/** `engine/net/portal.ts` is in `net`, `engine/limits.ts` is `limits`; other files right below `engine` put the parts together. */
function engineArea(path: string): string {
  const [, first, rest] = path.split('/') as [string, string, string?];
  if (rest !== undefined) return first;
  const file = first.replace(/\.ts$/, '');
  return (leaves as readonly string[]).includes(file) ? file : ENGINE_ROOT;
}

interface Edge {
  readonly from: string;
  /** A path of the repository, or the specifier of a package or a node module. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const edges: readonly Edge[] = codeFiles.flatMap((from) =>
  importsOf(readSource(from)).map(({ specifier, typeOnly }) => {
    const to = specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts') : specifier;
    return { from, to, typeOnly };
  }),
);
const describeEdge = ({ from, to }: Edge) => `${from} imports ${to}`;
const within = (path: string, ...folders: string[]) => folders.some((folder) => path.startsWith(`${folder}/`));

function mustNotImport(from: (path: string) => boolean, isForbidden: (edge: Edge) => boolean): void {
  const faults = edges.filter((edge) => from(edge.from) && isForbidden(edge)).map(describeEdge);
  assert.equal(faults, []);
}

test('there are imports to look at', () => assert.ok(edges.some((edge) => edge.to === 'engine/errors.ts')));

test('every folder of the engine has its place in the order', () => {
  const known = [...layers, ...besides, ...leaves, ...controlPlane, ENGINE_ROOT] as string[];
  const areas = new Set(codeFiles.filter((path) => within(path, 'engine')).map(engineArea));
  assert.equal(
    [...areas].filter((area) => !known.includes(area)),
    [],
  );
});

test('engine: net → session → access → login → task → dispatch → devices → scsi → store, and the leaves', () => {
  mustNotImport(
    (path) => within(path, 'engine'),
    ({ from, to, typeOnly }) => {
      if (!within(to, 'engine')) return false;
      if (typeOnly && (controlPlane as readonly string[]).includes(engineArea(to))) return false;
      return !allowedOf(engineArea(from)).includes(engineArea(to));
    },
  );
});

test('engine: nothing outside of it is imported, but the initiator by the passthrough device', () => {
  mustNotImport(
    (path) => within(path, 'engine'),
    ({ from, to }) => within(to, 'workers', 'cli', 'bench', 'test', 'dashboard') || (within(to, 'initiator') && !PASSTHROUGH.test(from)),
  );
});

test('workers: what executes commands and the leaves, never sockets or sessions', () => {
  const allowed: readonly string[] = ['dispatch', 'devices', 'scsi', 'store', ...leaves];
  mustNotImport(
    (path) => within(path, 'workers'),
    ({ to, typeOnly }) => {
      if (within(to, 'engine')) return !(allowed.includes(engineArea(to)) || (typeOnly && (controlPlane as readonly string[]).includes(engineArea(to))));
      return within(to, 'initiator', 'cli', 'bench', 'test') || /^node:(?:net|tls|dgram|http)/.test(to);
    },
  );
});

test('initiator: the codecs, the leaves and the receive cursor', () => {
  mustNotImport(
    (path) => within(path, 'initiator'),
    ({ to }) => {
      if (within(to, 'engine')) return !SHARED_WITH_INITIATOR.includes(to) && !(leaves as readonly string[]).includes(engineArea(to));
      return within(to, 'workers', 'cli', 'bench', 'test');
    },
  );
});

test('pdu and scsi do no I/O', () => {
  mustNotImport(
    (path) => within(path, 'engine/pdu', 'engine/scsi'),
    ({ to }) => /^node:(?:net|tls|dgram|https?|http2|fs|child_process|worker_threads|cluster)(?:\/|$)/.test(to),
  );
});

test('what ships imports nothing that does not ship', () => {
  mustNotImport(
    (path) => within(path, 'engine', 'workers', 'initiator', 'cli', 'bin'),
    ({ to }) => within(to, 'test', 'bench') || ['uvu', 'uvu/assert', 'tinybench'].includes(to),
  );
});

test('node modules are imported by their `node:` names', () => {
  mustNotImport(
    () => true,
    ({ to }) => builtinModules.includes(to),
  );
});

test.run();
