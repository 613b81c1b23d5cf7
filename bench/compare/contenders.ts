import { TargetError } from '../../engine/errors.js';
import { parseIscsiUrl } from '../../initiator/index.js';
import { lunloom } from './lunloom.js';
import type { Contender } from './model.js';
import { tgt } from './tgt.js';

/** Every contender serves as much memory, so that all of it stays out of the caches alike. */
export const MEDIUM_BYTES = 256 * 1024 * 1024;
const STORE = 'ram:256MiB';

/** The contenders, in the order in which they take turns. */
export const contenders: readonly Contender[] = [lunloom('inline', STORE), lunloom('pool', STORE), lunloom('auto', STORE), tgt(MEDIUM_BYTES)];

/**
 * A target that somebody else runs, from `NAME=iscsi://host:port/target-name/lun`. Throws `TargetError` `BENCH_USAGE`, or `InitiatorError`
 * for the URL.
 */
export function urlContender(text: string, mayOverwrite: boolean): Contender {
  const match = /^([a-z0-9][a-z0-9._-]*)=(iscsi:.+)$/i.exec(text);
  if (match === null) throw new TargetError('BENCH_USAGE', `--url ${text}: expected NAME=iscsi://host:port/target-name/lun`);
  const [, name, url] = match as unknown as [string, string, string];
  parseIscsiUrl(url);
  return { name, title: url, programs: [], mayOverwrite, start: async () => ({ url, pid: null, stop: async () => {} }) };
}
