import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { delimiter, IsnsTag, numberAttribute, textAttribute } from '../../../engine/isns/attribute.js';
import { IsnsClient } from '../../../engine/isns/isns-client.js';
import { IsnsFunction } from '../../../engine/isns/message.js';
import type { IsnsRegistration } from '../../../engine/isns/registration.js';
import { resolveLimits } from '../../../engine/limits.js';
import { TestClock } from '../../support/test-clock.js';
import { FakeIsnsServer, type ScriptedAnswer } from './fake-isns-server.js';

const TARGET = 'iqn.2026-11.io.lunloom:a';
const REFRESH_SECONDS = 60;
const LIMITS = resolveLimits({ isnsAnswerMsMax: 1000, isnsRetryMsMax: 8000, isnsAnswerBytesMax: 64 * 1024 });
/** Over loopback it takes well under one. */
const ANSWER_TRAVEL_MS = 50;
const KEY = [textAttribute(IsnsTag.entityIdentifier, 'laboratory'), delimiter];
const NAMED = [...KEY, textAttribute(IsnsTag.entityIdentifier, 'laboratory')];

interface Lab {
  readonly server: FakeIsnsServer;
  readonly client: IsnsClient;
  readonly clock: TestClock;
  readonly notices: string[];
  readonly localAddresses: string[];
  readonly port: number;
}

