import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What a start that is refused may bring and take away again, so that the folders it stands in have another time afterwards. */
const LOCK_SUFFIX = '.lock';
const LOCK_NAME = 'lock';

/**
 * Everything below a folder: names, lengths, contents and times of change. Two that are equal say that nobody has written. Folders that locks are put into,
 * the given one and `stores`, have no time in it.
 */
export function snapshotOf(folder: string, stores: readonly string[] = []): string[] {
  const told: string[] = [];
  const walk = (path: string) => {
    const stats = statSync(path, { bigint: true });
    const name = relative(folder, path);
    if (stats.isDirectory()) {
      const isLockable = path === folder || stores.includes(name);
      told.push(`${name}/ ${isLockable ? '' : stats.mtimeNs}`);
      for (const each of readdirSync(path).sort()) if (!each.endsWith(LOCK_SUFFIX) && each !== LOCK_NAME) walk(join(path, each));
    } else {
      told.push(`${name} ${stats.size} ${stats.mtimeNs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
    }
  };
  walk(folder);
  return told;
}
