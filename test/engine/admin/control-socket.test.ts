import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ControlClient, ControlSocket } from '../../../engine/admin/control-socket.js';
import { findControlSockets } from '../../../engine/admin/socket-path.js';
import { TargetError } from '../../../engine/errors.js';
import { resolveLimits } from '../../../engine/limits.js';

interface Context {
  folder: string;
  control: ControlSocket;
  defects: unknown[];
}

const LIMITS = resolveLimits({ controlClientCountMax: 3, controlLineBytesMax: 1024 });
/** No process has it: the kernel's own bound on process ids is below. */
const DEAD_PROCESS_ID = 2 ** 22 + 1;

const test = suite<Context>('control socket');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-control-'));
  // For `auto`: only this run's sockets are looked at.
  process.env['XDG_RUNTIME_DIR'] = context.folder;
  context.defects = [];
  context.control = new ControlSocket({ limits: LIMITS, onDefect: (error) => context.defects.push(error) });
  context.control.registerOperation('echo', (params) => params);
});
test.after.each(({ control, folder }) => {
  control.close();
  rmSync(folder, { recursive: true });
});

/** A client that speaks bytes. */
class RawClient {
  readonly socket: Socket;
  #text = '';
  #onText = () => {};
  readonly closed: Promise<void>;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true }).setMaxListeners(0);
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      this.#onText();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.once('end', () => this.socket.end());
      this.socket.once('close', () => resolve());
    });
  }

  async line(): Promise<Record<string, unknown>> {
    while (!this.#text.includes('\n')) {
      await new Promise<void>((resolve, reject) => {
        this.#onText = resolve;
        this.socket.once('close', () => reject(new TargetError('TEST', `closed behind ${JSON.stringify(this.#text)}`)));
      });
    }
    const end = this.#text.indexOf('\n');
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line) as Record<string, unknown>;
  }

  async ask(text: string | Buffer): Promise<Record<string, unknown>> {
    this.socket.write(text);
    return this.line();
  }
}

const request = (operation: string, params: unknown = {}, id: unknown = 1): string => `${JSON.stringify({ id, operation, params })}\n`;
const codeOf = (reply: Record<string, unknown>): unknown => (reply['error'] as { code?: unknown } | undefined)?.code;

test('the socket and its directory belong to their owner alone, and it is gone when closed', async ({ control, folder }) => {
  await control.listen('auto');
  const path = control.path as string;
  assert.is(path, join(folder, 'lunloom', `${process.pid}.sock`));
  assert.is(lstatSync(path).mode & 0o777, 0o600);
  assert.is(lstatSync(join(folder, 'lunloom')).mode & 0o777, 0o700);
  assert.equal(
    findControlSockets().filter((found) => found.startsWith(folder)),
    [path],
  );
  control.close();
  assert.not.ok(existsSync(path));
  assert.is(control.path, null);
  control.close();
});

test('a loose umask of the process changes nothing, and is as it was afterwards', async ({ control, folder }) => {
  const before = process.umask(0);
  try {
    await control.listen(join(folder, 'c.sock'));
    assert.is(lstatSync(join(folder, 'c.sock')).mode & 0o777, 0o600);
    assert.is(process.umask(), 0);
  } finally {
    process.umask(before);
  }
});

test('sockets of dead processes are removed, and nothing else', async ({ control, folder }) => {
  const directory = join(folder, 'lunloom');
  mkdirSync(directory, { mode: 0o700 });
  for (const name of [`${DEAD_PROCESS_ID}.sock`, `${DEAD_PROCESS_ID}-2.sock`, '1.sock', 'notes.txt']) writeFileSync(join(directory, name), '');
  await control.listen('auto');
  assert.equal(readdirSync(directory).sort(), ['1.sock', `${process.pid}.sock`, 'notes.txt'].sort());
});

