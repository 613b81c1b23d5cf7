import type { Operation } from '../bench/compare/model.js';

const KIB = 1024;

/** A load under which a target is looked at. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Where the target executes medium commands. */
  readonly execution: 'inline' | 'pool' | 'auto';
  readonly operation: Operation;
  /** Bytes that one command moves. */
  readonly lengthBytes: number;
  /** Commands outstanding at once. */
  readonly depth: number;
  /** Behind `0=` of `--lun`; `{file}` becomes a file in a temporary folder. */
  readonly store: string;
}

const RAM = 'ram:256MiB';

export const scenarios: readonly Scenario[] = [
  scenario('read-4k-1', 'inline', 'read', 4, 1),
  scenario('read-4k-32', 'inline', 'read', 4, 32),
  scenario('write-4k-32', 'inline', 'write', 4, 32),
  scenario('read-64k-32', 'inline', 'read', 64, 32),
  scenario('write-64k-8', 'inline', 'write', 64, 8),
  scenario('pool-read-4k-1', 'pool', 'read', 4, 1),
  scenario('pool-read-4k-32', 'pool', 'read', 4, 32),
  scenario('pool-write-4k-32', 'pool', 'write', 4, 32),
  scenario('pool-read-64k-32', 'pool', 'read', 64, 32),
  { ...scenario('file-read-64k-32', 'pool', 'read', 64, 32, 'file:{file},size=256MiB') },
  { ...scenario('tur-1', 'inline', 'test-unit-ready', 0, 1), title: 'TEST UNIT READY, 1 outstanding, inline' },
];

function scenario(name: string, execution: Scenario['execution'], operation: Operation, kib: number, depth: number, store = RAM): Scenario {
  const title = `random ${kib} KiB ${operation}s, ${depth} outstanding, ${execution}, ${store.split(/[:,]/)[0]}`;
  return { name, title, execution, operation, lengthBytes: kib * KIB, depth, store };
}
