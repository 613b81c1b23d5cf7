import { connect, type Socket } from 'node:net';
import { findControlSockets } from '../engine/admin/socket-path.js';
import { TargetError } from '../engine/errors.js';

/** How long a target may take to answer: its main thread may be in the middle of something long. */
const ANSWER_MS_MAX = 10_000;

interface Reply {
  readonly ok?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/**
 * The socket to ask: the given path, or that of the only target that runs. Throws `TargetError` `CONTROL_USAGE` when none or several do.
 */
export function chooseControlSocket(given: string | undefined, found: readonly string[] = findControlSockets()): string {
  if (given !== undefined) return given;
  const [only, ...others] = found;
  if (only === undefined) throw new TargetError('CONTROL_NO_TARGET', 'no target of this user is running; --control PATH names the socket of another');
  if (others.length === 0) return only;
  throw new TargetError('CONTROL_USAGE', `several targets are running; choose one with --control: ${found.join(' ')}`);
}

/** What a running target says no with: its own code and message. */
export class RefusedByTarget extends TargetError {}

/** A connection to a running target. Requests are answered in their order, one at a time. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #waiting: { readonly resolve: (reply: Reply) => void; readonly reject: (error: TargetError) => void }[] = [];
  #chunks: Buffer[] = [];
  #ended: TargetError | null = null;

  /** Throws `TargetError` `CONTROL_UNREACHABLE`. */
  static async open(path: string): Promise<ControlClient> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new TargetError('CONTROL_UNREACHABLE', `no target answers at ${path}: ${error.code ?? error.message}`)),
      );
    });
    return new ControlClient(socket, path);
  }

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /**
   * The result of an operation. Throws `RefusedByTarget`, and `TargetError` `CONTROL_UNREACHABLE` when it goes away or takes
   * longer than `answerMsMax`.
   */
  async request(operation: string, params: Readonly<Record<string, unknown>> = {}, answerMsMax: number = ANSWER_MS_MAX): Promise<unknown> {
    if (this.#ended !== null) throw this.#ended;
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.setTimeout(answerMsMax, () => this.#end(`the target at ${this.#path} did not answer within ${answerMsMax} ms`));
      this.#socket.write(`${JSON.stringify({ operation, params })}\n`);
    });
    this.#socket.setTimeout(0);
    if (reply.ok === true) return reply.result;
    throw new RefusedByTarget(String(reply.error?.code ?? 'CONTROL_FAILED'), String(reply.error?.message ?? 'the target refused without saying why'));
  }

  close(): void {
    this.#socket.destroy();
  }

  #onChunk(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (!chunk.includes(0x0a)) return;
    const lines = Buffer.concat(this.#chunks).toString('utf8').split('\n');
    this.#chunks = [Buffer.from(lines.pop() ?? '')];
    for (const line of lines) this.#onLine(line);
  }

  #onLine(line: string): void {
    let reply: Reply;
    try {
      reply = JSON.parse(line) as Reply;
    } catch {
      this.#end(`what answers at ${this.#path} is no lunloom target`);
      return;
    }
    this.#waiting.shift()?.resolve(reply);
  }

  #end(message = `the target at ${this.#path} has gone`): void {
    this.#ended ??= new TargetError('CONTROL_UNREACHABLE', message);
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}
