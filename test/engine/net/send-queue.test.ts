import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FlushList } from '../../../engine/net/flush-list.js';
import { SendQueue } from '../../../engine/net/send-queue.js';
import { BHS_LENGTH, crc32cTables, writeDigest } from '../../../engine/pdu/index.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { FakeNodeSocket, FakeSocket } from './fake-socket.js';

const BLOCK_BYTES = 32 * 1024;
/** Data of PDUs is cut out of this, from any byte on. */
const pool = seededRandom(99).bytes(8 * BLOCK_BYTES);

interface Digests {
  readonly header: boolean;
  readonly data: boolean;
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4);
  writeDigest(crc32cTables(bytes, 0, bytes.length), new DataView(digest.buffer), 0);
  return digest;
}

/** The bytes of one PDU, made without any of the code under test. */
function pduBytes(header: Uint8Array, data: Uint8Array, digests: Digests): Buffer {
  const parts: Uint8Array[] = [header];
  if (digests.header) parts.push(digestOf(header));
  if (data.length > 0) {
    const padded = Buffer.alloc(Math.ceil(data.length / 4) * 4);
    padded.set(data);
    parts.push(padded);
    if (digests.data) parts.push(digestOf(padded));
  }
  return Buffer.concat(parts);
}

/** A queue on a fake socket, and beside it what has to arrive. */
class World {
  readonly socket: FakeSocket;
  readonly flushList = new FlushList();
  drainedCount = 0;
  readonly queue: SendQueue;
  readonly expected: Buffer[] = [];
  expectedLength = 0;
  readonly random: SeededRandom;
  readonly digests: Digests;
  pendingReleaseCount = 0;

  constructor(FakeKind: typeof FakeSocket, seed: number, digests: Digests = { header: false, data: false }) {
    this.socket = new FakeKind();
    this.queue = new SendQueue(this.socket.asSocket, this.flushList, () => this.drainedCount++);
    this.random = seededRandom(seed);
    this.digests = digests;
    this.queue.headerDigest = digests.header;
    this.queue.dataDigest = digests.data;
  }

  send(kind: 'none' | 'copy' | 'view', lengthBytes = 0): Uint8Array {
    const header = this.#cutData(BHS_LENGTH);
    const data = kind === 'none' ? new Uint8Array(0) : this.#cutData(lengthBytes);
    const at = this.queue.begin();
    for (let i = 0; i < BHS_LENGTH; i++) this.queue.view.setUint8(at + i, header[i] as number);
    const memory = new Uint8Array(lengthBytes + 7);
    memory.set(data, 5);
    if (kind === 'none') this.queue.end();
    else if (kind === 'copy') {
      this.queue.endWithCopy(memory, 5, lengthBytes);
      memory.fill(0xee);
    } else this.queue.endWithView(memory, 5, lengthBytes);
    const bytes = pduBytes(header, data, this.digests);
    this.expected.push(bytes);
    this.expectedLength += bytes.length;
    return memory;
  }

  /** Checks that it is called back once, when all that was written before has left; what was lent may change then. */
  release(memory: Uint8Array | null = null, onFlushed: () => void = () => {}): void {
    const until = this.expectedLength;
    let callCount = 0;
    this.pendingReleaseCount++;
    this.queue.releaseAfterFlush({
      onFlushed: () => {
        assert.is(++callCount, 1, 'released once');
        assert.ok(this.socket.arrivedLength >= until, `released when ${this.socket.arrivedLength} of ${until} bytes have left`);
        this.pendingReleaseCount--;
        memory?.fill(0xee);
        onFlushed();
      },
    });
  }

  #cutData(lengthBytes: number): Uint8Array {
    const from = this.random.below(pool.length - lengthBytes);
    return pool.slice(from, from + lengthBytes);
  }

  settle(): void {
    this.flushList.flushAll();
    this.socket.drain();
    this.socket.runCallbacks();
  }

  check(): void {
    for (let round = 0; round < 50 && (this.queue.backlogBytes > 0 || this.pendingReleaseCount > 0); round++) this.settle();
    this.settle();
    assertBytes(this.socket.arrived, Buffer.concat(this.expected));
    assert.is(this.pendingReleaseCount, 0, 'everything was released');
    assert.equal([this.queue.backlogBytes, this.queue.backlogPduCount], [0, 0]);
  }
}

