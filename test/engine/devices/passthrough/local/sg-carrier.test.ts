import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CarriedCommand, CarriedEnd } from '../../../../../engine/devices/passthrough/carrier.js';
import { SgCarrier, type SgThread } from '../../../../../engine/devices/passthrough/local/sg-carrier.js';
import type { SgCommand, SgOutcome } from '../../../../../engine/devices/passthrough/local/sg-service.js';
import { TaskAttribute } from '../../../../../engine/pdu/index.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import { DataDirection } from '../../../../../engine/shm/layout.js';
import { turn } from '../fake-device.js';

interface Waiting {
  readonly command: SgCommand;
  readonly end: (outcome: SgOutcome) => void;
}

/** Threads that hold their commands. */
function makeCarrier(threadCountMax = 2) {
  const waiting: Waiting[] = [];
  const lost: string[] = [];
  let startedCount = 0;
  let closedCount = 0;
  let resetCount = 0;
  const makeThread = (): SgThread => ({
    call: ((method: string, command: SgCommand) => {
      if (method === 'reset') {
        resetCount++;
        return Promise.resolve(null);
      }
      return new Promise<SgOutcome>((resolve) => waiting.push({ command, end: resolve }));
    }) as SgThread['call'],
    close: async () => {
      closedCount++;
    },
  });
  const startThread = async () => {
    startedCount++;
    return makeThread();
  };
  const carrier = new SgCarrier({ first: makeThread(), startThread, threadCountMax, onLost: (why) => lost.push(why) });
  const counts = () => ({ startedCount, closedCount, resetCount });
  return { carrier, waiting, lost, counts };
}

function commandOf(changes: Partial<CarriedCommand> = {}): CarriedCommand {
  return { cdb: new Uint8Array(16), attribute: TaskAttribute.simple, direction: DataDirection.none, dataOut: null, dataIn: null, ...changes };
}

function carry(carrier: SgCarrier, changes: Partial<CarriedCommand> = {}) {
  const ends: CarriedEnd[] = [];
  const task = carrier.carry(commandOf(changes), (end) => ends.push(end));
  return { ends, task };
}

const fine: SgOutcome = { code: null, status: 0, hostStatus: 0, driverStatus: 0, sense: new Uint8Array(0), movedLength: 0 };

test('so many commands run at a time as there may be threads; the others wait in their order', async () => {
  const { carrier, waiting, counts } = makeCarrier(2);
  const all = [1, 2, 3, 4].map((opcode) => carry(carrier, { cdb: new Uint8Array(16).fill(opcode, 0, 1) }));
  await turn();
  assert.is(waiting.length, 2);
  assert.is(counts().startedCount, 1);
  waiting[0]?.end(fine);
  await turn();
  assert.is(all[0]?.ends[0]?.kind, 'answered');
  assert.equal(
    waiting.map(({ command }) => command.cdb[0]),
    [1, 2, 3],
  );
  assert.is(waiting[0]?.command.cdb.length, 6, 'as long as the device is to see it');
});

test('what lay in the memory before is gone when the driver has it: it need not say truly what it has moved', async () => {
  const { carrier, waiting } = makeCarrier(1);
  const dataIn = new Uint8Array(new SharedArrayBuffer(64)).fill(0xa5);
  const { ends } = carry(carrier, { direction: DataDirection.in, dataIn });
  await turn();
  waiting[0]?.end({ ...fine, status: ScsiStatus.checkCondition, movedLength: 64 });
  await turn();
  assert.is(ends[0]?.kind, 'answered');
  assert.equal(dataIn, new Uint8Array(64));
});

test('HEAD OF QUEUE goes before what waits, and is told to the driver', async () => {
  const { carrier, waiting } = makeCarrier(1);
  for (const [opcode, attribute] of [
    [1, TaskAttribute.simple],
    [2, TaskAttribute.simple],
    [3, TaskAttribute.headOfQueue],
  ] as const)
    carry(carrier, { cdb: new Uint8Array(16).fill(opcode, 0, 1), attribute });
  await turn();
  waiting[0]?.end(fine);
  await turn();
  assert.is(waiting[1]?.command.cdb[0], 3);
  assert.ok(waiting[1]?.command.isAtHead);
});

