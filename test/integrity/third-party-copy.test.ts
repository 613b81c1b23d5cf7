// test-timeout: 60 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { type CommandResult, Session } from '../../initiator/index.js';
import { blockSegment, copyInCdb, copyOutCdb, cscd, lid1List, lid4List, uint16, uint32, uint64 } from '../engine/scsi/copy/copy-scene.js';
import { hex } from '../support/assert-bytes.js';
import { seededRandom } from '../support/random.js';
import { COMMAND_MS_MAX, TARGET_NAME } from './fault-rig.js';

const MIB = 1024 * 1024;
const UNIT_BYTES = 64 * MIB;
const NAA = ['3111111111111111', '3222222222222222'] as const;
const targets = [cscd(NAA[0], 512), cscd(NAA[1], 4096)];
const RESTRICTED = 'iqn.2026-11.io.lunloom:sees-lun-0';
/** More than any report here has. */
const DATA_IN_BYTES = 4096;

interface Rig {
  readonly engine: Engine;
  login(initiatorName?: string): Promise<Session>;
}

async function withRig(execution: 'inline' | 'pool', use: (rig: Rig) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const luns = [512, 4096].map((blockLengthBytes, lun) => ({
    lun,
    store: { kind: 'ram', sizeBytes: UNIT_BYTES } as const,
    blockLengthBytes,
    readOnly: false,
    naa: NAA[lun] as string,
  }));
  const access = [{ initiators: [RESTRICTED], luns: [0] }, { initiators: ['iqn.*:whole-*'] }];
  const engine = await Engine.start(
    {
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: TARGET_NAME, luns, access }],
      execution,
      workerCount: execution === 'pool' ? 2 : 0,
      insecure: false,
      limits: {},
    },
    { onDefect: (error) => defects.push(error) },
  );
  let loginCount = 0;
  const login = async (initiatorName = `iqn.2026-11.io.lunloom:whole-${++loginCount}`) => {
    const port = engine.portals[0]?.port as number;
    const session = await Session.login({ host: '127.0.0.1', port, targetName: TARGET_NAME, initiatorName, commandMsMax: COMMAND_MS_MAX });
    for (const lun of [0, 1]) while ((await session.command({ lun, cdb: hex('00 00 00 00 00 00') })).sense[2] === 0x06);
    return session;
  };
  try {
    await use({ engine, login });
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

const codeOf = ({ status, sense }: CommandResult) =>
  status === 0 ? 'good' : `${status.toString(16)} ${[2, 12, 13].map((at) => sense[at]?.toString(16)).join('/')}`;

async function copyOut(session: Session, serviceAction: number, list: Uint8Array, { lun = 0, listIdentifier = 0 } = {}): Promise<string> {
  return codeOf(await session.command({ lun, cdb: hex(copyOutCdb(serviceAction, list, listIdentifier)), dataOut: list }));
}

async function write(session: Session, lun: number, lba: number, bytes: Uint8Array): Promise<void> {
  const count = bytes.length / (lun === 0 ? 512 : 4096);
  assert.is(codeOf(await session.command({ lun, cdb: hex(`8a 00 ${uint64(lba)} ${uint32(count)} 00 00`), dataOut: bytes })), 'good');
}

async function read(session: Session, lun: number, lba: number, lengthBytes: number): Promise<Buffer> {
  const count = lengthBytes / (lun === 0 ? 512 : 4096);
  const result = await session.command({ lun, cdb: hex(`88 00 ${uint64(lba)} ${uint32(count)} 00 00`), dataInLength: lengthBytes });
  assert.is(codeOf(result), 'good');
  return result.dataIn;
}

const range = (lba: number, count: number) => `${uint64(lba)} ${uint32(count)} 00000000`;
const populateList = (lba: number, count: number) => hex(`${uint16(30)} 00 00 00000000 00000000 0000 ${uint16(16)} ${range(lba, count)}`);

function writeList(token: Uint8Array, lba: number, count: number): Uint8Array {
  return Buffer.concat([hex(`${uint16(550)} 00 0000000000 ${uint64(0)}`), token, hex(`000000000000 ${uint16(16)} ${range(lba, count)}`)]);
}

for (const execution of ['inline', 'pool'] as const) {
  test(`EXTENDED COPY between two units, ${execution}: the bytes arrive, and nothing is left over`, async () => {
    await withRig(execution, async ({ engine, login }) => {
      const session = await login();
      const bytes = Buffer.from(seededRandom(5).bytes(4 * MIB));
      await write(session, 0, 1000, bytes);
      const segment = blockSegment({ count: 8192, sourceLba: 1000, destinationLba: 77 });
      assert.is(await copyOut(session, 0x00, lid1List(targets, [segment])), 'good');
      assert.ok((await read(session, 1, 77, 4 * MIB)).equals(bytes));
      const { dataIn } = await session.command({ lun: 0, cdb: hex(copyInCdb(0x00, 1)), dataInLength: DATA_IN_BYTES });
      assert.is(dataIn.toString('hex'), '000000080100010000400000');
      await session.logout();
      assert.is(engine.usage().openTaskCount, 0);
      assert.is(engine.usage().slotsInUse, 0);
    });
  });

  test(`a token goes from unit to unit, ${execution}, until another host writes what it stands for`, async () => {
    await withRig(execution, async ({ login }) => {
      const [session, other] = [await login(), await login()];
      const bytes = Buffer.from(seededRandom(6).bytes(MIB));
      await write(session, 0, 64, bytes);
      assert.is(await copyOut(session, 0x10, populateList(64, 2048), { listIdentifier: 1 }), 'good');
      const { dataIn } = await session.command({ lun: 0, cdb: hex(copyInCdb(0x07, 1)), dataInLength: DATA_IN_BYTES });
      const list = writeList(dataIn.subarray(38, 550), 16, 256);
      await write(other, 0, 63, Buffer.alloc(512));
      assert.is(await copyOut(session, 0x11, list, { lun: 1, listIdentifier: 2 }), 'good');
      assert.ok((await read(other, 1, 16, MIB)).equals(bytes));
      await write(other, 0, 64, Buffer.alloc(512));
      assert.is(await copyOut(session, 0x11, list, { lun: 1, listIdentifier: 3 }), '2 5/23/6');
    });
  });

  test(`ABORT TASK stops a copy in the middle, ${execution}: what is not there then never comes`, async () => {
    await withRig(execution, async ({ engine, login }) => {
      const session = await login();
      await write(session, 0, 0, Buffer.alloc(MIB, 0xaa));
      const segments = Array.from({ length: 250 }, (_none, index) => blockSegment({ count: 2048, sourceLba: 0, destinationLba: (index % 64) * 256 }));
      const list = lid1List(targets, segments);
      const copy = session.submit({ lun: 0, cdb: hex(copyOutCdb(0x00, list)), dataOut: list });
      copy.result.catch(() => {});
      while ((await read(session, 1, 256, 4096))[0] !== 0xaa) await new Promise(setImmediate);
      assert.is(await session.abortTask(copy), 0);
      await write(session, 1, 0, Buffer.alloc(MIB));
      for (let index = 1; index < 64; index++) await write(session, 1, index * 256, Buffer.alloc(4096));
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (let index = 0; index < 64; index++) assert.is((await read(session, 1, index * 256, 4096))[0], 0);
      await session.logout();
      assert.is(engine.usage().slotsInUse, 0);
    });
  });
}

test('the zero token gives the space of a thin unit back, and its blocks read zeros', async () => {
  await withRig('pool', async ({ login }) => {
    const session = await login();
    await write(session, 1, 0, Buffer.alloc(4 * MIB, 0x77));
    const token = Buffer.concat([hex('ffff0001 0000 01f8'), Buffer.alloc(504)]);
    assert.is(await copyOut(session, 0x11, writeList(token, 256, 512), { lun: 1, listIdentifier: 4 }), 'good');
    assert.ok((await read(session, 1, 256, 2 * MIB)).equals(Buffer.alloc(2 * MIB)));
    assert.is((await read(session, 1, 255, 4096))[4095], 0x77);
    assert.is((await read(session, 1, 768, 4096))[0], 0x77);
    // GET LBA STATUS: the first descriptor is for the deallocated blocks and no more.
    const status = await session.command({ lun: 1, cdb: hex(`9e 12 ${uint64(256)} ${uint32(24)} 00 00`), dataInLength: 24 });
    assert.is(status.dataIn.subarray(8, 21).toString('hex'), `${uint64(256)}${uint32(512)}01`);
  });
});

test('an initiator that does not see a unit cannot copy from it or to it', async () => {
  await withRig('inline', async ({ login }) => {
    const session = await login(RESTRICTED);
    const segment = { count: 1, sourceLba: 0, destinationLba: 0 };
    assert.is(await copyOut(session, 0x00, lid1List(targets, [blockSegment({ ...segment, dc: true })])), '2 a/d/2');
    assert.is(await copyOut(session, 0x00, lid1List(targets, [blockSegment({ ...segment, from: 1, to: 0 })])), '2 a/d/2');
  });
});

test('the engine stops while a copy runs in the background and another one waits for its end', async () => {
  await withRig('pool', async ({ login }) => {
    const session = await login();
    const segments = Array.from({ length: 200 }, () => blockSegment({ count: 2048, sourceLba: 0, destinationLba: 0 }));
    assert.is(await copyOut(session, 0x01, lid4List(targets, segments, { listIdentifier: 8, immed: true })), 'good');
    const list = lid1List(targets, segments, { listIdentifier: 9 });
    session.submit({ lun: 0, cdb: hex(copyOutCdb(0x00, list)), dataOut: list }).result.catch(() => {});
    await read(session, 0, 0, 512);
  });
});

test.run();
