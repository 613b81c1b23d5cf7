import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const HEAD_LENGTH_MAX = 64 * 1024;

/** One connection that went through, with the beginning of what each side said. */
export interface RecordedConnection {
  readonly fromInitiator: Buffer;
  readonly fromTarget: Buffer;
}

export interface RecordingProxy {
  /** `127.0.0.1:41234` */
  readonly portal: string;
  /** Those that have ended or still run, oldest first. */
  readonly connections: readonly RecordedConnection[];
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and hands every connection on to `port`, keeping the first 64 KiB of both directions: to see what a
 * foreign initiator really negotiated.
 */
export async function startRecordingProxy(port: number, host = '127.0.0.1'): Promise<RecordingProxy> {
  const connections: { -readonly [K in keyof RecordedConnection]: RecordedConnection[K] }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((initiator) => {
    const recorded: (typeof connections)[number] = { fromInitiator: Buffer.alloc(0), fromTarget: Buffer.alloc(0) };
    connections.push(recorded);
    const target = connect(port, host);
    relay(initiator, target, (bytes) => {
      recorded.fromInitiator = appendHead(recorded.fromInitiator, bytes);
    });
    relay(target, initiator, (bytes) => {
      recorded.fromTarget = appendHead(recorded.fromTarget, bytes);
    });
    for (const socket of [initiator, target]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { portal: `127.0.0.1:${(server.address() as AddressInfo).port}`, connections, close };
}

function appendHead(head: Buffer, bytes: Buffer): Buffer {
  return head.length >= HEAD_LENGTH_MAX ? head : Buffer.concat([head, bytes.subarray(0, HEAD_LENGTH_MAX - head.length)]);
}

/** When either side goes, the other follows: both halves of one connection live and die together. */
function relay(from: Socket, to: Socket, onBytes: (bytes: Buffer) => void): void {
  from.setNoDelay(true);
  from.on('data', onBytes);
  from.on('error', () => to.destroy());
  from.on('close', () => to.end());
  from.pipe(to);
}
