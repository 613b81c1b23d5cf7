import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { TargetError } from '../errors.js';

/** Who holds a lock. A process is known by its number and its start, since numbers come again; what of it holds the lock by a name that it chose. */
export interface LockHolder {
  readonly pid: number;
  /** Clock ticks since the boot, field 22 of `/proc/PID/stat`; null where there is no /proc. */
  readonly startTicks: string | null;
  /** `/proc/sys/kernel/random/boot_id`; null where there is none. */
  readonly boot: string | null;
  /** Empty for the process as such. */
  readonly owner: string;
}

const OWNER_ONLY = 0o600;
/** Someone else may take a lock that was left behind first, and leave it behind too. */
const ATTEMPT_COUNT_MAX = 8;
let draftCount = 0;

/**
 * Keeps others out of what belongs to one: a file beside it that names the holder. A lock whose holder is gone, by `kill -9` for one, is taken over, and so is
 * one of the same owner in this process, whose thread has died.
 */
export class StateLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** `path` is that of the lock, `guarded` what it guards, for messages. Throws `TargetError` `STATE_IN_USE`; faults of the file system as they are. */
  static take(path: string, guarded: string, owner = ''): StateLock {
    const draft = `${path}.${process.pid}-${++draftCount}`;
    // With its contents from the start: a link appears whole or not at all.
    writeFileSync(draft, JSON.stringify(holderHere(owner)), { mode: OWNER_ONLY });
    try {
      for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
        if (tryLink(draft, path)) return new StateLock(path);
        const text = readText(path);
        if (text === null) continue;
        const holder = foreignHolderIn(text, owner);
        if (holder !== null) throw inUse(guarded, `by process ${holder.pid}`);
        moveAway(path, text, draft);
      }
    } finally {
      unlinkSync(draft);
    }
    throw inUse(guarded, 'by another engine that starts now');
  }

  /** Who has it, and is not this owner; null when nobody does. */
  static foreignHolder(path: string, owner: string): LockHolder | null {
    return foreignHolderIn(readText(path) ?? '', owner);
  }

  release(): void {
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody removed the directory under us; there is nothing left to be released.
    }
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes away the lock that was left behind, and no other: one that was taken meanwhile is put back. */
function moveAway(path: string, staleText: string, draft: string): void {
  const aside = `${draft}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readText(aside) !== staleText) tryLink(aside, path);
  unlinkSync(aside);
}

function inUse(guarded: string, whom: string): TargetError {
  return new TargetError('STATE_IN_USE', `${guarded} is in use ${whom}; each engine needs one of its own`);
}

function holderHere(owner: string): LockHolder {
  return { pid: process.pid, startTicks: startTicksOf(process.pid), boot: bootId(), owner };
}

function foreignHolderIn(text: string, owner: string): LockHolder | null {
  const holder = parseHolder(text);
  if (holder === null || !isAlive(holder)) return null;
  return owner !== '' && holder.pid === process.pid && holder.owner === owner ? null : holder;
}

function isAlive({ pid, startTicks, boot }: LockHolder): boolean {
  if (boot !== bootId()) return false;
  if (startTicks !== null) return startTicksOf(pid) === startTicks;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const STATE_FIELD = 0;
const START_FIELD = 19;

/** Null when there is no such process, or it has died and only waits to be reaped. */
function startTicksOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name of the program stands in parentheses and may have any letter in it: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /^[ZX]/.test(fields[STATE_FIELD] ?? '') ? null : (fields[START_FIELD] ?? null);
}

function bootId(): string | null {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

function parseHolder(text: string): LockHolder | null {
  try {
    const holder = JSON.parse(text) as Partial<LockHolder> | null;
    if (typeof holder?.pid !== 'number') return null;
    return { pid: holder.pid, startTicks: holder.startTicks ?? null, boot: holder.boot ?? null, owner: holder.owner ?? '' };
  } catch {
    return null;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
