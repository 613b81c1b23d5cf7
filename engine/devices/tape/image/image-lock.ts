import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { imageError } from './image-header.js';

/** Who has an image. A process is known by its number and its start, since numbers come again; a drive of it by its name. */
interface LockHolder {
  readonly pid: number;
  /** Clock ticks since the boot, field 22 of `/proc/PID/stat`; null where there is no /proc. */
  readonly startTicks: string | null;
  readonly boot: string | null;
  readonly owner: string;
}

/** Someone else may take a lock that was left behind first, and leave it behind too. */
const ATTEMPT_COUNT_MAX = 8;
const OWNER_ONLY = 0o600;
let draftCount = 0;

/**
 * Keeps other drives, of this process or of another, from an image: a file beside it that names the holder. One whose process is gone, by `kill -9`
 * for one, is taken over, and so is one of the same drive whose thread died.
 */
export class ImageLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws `TargetError` `TAPE_IMAGE_IN_USE`; faults of the file system as they are. */
  static take(imagePath: string, owner: string): ImageLock {
    const path = lockPath(imagePath);
    const draft = `${path}.${process.pid}-${owner.replace(/[^\w-]/g, '_')}-${++draftCount}`;
    // With its contents from the start: a link appears whole or not at all.
    writeFileSync(draft, JSON.stringify(thisHolder(owner)), { mode: OWNER_ONLY });
    try {
      for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
        if (tryLink(draft, path)) return new ImageLock(path);
        const text = readText(path);
        if (text === null) continue;
        const holder = parseHolder(text);
        if (holder !== null && isAlive(holder) && !isOurs(holder, owner)) throw inUse(imagePath, holder);
        moveAway(path, text, draft);
      }
    } finally {
      unlinkSync(draft);
    }
    throw imageError('TAPE_IMAGE_IN_USE', `the tape image ${imagePath} is being opened by another process`);
  }

  /** For one who only reads: throws when somebody writes. */
  static assertFree(imagePath: string, owner: string): void {
    const holder = parseHolder(readText(lockPath(imagePath)) ?? '');
    if (holder !== null && isAlive(holder) && !isOurs(holder, owner)) throw inUse(imagePath, holder);
  }

  release(): void {
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody removed the folder under us; there is nothing left to be released.
    }
  }
}

function lockPath(imagePath: string): string {
  return `${imagePath}.lock`;
}

function inUse(imagePath: string, { pid }: LockHolder): ReturnType<typeof imageError> {
  const whom = pid === process.pid ? 'another logical unit of this process' : `process ${pid}`;
  return imageError('TAPE_IMAGE_IN_USE', `the tape image ${imagePath} is in use by ${whom}`);
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

function thisHolder(owner: string): LockHolder {
  return { pid: process.pid, startTicks: startTicksOf(process.pid), boot: bootId(), owner };
}

function isOurs(holder: LockHolder, owner: string): boolean {
  return holder.pid === process.pid && holder.owner === owner;
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

const START_FIELD = 19;

/** Null when there is no such process, or it has died and only waits to be reaped. */
function startTicksOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name of the program stands in parentheses and may have any letter in it: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /^[ZX]/.test(fields[0] ?? '') ? null : (fields[START_FIELD] ?? null);
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
