import type { Socket } from 'node:net';

/**
 * Sends `segments`, one at least, in one `writev`. `onTaken` is called once when the kernel has all of them, within the call when it took them at
 * once, or when they never will be sent because the socket is gone. Segments must not change until then.
 */
export type SegmentWriter = (segments: Uint8Array[], onTaken: () => void) => void;

/** What Node's `Socket` implements of `stream.Writable` for its own use. */
interface WritableInside {
  _write?(segment: Uint8Array, encoding: string, callback: (error?: Error | null) => void): void;
  _writev?(chunks: { chunk: Uint8Array; encoding: string }[], callback: (error?: Error | null) => void): void;
}

type ChunkList = { chunk: Uint8Array; encoding: string }[] & { allBuffers?: boolean };

/**
 * The shortest way to the kernel that `socket` has. `stream.Writable` keeps each segment in a list and calls back a tick later; the methods
 * beneath it, which Node calls when a stream is uncorked, do neither, and there is nothing to keep here: `SendQueue` is the queue.
 */
export function segmentWriterOf(socket: Socket): SegmentWriter {
  const inside = socket as unknown as WritableInside;
  if (typeof inside._write !== 'function' || typeof inside._writev !== 'function') return (segments, onTaken) => writeToStream(socket, segments, onTaken);
  return (segments, onTaken) => {
    const callback = (error?: Error | null) => {
      if (error) socket.destroy();
      onTaken();
    };
    if (segments.length === 1) {
      inside._write?.(segments[0] as Uint8Array, 'buffer', callback);
      return;
    }
    const chunks: ChunkList = segments.map((chunk) => ({ chunk, encoding: 'buffer' }));
    chunks.allBuffers = true;
    inside._writev?.(chunks, callback);
  };
}

function writeToStream(socket: Socket, segments: Uint8Array[], onTaken: () => void): void {
  let taken = false;
  const takenOnce = () => {
    if (!taken) onTaken();
    taken = true;
  };
  const last = segments.length - 1;
  socket.cork();
  for (let i = 0; i < last; i++) socket.write(segments[i] as Uint8Array);
  socket.write(segments[last] as Uint8Array, takenOnce);
  socket.uncork();
  // What the kernel took at once need not be waited for.
  if (socket.writableLength === 0) takenOnce();
}
