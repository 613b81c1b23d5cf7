import { createServer, type Server, type Socket } from 'node:net';
import { assert, TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { LineReader } from './line-reader.js';
import { claimSocketPath, type SocketPathClaim } from './socket-path.js';

/**
 * One line is one JSON document, both ways:
 *
 *     {"id": 1, "operation": "stats", "params": {}}
 *     {"id": 1, "ok": true, "result": …}
 *     {"id": 1, "ok": false, "error": {"code": "CONTROL_UNKNOWN_OPERATION", "message": "…"}}
 *
 * `id` is given back as it came and may be left out, and so may `params`. A client's requests are answered one at a time, in their order.
 */
export interface ControlRequest {
  readonly id: unknown;
  readonly operation: string;
  readonly params: ControlParams;
}
export type ControlParams = Readonly<Record<string, unknown>>;

/** The client of an operation. The same object for all requests of one connection, so that it may key what is kept for it. */
export interface ControlClient {
  /** Aborted when the client has gone or the engine stops: work that only it wanted should end. */
  readonly gone: AbortSignal;
}

/**
 * Answers one request with a value that JSON can carry, now or later. A `TargetError` that it throws reaches the client with its code; any
 * other error is a defect: it is reported and the client is told `CONTROL_FAILED`.
 */
export type ControlHandler = (params: ControlParams, client: ControlClient) => unknown;

export interface ControlSocketOptions {
  readonly limits: Limits;
  readonly onDefect: (error: unknown) => void;
}

/** A Unix socket that only its owner can open, over which a running engine answers a table of operations. */
export class ControlSocket {
  readonly #options: ControlSocketOptions;
  readonly #operations = new Map<string, ControlHandler>();
  readonly #clients = new Set<ControlConnection>();
  #server: Server | null = null;
  #claim: SocketPathClaim | null = null;

  constructor(options: ControlSocketOptions) {
    this.#options = options;
  }

  /** Where it listens, null while it does not. */
  get path(): string | null {
    return this.#claim?.path ?? null;
  }

  get operationNames(): string[] {
    return [...this.#operations.keys()].sort();
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** Adds an operation to the table, before or after `listen`. A name is registered once. */
  registerOperation(name: string, handler: ControlHandler): void {
    assert(!this.#operations.has(name), `the control operation ${name} is registered twice`);
    this.#operations.set(name, handler);
  }

  /**
   * Listens at `where`: a path, or `auto` for a path of its own in this user's directory. Throws `TargetError` `LISTEN_CONTROL` when the
   * path is taken by a living process, is no socket, or cannot be made safely.
   */
  async listen(where: string): Promise<void> {
    assert(this.#server === null, 'a control socket listens once');
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    this.#claim = await claimSocketPath(where, server);
    // Serving initiators is what keeps an engine running, not being asked how it fares.
    server.unref();
    server.on('error', (error) => this.#options.onDefect(error));
  }

  /** Stops listening, removes the socket from the file system and drops its clients. */
  close(): void {
    this.#server?.close();
    this.#claim?.release();
    this.#claim = null;
    for (const client of this.#clients) client.destroy();
  }

  #accept(socket: Socket): void {
    socket.unref();
    socket.on('error', () => socket.destroy());
    const { limits, onDefect } = this.#options;
    if (this.#clients.size >= limits.controlClientCountMax) {
      endWith(socket, replyLine(null, { code: 'CONTROL_BUSY', message: `${this.#clients.size} clients are there already` }), limits.closeLingerMsMax);
      return;
    }
    const client = new ControlConnection(socket, limits, (request) => this.#answer(request, client), onDefect);
    this.#clients.add(client);
    socket.once('close', () => this.#clients.delete(client));
  }

  async #answer(request: ControlRequest, client: ControlClient): Promise<unknown> {
    const handler = this.#operations.get(request.operation);
    if (handler === undefined) {
      throw new TargetError(
        'CONTROL_UNKNOWN_OPERATION',
        `there is no operation ${JSON.stringify(request.operation)}; known: ${this.operationNames.join(', ')}`,
      );
    }
    return handler(request.params, client);
  }
}

interface ReplyError {
  readonly code: string;
  readonly message: string;
}

function replyLine(id: unknown, error: ReplyError): string {
  return `${JSON.stringify({ id: id ?? null, ok: false, error })}\n`;
}

/** Says a last line and forgets what still comes, for a bounded time: a client that writes on would otherwise never read it. */
function endWith(socket: Socket, line: string, lingerMs: number): void {
  socket.end(line);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

/** One client: reads a line, answers it, and reads on when the answer has left, so that nothing queues for who does not read. */
class ControlConnection implements ControlClient {
  readonly #socket: Socket;
  readonly #lines: LineReader;
  readonly #answer: (request: ControlRequest) => Promise<unknown>;
  readonly #onDefect: (error: unknown) => void;
  readonly #gone = new AbortController();
  readonly #lingerMs: number;
  #busy = false;

  constructor(socket: Socket, limits: Limits, answer: (request: ControlRequest) => Promise<unknown>, onDefect: (error: unknown) => void) {
    this.#socket = socket;
    this.#lines = new LineReader(limits.controlLineBytesMax);
    this.#lingerMs = limits.closeLingerMsMax;
    this.#answer = answer;
    this.#onDefect = onDefect;
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.once('close', () => this.#gone.abort());
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  destroy(): void {
    this.#socket.destroy();
    this.#gone.abort();
  }

  #onChunk(chunk: Buffer): void {
    this.#lines.push(chunk);
    if (!this.#busy) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    this.#socket.pause();
    for (let line = this.#lines.next(); line !== null && !this.#socket.destroyed; line = this.#lines.next()) {
      await this.#write(await this.#replyTo(line));
    }
    this.#busy = false;
    if (this.#lines.overflowed) this.#refuseLine();
    else this.#socket.resume();
  }

  /** Where the next line begins is unknown now. */
  #refuseLine(): void {
    const message = `a request may have ${this.#lines.lengthBytesMax} bytes`;
    endWith(this.#socket, replyLine(null, { code: 'CONTROL_LINE_TOO_LONG', message }), this.#lingerMs);
  }

  async #replyTo(line: string): Promise<string> {
    let id: unknown = null;
    try {
      const request = parseRequest(line);
      id = request.id;
      const result = await this.#answer(request);
      return `${JSON.stringify({ id, ok: true, result: result ?? null })}\n`;
    } catch (error) {
      if (error instanceof TargetError) return replyLine(id, { code: error.code, message: error.message });
      this.#onDefect(error);
      return replyLine(id, { code: 'CONTROL_FAILED', message: 'the operation failed; the target has printed why' });
    }
  }

  #write(text: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.write(text, () => resolve());
    });
  }
}

function parseRequest(line: string): ControlRequest {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    throw new TargetError('CONTROL_BAD_REQUEST', 'expected a line of JSON');
  }
  if (!isMapping(raw) || typeof raw['operation'] !== 'string') throw new TargetError('CONTROL_BAD_REQUEST', 'expected {"operation": NAME, "params": {…}}');
  const params = raw['params'] ?? {};
  if (!isMapping(params)) throw new TargetError('CONTROL_BAD_REQUEST', 'expected params to be a mapping');
  return { id: raw['id'] ?? null, operation: raw['operation'], params };
}

function isMapping(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