for (const [kind, FakeKind] of [
  ['a socket of Node', FakeNodeSocket],
  ['any stream', FakeSocket],
] as const) {
  for (const digests of [
    { header: false, data: false },
    { header: true, data: false },
    { header: false, data: true },
    { header: true, data: true },
  ]) {
    const name = `header digest ${digests.header ? 'on' : 'off'}, data digest ${digests.data ? 'on' : 'off'}`;
    test(`bytes are exact for every form and length: ${name}: ${kind}`, () => {
      const world = new World(FakeKind, 1, digests);
      world.send('none');
      for (const form of ['copy', 'view'] as const) {
        for (const length of [0, 1, 2, 3, 4, 5, 255, 256, 257, 511, 512, 1023, 4096, BLOCK_BYTES - 60, BLOCK_BYTES, BLOCK_BYTES + 1]) world.send(form, length);
      }
      world.send('none');
      world.check();
    });

    test(`headers that fill block after block: ${name}: ${kind}`, () => {
      const world = new World(FakeKind, 2, digests);
      for (let count = 0; count < 2500; count++) world.send(count % 3 === 0 ? 'copy' : 'none', count % 61);
      world.check();
    });

    test(`any mixture of PDUs, flushes and a kernel that is full at times: ${name}: ${kind}`, () => {
      for (let seed = 1; seed <= 12; seed++) {
        const world = new World(FakeKind, seed, digests);
        const { random, socket } = world;
        const sendAny = (depth: number) => {
          const form = (['none', 'copy', 'view'] as const)[random.below(3)] ?? 'none';
          const memory = world.send(form, random.below(random.below(4) === 0 ? 3 * BLOCK_BYTES : 900));
          if (random.boolean()) world.release(form === 'view' ? memory : null, () => depth < 3 && random.below(3) === 0 && sendAny(depth + 1));
        };
        for (let step = 0; step < 60; step++) {
          const action = random.below(12);
          if (action < 7) sendAny(0);
          else if (action < 9) world.flushList.flushAll();
          else if (action === 9) socket.mode = random.boolean() ? 'open' : 'full';
          else if (action === 10) socket.drain();
          else socket.runCallbacks();
        }
        world.check();
      }
    });
  }

  test(`one flush is one write, whatever it holds: ${kind}`, () => {
    const world = new World(FakeKind, 3);
    for (let count = 0; count < 40; count++) world.send(count % 2 === 0 ? 'view' : 'copy', 700);
    world.flushList.flushAll();
    assert.is(world.socket.writeCount, 1);
    world.check();
  });

  test(`what the kernel took at once is released at once, and the block is used again from its start: ${kind}`, () => {
    const world = new World(FakeKind, 4);
    world.send('none');
    const first = world.queue.begin();
    assert.ok(first > 0);
    world.queue.end();
    let released = false;
    world.queue.releaseAfterFlush({ onFlushed: () => (released = true) });
    world.flushList.flushAll();
    assert.ok(released, 'before any callback of the socket');
    assert.is(world.queue.begin(), 0);
  });

  test(`PDUs begun while what was sent is being released are neither lost nor reordered: ${kind}`, () => {
    for (const mode of ['open', 'full'] as const) {
      const world = new World(FakeKind, 5);
      world.socket.mode = mode;
      let left = 200;
      const again = () => {
        if (left-- <= 0) return;
        const memory = world.send('view', 900);
        world.release(memory, again);
        world.send('none');
      };
      again();
      for (let round = 0; round < 300; round++) world.settle();
      world.check();
      assert.ok(left <= 0);
    }
  });

  test(`backlog counts what waits, flushed or not, in bytes and in PDUs: ${kind}`, () => {
    const world = new World(FakeKind, 6);
    world.socket.mode = 'full';
    world.send('view', 4096);
    world.flushList.flushAll();
    assert.equal([world.queue.backlogBytes, world.queue.backlogPduCount], [4144, 1]);
    world.send('view', 1000);
    world.send('none');
    assert.is(world.queue.backlogPduCount, 3);
    world.flushList.flushAll();
    assert.is(world.queue.backlogBytes, world.expectedLength);
    world.settle();
    assert.is(world.drainedCount, 2, 'told of each flush that left');
    world.check();
  });

  test(`a release with nothing left to send is not kept waiting for the next PDU: ${kind}`, () => {
    const world = new World(FakeKind, 7);
    world.release();
    assert.is(world.pendingReleaseCount, 0, 'nothing was ever written');
    world.socket.mode = 'full';
    world.send('none');
    world.flushList.flushAll();
    world.release();
    assert.is(world.pendingReleaseCount, 1, 'the PDU before it has not left');
    world.settle();
    assert.is(world.pendingReleaseCount, 0);
  });

  test(`closing releases everything, flushed or not, and what comes later at once: ${kind}`, () => {
    const world = new World(FakeKind, 8);
    world.socket.mode = 'full';
    const calls: string[] = [];
    const release = (name: string, then: () => void = () => {}) =>
      world.queue.releaseAfterFlush({
        onFlushed: () => {
          calls.push(name);
          then();
        },
      });
    world.send('view', 5000);
    release('flushed');
    world.flushList.flushAll();
    world.send('view', 5000);
    // A release may answer another command, and close again.
    release('unflushed', () => {
      world.send('none');
      release('within');
      world.queue.close();
    });
    world.queue.close();
    release('after');
    assert.equal(calls, ['flushed', 'unflushed', 'within', 'after']);
    world.queue.close();
    world.socket.drain();
    world.socket.runCallbacks();
    world.flushList.flushAll();
    assert.is(calls.length, 4, 'each once');
    assert.equal([world.queue.backlogBytes, world.queue.backlogPduCount], [0, 0], 'nothing waits any more');
  });
}

