import { readSync } from 'node:fs';

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'expected a file, found a directory',
  EACCES: 'the file may not be read (EACCES)',
};

/** Why a file could not be opened or read, for the one who named it. */
export function describeReadFault(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return READ_FAULTS[code] ?? message;
}

/** The first bytes of an open file; pipes and `/dev/stdin` have no size to ask for, so it is read until it ends. */
export function readUpTo(fd: number, lengthBytesMax: number): Buffer {
  const bytes = Buffer.alloc(lengthBytesMax);
  let lengthBytes = 0;
  while (lengthBytes < bytes.length) {
    const count = readSync(fd, bytes, lengthBytes, bytes.length - lengthBytes, null);
    if (count === 0) break;
    lengthBytes += count;
  }
  return bytes.subarray(0, lengthBytes);
}
