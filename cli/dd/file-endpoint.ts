import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { TargetError } from '../../engine/errors.js';
import type { CopySink, CopySource } from './endpoint.js';

/** What the system says of a file, in words: `COPY_FILE`. */
function fileFault(what: string, path: string, error: unknown): TargetError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new TargetError('COPY_FILE', `cannot ${what} ${path}: ${code}`, { cause: error });
}

async function guarded<T>(what: string, path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    throw error instanceof TargetError ? error : fileFault(what, path, error);
  }
}

async function closeQuietly(handle: FileHandle): Promise<void> {
  await handle.close().catch(() => {});
}

/** A file, a block device, a pipe or a character device. Rejects with `TargetError` `COPY_FILE`. */
export async function openFileSource(path: string): Promise<CopySource> {
  const handle = await guarded('open', path, () => open(path, 'r'));
  const stat = await handle.stat();
  if (stat.isDirectory()) {
    await closeQuietly(handle);
    throw new TargetError('COPY_FILE', `cannot read ${path}: it is a folder`);
  }
  const isSequential = !stat.isFile() && !stat.isBlockDevice();
  return {
    sizeBytes: stat.isFile() ? stat.size : null,
    isSequential,
    read: (offset, lengthBytes) => guarded('read', path, () => readFully(handle, isSequential ? null : offset, lengthBytes)),
    interrupt() {},
    close: () => closeQuietly(handle),
  };
}

async function readFully(handle: FileHandle, position: number | null, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(lengthBytes);
  let done = 0;
  while (done < lengthBytes) {
    const { bytesRead } = await handle.read(buffer, done, lengthBytes - done, position === null ? null : position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

export interface FileSinkOptions {
  readonly seekBytes: number;
  /** conv=notrunc. */
  readonly keepsRest: boolean;
  readonly isDurable: boolean;
}

/** A file, made or cut at `seekBytes` unless it keeps its rest; or a device or a pipe. Rejects with `TargetError` `COPY_FILE`. */
export async function openFileSink(path: string, options: FileSinkOptions): Promise<CopySink> {
  const flags = constants.O_WRONLY | constants.O_CREAT | (options.isDurable ? constants.O_DSYNC : 0);
  const handle = await guarded('open', path, () => open(path, flags, 0o666));
  const stat = await handle.stat();
  const isFile = stat.isFile();
  const isCut = isFile && !options.keepsRest;
  try {
    if (isCut) await guarded('cut', path, () => handle.truncate(options.seekBytes));
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
  const isSequential = !isFile && !stat.isBlockDevice();
  return {
    sizeBytes: null,
    isSequential,
    alignmentBytes: 1,
    write: (offset, data) => guarded('write', path, () => writeFully(handle, isSequential ? null : offset, data)),
    // Where the file was cut nothing is, which reads as zeros; elsewhere something may be.
    leaveZeros: () => Promise.resolve(isCut),
    finish: (endBytes, flush) =>
      guarded('finish', path, async () => {
        // A hole at the end is not there before the file is as long.
        if (isCut && (await handle.stat()).size < endBytes) await handle.truncate(endBytes);
        if (flush) await handle.sync();
      }),
    close: () => closeQuietly(handle),
  };
}

async function writeFully(handle: FileHandle, position: number | null, data: Buffer): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position === null ? null : position + done);
    done += bytesWritten;
  }
}