test('an abort ends what waits; what is with the kernel ends there', async () => {
  const { carrier, waiting } = makeCarrier(1);
  const [first, second] = [carry(carrier), carry(carrier)];
  first.task.abort();
  second.task.abort();
  await turn();
  assert.equal(second.ends, [{ kind: 'aborted' }]);
  assert.is(first.ends.length, 0);
  waiting[0]?.end(fine);
  await turn();
  assert.is(first.ends[0]?.kind, 'answered');
});

test('memory that is not shared gets its data all the same', async () => {
  const { carrier, waiting } = makeCarrier();
  const dataIn = new Uint8Array(4);
  const { ends } = carry(carrier, { dataIn });
  await turn();
  waiting[0]?.command.data?.fill(9);
  waiting[0]?.end({ ...fine, movedLength: 4 });
  await turn();
  assert.equal(dataIn, new Uint8Array(4).fill(9));
  assert.equal(ends[0], { kind: 'answered', status: 0, sense: new Uint8Array(0), dataInLength: 4, dataOutLength: 0 });
});

test('data both ways is refused: the driver has no way to say it', async () => {
  const { carrier } = makeCarrier();
  const { ends } = carry(carrier, { dataIn: new Uint8Array(1), dataOut: new Uint8Array(1) });
  await turn();
  assert.equal(ends, [{ kind: 'refused' }]);
});

test('each error of the call and of the host adapter has its end', async () => {
  const ofCode = async (outcome: SgOutcome) => {
    const { carrier, waiting, lost } = makeCarrier();
    const { ends } = carry(carrier);
    await turn();
    waiting[0]?.end(outcome);
    await turn();
    const end = ends[0] as CarriedEnd;
    return `${end.kind === 'answered' ? end.status : end.kind}${lost.length > 0 ? ', gone' : ''}`;
  };
  const codes = ['ENODEV', 'ENXIO', 'EINVAL', 'EBUSY', 'EIO'];
  assert.equal(await Promise.all(codes.map((code) => ofCode({ code }))), ['lost, gone', 'lost, gone', 'refused', String(ScsiStatus.busy), 'lost']);
  const hosts = [1, 2, 3, 8];
  assert.equal(await Promise.all(hosts.map((hostStatus) => ofCode({ ...fine, hostStatus }))), ['lost, gone', String(ScsiStatus.busy), 'lost', 'lost']);
});

test('when the device has gone, what waits was not sent, and the threads are closed', async () => {
  const { carrier, waiting, lost, counts } = makeCarrier(1);
  const [first, second] = [carry(carrier), carry(carrier)];
  await turn();
  waiting[0]?.end({ code: 'ENODEV' });
  await turn();
  assert.equal([first.ends, second.ends], [[{ kind: 'lost' }], [{ kind: 'unsent' }]]);
  assert.equal(lost, ['the device is gone (ENODEV)']);
  assert.is(counts().closedCount, 1);
});

test('a reset goes to the device', async () => {
  const { carrier, counts } = makeCarrier();
  await carrier.resetUnit();
  assert.is(counts().resetCount, 1);
  await carrier.close();
  assert.is(counts().closedCount, 1);
});

test('a reset does not wait behind a command that hangs', async () => {
  const { carrier, waiting, counts } = makeCarrier(1);
  const { ends } = carry(carrier);
  await turn();
  await carrier.resetUnit();
  assert.equal(counts(), { startedCount: 1, closedCount: 1, resetCount: 1 }, 'on a thread of its own');
  assert.is(ends.length, 0);
  waiting[0]?.end({ ...fine, hostStatus: 0x08 });
  await turn();
  assert.equal(ends, [{ kind: 'lost' }]);
  await carrier.close();
});

test.run();