test('what a process of the same id left is replaced, and two engines of one process have a socket each', async ({ control, folder, defects }) => {
  const directory = join(folder, 'lunloom');
  mkdirSync(directory, { mode: 0o700 });
  // A server that is gone without unlinking: renamed so that closing does not find its path.
  const left = createServer();
  await new Promise<void>((resolve) => left.listen(join(directory, 'left.sock'), resolve));
  symlinkSync(join(directory, 'left.sock'), join(directory, `${process.pid}.sock`));
  await new Promise<void>((resolve) => left.close(() => resolve()));
  await control.listen('auto').then(
    () => assert.unreachable('a link is no socket of ours'),
    (error: TargetError) => assert.is(error.code, 'LISTEN_CONTROL'),
  );
  rmSync(join(directory, `${process.pid}.sock`));
  const [first, second] = [0, 1].map(() => new ControlSocket({ limits: LIMITS, onDefect: (error) => defects.push(error) })) as [ControlSocket, ControlSocket];
  await first.listen('auto');
  await second.listen('auto');
  assert.is(first.path, join(directory, `${process.pid}.sock`));
  assert.is(second.path, join(directory, `${process.pid}-2.sock`));
  first.close();
  second.close();
  assert.equal(readdirSync(directory), []);
});

test('a path that is taken, no socket, too long or nowhere is refused', async ({ control, folder }) => {
  await control.listen(join(folder, 'c.sock'));
  const other = new ControlSocket({ limits: LIMITS, onDefect: () => {} });
  const refusal = async (path: string): Promise<string> => {
    const fresh = new ControlSocket({ limits: LIMITS, onDefect: () => {} });
    return fresh.listen(path).then(
      () => assert.unreachable(`${path} was taken`) as never,
      (error: TargetError) => `${error.code} ${error.message}`,
    );
  };
  assert.match(await refusal(join(folder, 'c.sock')), /LISTEN_CONTROL .* is the control socket of a running target/);
  writeFileSync(join(folder, 'file'), 'precious');
  assert.match(await refusal(join(folder, 'file')), /LISTEN_CONTROL .* is no socket/);
  assert.ok(existsSync(join(folder, 'file')));
  assert.match(await refusal(join(folder, 'x'.repeat(120))), /more than 103 bytes/);
  assert.match(await refusal(join(folder, 'none', 'c.sock')), /LISTEN_CONTROL cannot listen at .*: E[A-Z]+/);
  other.close();
});

test('a directory that others can look into, or a link to one, is not used', async ({ control, folder }) => {
  const directory = join(folder, 'lunloom');
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  await control.listen('auto').then(
    () => assert.not.ok(control.path?.startsWith(folder), 'another directory was found'),
    (error: TargetError) => assert.is(error.code, 'LISTEN_CONTROL'),
  );
  assert.equal(readdirSync(directory), []);
});

test('requests are answered in their order, however they are cut', async ({ control, folder }) => {
  await control.listen(join(folder, 'c.sock'));
  const client = new RawClient(control.path as string);
  assert.equal(await client.ask(request('echo', { a: 1 }, 'x')), { id: 'x', ok: true, result: { a: 1 } });
  assert.equal(await client.ask(`${request('echo', { a: 1 }, 1)}\r\n\n${request('echo', { a: 2 }, 2)}`), { id: 1, ok: true, result: { a: 1 } });
  assert.equal(await client.line(), { id: 2, ok: true, result: { a: 2 } });
  for (const byte of Buffer.from(request('echo', { ä: '…' }, null))) {
    client.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await client.line(), { id: null, ok: true, result: { ä: '…' } });
  assert.equal(await client.ask('{"operation":"echo"}\n'), { id: null, ok: true, result: {} });
  client.socket.destroy();
});

