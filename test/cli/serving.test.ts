import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProgramOutput, type TextStream } from '../../cli/program-output.js';
import type { ServedEngine } from '../../cli/served-engine.js';
import { serveUntilStopped } from '../../cli/serving.js';
import type { Clock } from '../../engine/clock.js';
import { readConfigDocument } from '../../engine/config/config-document.js';
import { assert as must, TargetError } from '../../engine/errors.js';

class FakeStream implements TextStream {
  text = '';
  isTTY = false;
  columns = 200;
  #onError: ((error: NodeJS.ErrnoException) => void) | undefined;
  write(text: string): void {
    this.text += text;
  }
  on(_event: 'error', listener: (error: NodeJS.ErrnoException) => void): void {
    this.#onError = listener;
  }
  fail(): void {
    this.#onError?.(Object.assign(new TargetError('TEST', 'broken pipe'), { errno: -32 }));
  }
}

/** A clock that moves only when told. */
class FakeClock implements Clock {
  #nowMicros = 0;
  readonly pending = new Set<() => void>();
  nowMicros(): number {
    return this.#nowMicros;
  }
  after(_delayMs: number, callback: () => void): () => void {
    this.pending.add(callback);
    return () => this.pending.delete(callback);
  }
  second(): void {
    this.#nowMicros += 1_000_000;
    const due = [...this.pending];
    this.pending.clear();
    for (const callback of due) callback();
  }
}

/** Promise.withResolvers, which Node 20 does not have yet. */
function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function bench(options: { json?: boolean; insecure?: boolean; tty?: boolean } = {}) {
  const stdout = new FakeStream();
  const stderr = new FakeStream();
  stdout.isTTY = options.tty ?? false;
  const calls: string[] = [];
  const clock = new FakeClock();
  let listener: ((signal: string) => void) | null = null;
  let commandCount = 0;
  const engine: ServedEngine = {
    portals: [{ address: '127.0.0.1', port: 40000 }],
    describe: () => [
      {
        name: 'iqn.2026-11.io.lunloom:demo',
        luns: [{ lun: 0, store: 'ram', sizeBytes: 4096, blockLengthBytes: 512, readOnly: false, execution: 'auto' }],
      },
    ],
    snapshot: () => {
      commandCount += 1000;
      return { commandCount, readBytes: 0, writeBytes: 0, sessionCount: 2, latencyMicros: { p50: 1, p99: 2, max: 3 } };
    },
    stop: async ({ immediately }) => {
      calls.push(`stop ${immediately}`);
      await opened.promise;
    },
  };
  const opened = deferred<void>();
  const raw = {
    portals: [options.insecure === true ? '0.0.0.0:3260' : '127.0.0.1:0'],
    insecure: options.insecure ?? false,
    targets: [{ name: 'iqn.2026-11.io.lunloom:demo', luns: [{ lun: 0, store: 'ram:4096' }] }],
  };
  const { config } = readConfigDocument(raw, '/');
  must(config !== null, 'the test configuration is right');
  const start = deferred<ServedEngine>();
  const done = serveUntilStopped({
    config,
    json: options.json ?? false,
    version: '1.2.3',
    output: new ProgramOutput(stdout, stderr),
    clock,
    start: () => start.promise,
    onSignal: (given) => {
      listener = given;
      return () => {
        listener = null;
      };
    },
    exitNow: () => calls.push('exit now'),
  });
  return {
    stdout,
    stderr,
    calls,
    clock,
    engine,
    start,
    letStop: opened.resolve,
    done,
    signal: (name: string) => listener?.(name),
    listens: () => listener !== null,
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('--json: ready, stopping and stopped are lines of JSON and nothing else is said', async () => {
  const { stdout, stderr, start, engine, signal, letStop, done } = bench({ json: true, tty: true });
  start.resolve(engine);
  await settled();
  signal('SIGTERM');
  letStop();
  await done;
  const events = stdout.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    events.map(({ event }) => event),
    ['ready', 'stopping', 'stopped'],
  );
  assert.equal(events[0]?.['portals'], ['127.0.0.1:40000']);
  assert.is(events[1]?.['signal'], 'SIGTERM');
  assert.is(stderr.text, '');
});

test('the first signal stops gently, the second ends the process, afterwards signals are not ours', async () => {
  const { calls, stderr, start, engine, signal, letStop, done, listens } = bench();
  start.resolve(engine);
  await settled();
  signal('SIGINT');
  await settled();
  assert.equal(calls, ['stop false']);
  assert.is(stderr.text, 'stopping, again to stop now\n');
  signal('SIGINT');
  assert.equal(calls, ['stop false', 'exit now']);
  letStop();
  await done;
  assert.not.ok(listens());
});

test('a signal while the engine starts stops it as soon as it is up, without calling it ready', async () => {
  const { calls, stdout, start, engine, signal, letStop, done } = bench({ json: true });
  signal('SIGINT');
  assert.equal(calls, []);
  start.resolve(engine);
  letStop();
  await done;
  assert.equal(calls, ['stop false']);
  assert.not.match(stdout.text, 'ready');
});

test('an engine that does not start passes its error on and lets signals go', async () => {
  const { start, done, listens } = bench();
  const error = new TargetError('LISTEN_IN_USE', '127.0.0.1:3260 is in use');
  start.reject(error);
  await done.then(
    () => assert.unreachable('start failed'),
    (reason: unknown) => assert.is(reason, error),
  );
  assert.not.ok(listens());
});

test('on a terminal one line is rewritten each second and left on a line of its own', async () => {
  const { stdout, clock, start, engine, signal, letStop, done } = bench({ tty: true });
  start.resolve(engine);
  await settled();
  const before = stdout.text.length;
  clock.second();
  clock.second();
  signal('SIGINT');
  letStop();
  await done;
  const line = '\r\x1b[2K1,000 IOPS   read 0.0 MB/s   write 0.0 MB/s   p50 1 µs   p99 2 µs   2 sessions';
  assert.is(stdout.text.slice(before), `${line}${line}\n`);
  assert.is(clock.pending.size, 0);
});

test('a terminal that does not know its width gets a line all the same', async () => {
  const { stdout, clock, start, engine, signal, letStop, done } = bench({ tty: true });
  stdout.columns = 0;
  start.resolve(engine);
  await settled();
  clock.second();
  assert.match(stdout.text, '\x1b[2K1,000 IOPS');
  signal('SIGINT');
  letStop();
  await done;
});

test('without a terminal there is the block and no live line', async () => {
  const { stdout, clock, start, engine, signal, letStop, done } = bench();
  start.resolve(engine);
  await settled();
  assert.match(stdout.text, /^Lunloom 1\.2\.3 is ready\n[\s\S]*Ctrl-C stops\.\n$/);
  assert.is(clock.pending.size, 0);
  signal('SIGINT');
  letStop();
  await done;
});

test('a reader that went away does not stop the server', async () => {
  const { stdout, calls, clock, start, engine, signal, letStop, done } = bench({ tty: true });
  start.resolve(engine);
  await settled();
  stdout.fail();
  const before = stdout.text;
  clock.second();
  assert.is(stdout.text, before);
  signal('SIGINT');
  letStop();
  await done;
  assert.equal(calls, ['stop false']);
});

test('an open portal is warned of on stderr', async () => {
  const { stderr, start, engine, signal, letStop, done } = bench({ insecure: true });
  start.resolve(engine);
  signal('SIGINT');
  letStop();
  await done;
  assert.match(stderr.text, /^lunloom: warning: anyone who reaches 0\.0\.0\.0:3260 can read and overwrite every LUN/);
});

test.run();