/** A client and its server; `registration` of no targets is that of a target on loopback only, asked from elsewhere. */
function withClient(name: string, run: (lab: Lab) => Promise<void>, targets: IsnsRegistration['targets'] = [{ name: TARGET, portals: [] }]): void {
  test(name, async () => {
    const server = new FakeIsnsServer();
    server.answer = ({ functionId }) => ({ status: 0, attributes: functionId === IsnsFunction.query ? NAMED : [] });
    const port = await server.listen();
    const clock = new TestClock();
    const notices: string[] = [];
    const localAddresses: string[] = [];
    const client = new IsnsClient({
      server: { host: '127.0.0.1', port },
      refreshSeconds: REFRESH_SECONDS,
      limits: LIMITS,
      clock,
      registrationFrom(localAddress) {
        localAddresses.push(localAddress);
        return { entity: 'laboratory', targets };
      },
      onNotice: (message) => notices.push(message),
    });
    try {
      await run({ server, client, clock, notices, localAddresses, port });
    } finally {
      server.answer = () => ({ status: 0 });
      await client.stop();
      await server.close();
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.unreachable('it did not come to that');
}

const functionsOf = (server: FakeIsnsServer) => server.requests.map(({ functionId }) => functionId);

withClient('a start registers, a stop takes it back', async ({ server, client, localAddresses, notices }) => {
  client.start();
  await until(() => client.state === 'registered');
  assert.equal(localAddresses, ['127.0.0.1']);
  assert.equal([functionsOf(server), server.requests[0]?.replace], [[IsnsFunction.register], true]);
  await client.stop();
  assert.equal(functionsOf(server), [IsnsFunction.register, IsnsFunction.deregister]);
  assert.is(client.state, 'stopped');
  assert.equal(notices, []);
});

withClient('a registration is looked after every refresh, or twice within the period that was granted', async ({ server, client, clock }) => {
  let periodSeconds = 1000;
  server.answer = ({ functionId }) => ({
    status: 0,
    attributes: [...(functionId === IsnsFunction.query ? NAMED : []), numberAttribute(IsnsTag.registrationPeriod, periodSeconds)],
  });
  client.start();
  await until(() => client.state === 'registered');
  clock.advance(REFRESH_SECONDS * 1000 - 1);
  assert.is(server.requests.length, 1);
  periodSeconds = 20;
  clock.advance(1);
  await server.received(2);
  for (let count = 3; count < 6; count++) {
    // The answer is on its way; the clock must not run ahead of it.
    await new Promise((resolve) => setTimeout(resolve, ANSWER_TRAVEL_MS));
    clock.advance((periodSeconds / 2) * 1000 - 1);
    assert.is(server.requests.length, count - 1);
    clock.advance(1);
    await server.received(count);
  }
  assert.equal(functionsOf(server).slice(0, 5), [IsnsFunction.register, ...Array(4).fill(IsnsFunction.query)]);
});

for (const [what, answer] of [
  ['has no such entry', { status: 9 }],
  ['repeats the question and tells nothing', { status: 0, attributes: KEY }],
] as const) {
  withClient(`a server that ${what} when asked is told again`, async ({ server, client, clock, notices }) => {
    client.start();
    await until(() => client.state === 'registered');
    server.answer = ({ functionId }): ScriptedAnswer => (functionId === IsnsFunction.query ? answer : { status: 0 });
    clock.advance(REFRESH_SECONDS * 1000);
    await server.received(3);
    assert.equal(functionsOf(server), [IsnsFunction.register, IsnsFunction.query, IsnsFunction.register]);
    assert.equal([server.connectionCount, notices], [1, []]);
  });
}

withClient('a server that forgets us and hangs up in one breath is tried again', async ({ server, client, clock, notices }) => {
  client.start();
  await until(() => client.state === 'registered');
  server.answer = ({ functionId }): ScriptedAnswer => (functionId === IsnsFunction.query ? 'refuseAndHangUp' : { status: 0 });
  clock.advance(REFRESH_SECONDS * 1000);
  await until(() => client.state === 'connecting');
  clock.advance(1000);
  await until(() => client.state === 'registered');
  assert.is(notices.length, 2);
});

withClient('a server that goes away is tried again after a second, and the targets registered again', async ({ server, client, clock, notices }) => {
  client.start();
  await until(() => client.state === 'registered');
  server.hangUp();
  await until(() => client.state === 'connecting');
  assert.match(notices.join(), /cannot be used: (?:it closed the connection|ECONNRESET); trying again$/);
  clock.advance(999);
  assert.is(server.connectionCount, 1);
  clock.advance(1);
  await until(() => client.state === 'registered');
  assert.equal(functionsOf(server), [IsnsFunction.register, IsnsFunction.register]);
  assert.is(notices.length, 2);
  assert.match(notices[1] ?? '', /the targets are registered/);
});

withClient('the delay grows to its bound, and one complaint is enough', async ({ server, client, clock, notices, port }) => {
  await server.close();
  client.start();
  const delays: number[] = [];
  await until(() => notices.length === 1);
  const replacement = new FakeIsnsServer();
  await replacement.listen(port);
  replacement.answer = () => 'hangUp';
  let waitedMs = 0;
  let seen = 0;
  await until(() => {
    clock.advance(100);
    waitedMs += 100;
    if (replacement.connectionCount > seen) {
      seen = replacement.connectionCount;
      delays.push(waitedMs);
      waitedMs = 0;
    }
    return delays.length === 6;
  });
  await replacement.close();
  // A turn of the loop may pass between a try and our look at it.
  for (const [index, least] of [1000, 2000, 4000, 8000, 8000].entries()) {
    assert.ok((delays[index] ?? 0) >= least - 500 && (delays[index] ?? 0) < least * 2 + 2000, `try ${index} after ${delays[index]} ms`);
  }
  assert.is(notices.length, 1);
});

for (const [what, answer, reason] of [
  ['refuses the registration', { status: 8 }, /refuses the registration: source unauthorized/],
  ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /speaks version/],
  ['hangs up', 'hangUp', /closed the connection|ECONNRESET/],
] as const) {
  withClient(`a server that ${what} is complained of and tried again`, async ({ server, client, clock, notices }) => {
    server.answer = () => answer;
    client.start();
    await until(() => notices.length === 1);
    assert.match(notices[0] ?? '', reason);
    assert.is(client.state, 'connecting');
    server.answer = () => ({ status: 0 });
    clock.advance(1000);
    await until(() => client.state === 'registered');
  });
}

withClient('a server that says nothing is given up after isnsAnswerMsMax', async ({ server, client, clock, notices }) => {
  server.answer = () => 'silence';
  client.start();
  await server.received(1);
  clock.advance(999);
  assert.is(client.state, 'connecting');
  assert.equal(notices, []);
  clock.advance(1);
  await until(() => notices.length === 1);
  assert.match(notices[0] ?? '', /it does not answer/);
});

withClient('a stop waits for a silent server no longer than isnsAnswerMsMax', async ({ server, client, clock }) => {
  client.start();
  await until(() => client.state === 'registered');
  server.answer = () => 'silence';
  const stopped = client.stop();
  await server.received(2);
  clock.advance(1000);
  await stopped;
  assert.is(client.state, 'stopped');
});

withClient('a stop while the registration is under way ends at once and tries no more', async ({ server, client, clock }) => {
  server.answer = () => 'silence';
  client.start();
  await server.received(1);
  await client.stop();
  clock.advance(100_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal([server.connectionCount, functionsOf(server)], [1, [IsnsFunction.register]]);
});

withClient(
  'nothing that the server could reach: nothing is registered, and that is said',
  async ({ server, client, notices }) => {
    client.start();
    await until(() => notices.length === 1);
    assert.match(notices[0] ?? '', /^nothing is registered with the iSNS server 127\.0\.0\.1:\d+: it could not reach any portal$/);
    assert.equal([client.state, server.requests.length], ['stopped', 0]);
  },
  [],
);

test.run();