test('garbage is answered with an error, and the connection goes on', async ({ control, folder, defects }) => {
  await control.listen(join(folder, 'c.sock'));
  const client = new RawClient(control.path as string);
  for (const garbage of ['hello', '[]', '42', 'null', '{"operation":7}', '{"operation":"echo","params":[]}', Buffer.of(0xff, 0xfe, 0x00)]) {
    assert.is(codeOf(await client.ask(Buffer.concat([Buffer.from(garbage), Buffer.from('\n')]))), 'CONTROL_BAD_REQUEST', String(garbage));
  }
  const unknown = await client.ask(request('format', {}, 9));
  assert.equal([unknown['id'], unknown['ok'], codeOf(unknown)], [9, false, 'CONTROL_UNKNOWN_OPERATION']);
  for (const name of ['__proto__', 'constructor', 'toString']) assert.is(codeOf(await client.ask(request(name))), 'CONTROL_UNKNOWN_OPERATION');
  assert.is((await client.ask(request('echo')))['ok'], true);
  assert.equal(defects, []);
  client.socket.destroy();
});

test('a line without an end is refused as soon as it is too long, and the client dropped', async ({ control, folder }) => {
  await control.listen(join(folder, 'c.sock'));
  const exact = new RawClient(control.path as string);
  const padded = request('echo').trimEnd().padEnd(LIMITS.controlLineBytesMax, ' ');
  assert.is((await exact.ask(`${padded}\n`))['ok'], true, 'as long as it may be');
  exact.socket.destroy();
  for (const text of ['x'.repeat(LIMITS.controlLineBytesMax + 1), `${padded} \n`, 'x'.repeat(1024 * 1024)]) {
    const client = new RawClient(control.path as string);
    assert.is(codeOf(await client.ask(text)), 'CONTROL_LINE_TOO_LONG');
    await client.closed;
  }
});

test('clients beyond the bound are told so, and make room when they go', async ({ control, folder }) => {
  await control.listen(join(folder, 'c.sock'));
  const clients = Array.from({ length: 3 }, () => new RawClient(control.path as string));
  for (const client of clients) assert.is((await client.ask(request('echo')))['ok'], true);
  const late = new RawClient(control.path as string);
  assert.is(codeOf(await late.line()), 'CONTROL_BUSY');
  await late.closed;
  clients[0]?.socket.destroy();
  while (control.clientCount === 3) await new Promise((resolve) => setTimeout(resolve, 5));
  const next = new RawClient(control.path as string);
  assert.is((await next.ask(request('echo')))['ok'], true);
  for (const client of [...clients, next]) client.socket.destroy();
});

test('a failing operation tells its code, a defect is reported and hidden', async ({ control, folder, defects }) => {
  control.registerOperation('refuse', () => {
    throw new TargetError('PROFILE_BUSY', 'come back later');
  });
  const defect = new TypeError('secret');
  control.registerOperation('break', () => Promise.reject(defect));
  assert.throws(() => control.registerOperation('break', () => {}), /registered twice/);
  await control.listen(join(folder, 'c.sock'));
  const client = new RawClient(control.path as string);
  assert.equal(await client.ask(request('refuse')), { id: 1, ok: false, error: { code: 'PROFILE_BUSY', message: 'come back later' } });
  const failed = await client.ask(request('break'));
  assert.is(codeOf(failed), 'CONTROL_FAILED');
  assert.not.match(JSON.stringify(failed), 'secret');
  assert.equal(defects, [defect]);
  client.socket.destroy();
});

test('who works for a client hears that it has gone, by its end or by the engine’s', async ({ control, folder }) => {
  const seen: ControlClient[] = [];
  control.registerOperation('wait', (_params, client) => {
    seen.push(client);
    return new Promise((resolve) => client.gone.addEventListener('abort', resolve));
  });
  await control.listen(join(folder, 'c.sock'));
  const leaving = new RawClient(control.path as string);
  const staying = new RawClient(control.path as string);
  leaving.socket.write(request('wait'));
  staying.socket.write(request('wait'));
  while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
  leaving.socket.destroy();
  while (seen.every(({ gone }) => !gone.aborted)) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.is(seen.filter(({ gone }) => gone.aborted).length, 1);
  control.close();
  assert.ok(seen.every(({ gone }) => gone.aborted));
  await staying.closed;
});

test.run();
