// test-timeout: 120 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { captureTest, FAULTS, LOST_PACKETS, SharedCapture } from '../support/capture-test.js';
import { decodeAttributes, decodeList, encodeOsd, Osd, type OsdCommand, queryList } from '../support/osd-cdb.js';
import { PacketCapture } from '../support/packet-capture.js';

// An object storage device as initiators reach it: 236-byte CDBs in an AHS, data both ways in one command, its thread, and what Wireshark makes of it.

const TARGET = 'iqn.2026-11.io.lunloom:objects';
const LUN = 4;
const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-e2e-'));
const PARTITION = 0x10000n;
const OBJECT = 0x20000n;
const COLLECTION = 0x50000n;
const UNIT_ATTENTION_COUNT_MAX = 8;
const MIB = 1024 * 1024;

class Initiator {
  readonly session: Session;
  readonly #unit: LogicalUnitClient;

  static async login(port: number): Promise<Initiator> {
    return new Initiator(await Session.login({ host: '127.0.0.1', port, targetName: TARGET }));
  }

  private constructor(session: Session) {
    this.session = session;
    this.#unit = new LogicalUnitClient(session, LUN, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX });
  }

  /** From INQUIRY Wireshark learns what CDBs of the unit are. */
  async inquire(): Promise<void> {
    const { dataIn } = await this.#unit.run('INQUIRY', { cdb: Buffer.from('120000006000', 'hex'), dataInLength: 0x60 });
    assert.is(dataIn[0], 0x11);
  }

  /** Throws for a status other than GOOD. */
  async run(command: OsdCommand): Promise<{ readonly dataIn: Buffer; readonly retrieved: Buffer }> {
    const { cdb, dataOut, dataInLength, retrievedAt } = encodeOsd(command);
    const data = { ...(dataOut.length === 0 ? {} : { dataOut }), ...(dataInLength === 0 ? {} : { dataInLength }) };
    const { dataIn } = await this.#unit.run('OSD command', { cdb, ...data });
    return { dataIn, retrieved: dataIn.subarray(retrievedAt) };
  }
}

async function withDevice(work: (initiator: Initiator, engine: Engine, port: number) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const lun = { lun: LUN, device: { kind: 'osd', source: join(folder, 'store'), options: {} }, readOnly: false };
  const engine = await Engine.start(
    { portals: [{ address: '127.0.0.1', port: 0 }], targets: [{ name: TARGET, luns: [lun] }], execution: 'auto', workerCount: 1, insecure: false, limits: {} },
    { onDefect: (error) => defects.push(error) },
  );
  try {
    const port = engine.portals[0]?.port ?? 0;
    const initiator = await Initiator.login(port);
    await work(initiator, engine, port);
    await initiator.session.logout();
    assert.equal(defects, []);
  } finally {
    await engine.stop({ immediately: true });
  }
}

/** One of most service actions, with attributes in each format. */
async function speak(initiator: Initiator): Promise<void> {
  await initiator.inquire();
  await initiator.run({ action: Osd.FORMAT_OSD });
  await initiator.run({ action: Osd.CREATE_PARTITION, partition: PARTITION });
  await initiator.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: COLLECTION });
  for (let index = 0n; index < 3n; index++) {
    const set = [{ page: 4, number: 1, value: Buffer.from('0000000000050000', 'hex') }];
    await initiator.run({ action: Osd.CREATE_AND_WRITE, partition: PARTITION, object: OBJECT + index, length: 100, data: Buffer.alloc(100, 0x41), set });
  }
  const both = await initiator.run({
    action: Osd.READ,
    partition: PARTITION,
    object: OBJECT,
    length: 100,
    dataInLength: 100,
    set: [{ page: 1, number: 9, value: Buffer.from('first') }],
    get: [
      { page: 1, number: 9 },
      { page: 1, number: 0x82 },
    ],
  });
  assert.is(both.dataIn.subarray(0, 100).toString(), 'A'.repeat(100));
  const [name, length] = decodeAttributes(both.retrieved);
  assert.is(Buffer.from(name?.value ?? []).toString(), 'first');
  assert.is(Buffer.from(length?.value ?? []).toString('hex'), '0000000000000064');
  const list = await initiator.run({ action: Osd.LIST, partition: PARTITION, length: 1024, dataInLength: 1024 });
  assert.equal(decodeList(list.dataIn).ids, [OBJECT, OBJECT + 1n, OBJECT + 2n]);
  await initiator.run({ action: Osd.LIST, length: 1024, dataInLength: 1024 });
  await initiator.run({ action: Osd.LIST_COLLECTION, partition: PARTITION, object: COLLECTION, length: 1024, dataInLength: 1024 });
  await initiator.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object: OBJECT, getPage: 3 });
  await initiator.run({ action: Osd.SET_ATTRIBUTES, partition: PARTITION, object: OBJECT, setOne: { page: 1, number: 9, value: Buffer.from('one') } });
  const criteria = [{ page: 1, number: 0x82, min: Buffer.alloc(8) }];
  await initiator.run({
    action: Osd.QUERY,
    partition: PARTITION,
    object: COLLECTION,
    length: 1024,
    dataInLength: 1024,
    continuation: [queryList('all', criteria)],
  });
  await initiator.run({ action: Osd.REMOVE_COLLECTION, partition: PARTITION, object: COLLECTION, specific: 1 });
  await initiator.run({ action: Osd.REMOVE_PARTITION, partition: PARTITION, specific: 1 });
}

async function record(): Promise<PacketCapture> {
  let capture: PacketCapture | null = null;
  await withDevice(async (initiator, _engine, port) => {
    capture = await PacketCapture.start(port);
    await speak(initiator);
    await capture.stop();
  });
  return capture as unknown as PacketCapture;
}

const shared = new SharedCapture(record);
test.after(async () => {
  await shared.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('service actions with attributes in every format, over iSCSI and on the thread of the device', () => withDevice(speak));

test('a mebibyte goes out and comes back with attributes behind it', () =>
  withDevice(async (initiator) => {
    const data = Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 31) & 0xff));
    await initiator.run({ action: Osd.CREATE_PARTITION, partition: PARTITION });
    await initiator.run({
      action: Osd.CREATE_AND_WRITE,
      partition: PARTITION,
      object: OBJECT,
      length: MIB,
      data,
      set: [{ page: 1, number: 9, value: Buffer.from('big') }],
    });
    const answer = await initiator.run({
      action: Osd.READ,
      partition: PARTITION,
      object: OBJECT,
      length: MIB,
      dataInLength: MIB,
      get: [{ page: 1, number: 9 }],
    });
    assert.ok(answer.dataIn.subarray(0, MIB).equals(data));
    assert.is(Buffer.from(decodeAttributes(answer.retrieved)[0]?.value ?? []).toString(), 'big');
  }));

captureTest('the capture is whole', async () => {
  assert.equal(await shared.summarize(LOST_PACKETS), []);
});

captureTest('nothing is malformed to Wireshark', async () => {
  assert.equal(await shared.summarize(FAULTS), []);
});

captureTest('Wireshark knows the service actions and their fields', async () => {
  const actions = (await shared.valuesOf('scsi_osd.svcaction', 'scsi_osd.svcaction')).flatMap((values) => values.split(',').map(Number));
  for (const action of [Osd.LIST, Osd.LIST_COLLECTION, Osd.GET_ATTRIBUTES, Osd.QUERY, Osd.REMOVE_PARTITION, Osd.CREATE_AND_WRITE])
    assert.ok(actions.includes(action), action.toString(16));
});

test.run();
