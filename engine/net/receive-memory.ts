import { Socket, type SocketConstructorOpts } from 'node:net';

/** What a socket read from its peer: the first `lengthBytes` of `bytes`, of which `view` shows the same. Valid within the call. */
export type ChunkListener = (bytes: Uint8Array, view: DataView, lengthBytes: number) => void;

/** Of Node's own handle of a socket, published nowhere: what is needed to hand it from one socket to another. */
interface AcceptedSocket {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * One piece of memory that the reads of all connections land in, one after the other: a chunk is used up within the call that
 * brings it. Left to itself Node allocates 64 KiB for every read, and the collector stops the thread for some milliseconds,
 * fifty times a second, to give it back (docs/performance.md).
 */
export class ReceiveMemory {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(lengthBytes: number) {
    this.#bytes = new Uint8Array(lengthBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /**
   * Answers the socket to use in the place of `accepted`, which came from a server with `pauseOnConnect`; it reads once it is resumed.
   * Sockets of `connect` may be given such memory (option `onread`), those of a server not, so the handle moves to a
   * new socket. Where Node has none to move the accepted socket stays, with memory of its own for each chunk.
   */
  attach(accepted: Socket, onChunk: ChunkListener): Socket {
    const holder = accepted as unknown as AcceptedSocket;
    const handle = holder._handle;
    if (typeof handle?.useUserBuffer !== 'function') {
      accepted.on('data', (chunk: Buffer) => onChunk(chunk, new DataView(chunk.buffer, chunk.byteOffset, chunk.length), chunk.length));
      return accepted;
    }
    holder._handle = null;
    const bytes = this.#bytes;
    const view = this.#view;
    const onread = {
      buffer: bytes,
      callback(lengthBytes: number): boolean {
        onChunk(bytes, view, lengthBytes);
        return true;
      },
    };
    const options = { handle, onread, manualStart: true, noDelay: true };
    const socket = new Socket(options as SocketConstructorOpts);
    // Without a handle only the server's count of its connections ends with it.
    accepted.destroy();
    return socket;
  }
}
