import { TargetError } from '../../engine/errors.js';
import { parseIscsiUrl } from '../../initiator/index.js';
import { cFloor, nodeFloor } from './floors.js';
import { istgt } from './istgt.js';
import { type Execution, lunloom } from './lunloom.js';
import type { Contender } from './model.js';
import { tgt } from './tgt.js';

/** Every contender serves as much, so that all of it stays out of the processor's caches alike. */
export const MEDIUM_BYTES = 256 * 1024 * 1024;
/** Whom figures are set beside as the limit. */
export const FLOOR = 'c-floor';
/** Longer than an initiator ever takes for its next command, so that the loop never sleeps within a run. */
const POLL_US = 1000;
const sizeBytes = MEDIUM_BYTES;
const executions: readonly Execution[] = ['inline', 'pool', 'auto'];

/** The contenders, in the order in which they take turns. Those over files run for the workloads of files only. */
export const contenders: readonly Contender[] = [
  lunloom({ execution: 'inline', sizeBytes }),
  lunloom({ execution: 'pool', sizeBytes, runs: 'at-leisure' }),
  lunloom({ execution: 'auto', sizeBytes }),
  lunloom({ execution: 'inline', sizeBytes, pollUs: POLL_US }),
  lunloom({ execution: 'inline', sizeBytes, pollUs: 0, runs: 'at-leisure' }),
  tgt(sizeBytes),
  istgt(sizeBytes),
  nodeFloor(sizeBytes),
  cFloor(sizeBytes),
  ...(['file', 'direct'] as const).flatMap((mediumKind) => [
    ...executions.map((execution) => lunloom({ execution, sizeBytes, mediumKind })),
    tgt(sizeBytes, mediumKind),
  ]),
];

/**
 * A target that somebody else runs, from `NAME=iscsi://host:port/target-name/lun`. Throws `TargetError` `BENCH_USAGE`, or `InitiatorError`
 * for the URL.
 */
export function urlContender(text: string, mayOverwrite: boolean): Contender {
  const match = /^([a-z0-9][a-z0-9._-]*)=(iscsi:.+)$/i.exec(text);
  if (match === null) throw new TargetError('BENCH_USAGE', `--url ${text}: expected NAME=iscsi://host:port/target-name/lun`);
  const [, name, url] = match as unknown as [string, string, string];
  parseIscsiUrl(url);
  return {
    name,
    title: url,
    mediumKind: 'memory',
    runs: 'always',
    programs: [],
    mayOverwrite,
    start: async () => ({ url, pid: null, stop: async () => {} }),
  };
}
