import type { Workload } from './model.js';

const KIB = 1024;

/**
 * The workloads, in the order in which they run. All addresses are random. iscsi-perf can only read; it draws any logical block as the
 * start of a read, while `core` draws multiples of the transfer length.
 */
export const workloads: readonly Workload[] = [
  read('read-4k-q1', 4 * KIB, 1),
  read('read-4k-q32', 4 * KIB, 32),
  read('read-64k-q32', 64 * KIB, 32),
  { ...write('write-4k-q1', 4 * KIB, 1), runs: 'at-leisure' },
  write('write-4k-q32', 4 * KIB, 32),
  {
    name: 'tur-q1',
    title: 'TEST UNIT READY, 1 outstanding',
    initiator: 'core',
    operation: 'test-unit-ready',
    lengthBytes: 0,
    depth: 1,
    runs: 'always',
  },
  // The same reads asked by the other initiator: tells how much of a figure is the initiator's.
  { ...read('core-read-4k-q1', 4 * KIB, 1), initiator: 'core', runs: 'when-named' },
  { ...read('core-read-4k-q32', 4 * KIB, 32), initiator: 'core', runs: 'when-named' },
  { ...read('core-read-64k-q32', 64 * KIB, 32), initiator: 'core', runs: 'when-named' },
  { ...write('write-64k-q32', 64 * KIB, 32), runs: 'when-named' },
];

function read(name: string, lengthBytes: number, depth: number): Workload {
  return {
    name,
    title: `random ${lengthBytes / KIB} KiB reads, ${depth} outstanding`,
    initiator: 'iscsi-perf',
    operation: 'read',
    lengthBytes,
    depth,
    runs: 'always',
  };
}

function write(name: string, lengthBytes: number, depth: number): Workload {
  return {
    name,
    title: `random ${lengthBytes / KIB} KiB writes, ${depth} outstanding`,
    initiator: 'core',
    operation: 'write',
    lengthBytes,
    depth,
    runs: 'always',
  };
}
