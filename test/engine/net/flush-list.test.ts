import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FlushList } from '../../../engine/net/flush-list.js';

class Queue {
  flushCount = 0;
  onFlush: () => void = () => {};
  flush(): void {
    this.flushCount++;
    this.onFlush();
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('what was added is flushed once, and then no more', () => {
  const list = new FlushList();
  const queue = new Queue();
  list.add(queue);
  list.flushAll();
  list.flushAll();
  assert.is(queue.flushCount, 1);
});

test('what flushing lets others send is flushed in the same call', () => {
  const list = new FlushList();
  const [first, second] = [new Queue(), new Queue()];
  first.onFlush = () => {
    if (first.flushCount === 1) list.add(second);
  };
  second.onFlush = () => list.add(first);
  list.add(first);
  list.flushAll();
  assert.equal([first.flushCount, second.flushCount], [2, 1]);
});

test('flushing within a flush leaves nobody out', () => {
  const list = new FlushList();
  const queues = [new Queue(), new Queue(), new Queue()] as const;
  queues[0].onFlush = () => {
    list.add(queues[2]);
    list.flushAll();
  };
  list.add(queues[0]);
  list.add(queues[1]);
  list.flushAll();
  assert.equal(
    queues.map((queue) => queue.flushCount),
    [1, 1, 1],
  );
});

test('flushSoon flushes before the event loop waits, however often it is asked', async () => {
  const list = new FlushList();
  const queue = new Queue();
  list.add(queue);
  list.flushSoon();
  list.flushSoon();
  assert.is(queue.flushCount, 0);
  await nextTurn();
  assert.is(queue.flushCount, 1);
  list.add(queue);
  list.flushSoon();
  await nextTurn();
  assert.is(queue.flushCount, 2, 'and again the next time');
});

test('flushSoon with nothing to flush does not stand in the way of a later one', async () => {
  const list = new FlushList();
  list.flushSoon();
  const queue = new Queue();
  list.add(queue);
  list.flushSoon();
  await nextTurn();
  assert.is(queue.flushCount, 1);
});

test('a queue that throws does not keep the others from being flushed', () => {
  const list = new FlushList();
  const [broken, other] = [new Queue(), new Queue()];
  broken.onFlush = () => {
    throw new TypeError('a defect');
  };
  list.add(broken);
  list.add(other);
  assert.throws(() => list.flushAll(), /a defect/);
  list.flushAll();
  assert.is(other.flushCount, 1, 'the next flush takes it up');
});

test.run();