async function socketPair(): Promise<{ near: Socket; far: Socket; close: () => void }> {
  const { connect } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const far = connect(port, '127.0.0.1');
  const near = await accepted;
  const close = () => {
    near.destroy();
    far.destroy();
    server.close();
  };
  return { near, far, close };
}

test('over a real socket: views are held until a slow peer has let them leave', async () => {
  const { near, far, close } = await socketPair();
  far.pause();
  const flushList = new FlushList();
  const queue = new SendQueue(near, flushList, () => {});
  const viewBytes = 1024 * 1024;
  const viewCount = 24;
  let releasedCount = 0;
  for (let count = 0; count < viewCount; count++) {
    const memory = new Uint8Array(new SharedArrayBuffer(viewBytes)).fill(count + 1);
    const at = queue.begin();
    for (let i = 0; i < BHS_LENGTH; i++) queue.view.setUint8(at + i, 0xa0 + count);
    queue.endWithView(memory, 0, viewBytes);
    queue.releaseAfterFlush({
      onFlushed: () => {
        releasedCount++;
        memory.fill(0xff);
      },
    });
    flushList.flushAll();
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(releasedCount < viewCount, 'the kernel does not hold all of it');
  assert.ok(queue.backlogBytes > 0);
  let arrived = 0;
  let wrongAt: number | undefined;
  far.on('data', (chunk: Buffer) => {
    for (let i = 0; i < chunk.length; i += 997) {
      const count = Math.floor((arrived + i) / (BHS_LENGTH + viewBytes));
      const inHeader = (arrived + i) % (BHS_LENGTH + viewBytes) < BHS_LENGTH;
      if (chunk[i] !== (inHeader ? 0xa0 + count : count + 1)) wrongAt ??= arrived + i;
    }
    arrived += chunk.length;
  });
  far.resume();
  while (arrived < viewCount * (BHS_LENGTH + viewBytes)) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(wrongAt, undefined, 'the first byte that is not what was lent');
  assert.is(releasedCount, viewCount);
  assert.is(queue.backlogBytes, 0);
  close();
});

test('over a real socket: a peer that goes away releases everything', async () => {
  const { near, far, close } = await socketPair();
  far.pause();
  const flushList = new FlushList();
  const queue = new SendQueue(near, flushList, () => {});
  near.on('error', () => near.destroy());
  const closed = new Promise<void>((resolve) =>
    near.once('close', () => {
      queue.close();
      resolve();
    }),
  );
  let releasedCount = 0;
  for (let count = 0; count < 30; count++) {
    queue.begin();
    queue.endWithView(new Uint8Array(1024 * 1024), 0, 1024 * 1024);
    queue.releaseAfterFlush({ onFlushed: () => releasedCount++ });
    if (count % 2 === 0) flushList.flushAll();
  }
  far.resetAndDestroy();
  await closed;
  assert.is(releasedCount, 30);
  close();
});

test.run();
