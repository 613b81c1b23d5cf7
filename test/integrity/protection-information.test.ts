// test-timeout: 120 s
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig, EngineConfig, StoreConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';
import { crc16T10 } from '../../engine/scsi/sbc/protection/crc16.js';
import { type CommandResult, Session } from '../../initiator/index.js';
import { blockSegment, copyOutCdb, cscd, lid1List } from '../engine/scsi/copy/copy-scene.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { type SeededRandom, seededRandom } from '../support/random.js';

const NAME = 'iqn.2025-01.dev.lunloom:protected';
const BLOCK = 512;
const PI = 8;
const UNIT = BLOCK + PI;
const BLOCK_COUNT = 2048;
const SIZE_BYTES = BLOCK_COUNT * BLOCK;
const COUNT_MAX = 12;
/** Random ranges lie close together, so that they overlap. */
const SPAN = 64;
const OPERATION_COUNT = 120;
const seed = Number(process.env['SEED'] ?? 20261123);

type Type = 1 | 2 | 3;
const EXPECTED_TAG = 0x10;

/** What the blocks hold, and the protection information of each. */
interface Model {
  readonly type: Type;
  readonly data: Buffer;
  readonly protection: Buffer;
}

const makeModel = (type: Type): Model => ({ type, data: Buffer.alloc(SIZE_BYTES), protection: Buffer.alloc(BLOCK_COUNT * PI, 0xff) });

/** READ, WRITE and WRITE SAME with 16 bytes, or 32 where type 2 is to have its protection information. */
function cdbOf(type: Type, opcode16: number, action32: number, protect: number, lba: number, count: number, flags = 0): Buffer {
  if (type !== 2 || protect === 0) {
    const cdb = Buffer.alloc(16);
    cdb[0] = opcode16;
    cdb[1] = (protect << 5) | flags;
    cdb.writeUInt32BE(lba, 6);
    cdb.writeUInt32BE(count, 10);
    return cdb;
  }
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 24;
  cdb.writeUInt16BE(action32, 8);
  cdb[10] = (protect << 5) | flags;
  cdb.writeUInt32BE(lba, 16);
  cdb.writeUInt32BE(EXPECTED_TAG + lba, 20);
  cdb.writeUInt32BE(count, 28);
  return cdb;
}

const readCdb = (type: Type, protect: number, lba: number, count: number) => cdbOf(type, 0x88, 0x0009, protect, lba, count);
const writeCdb = (type: Type, protect: number, lba: number, count: number) => cdbOf(type, 0x8a, 0x000b, protect, lba, count);

/** The reference tags that this initiator uses: type 2 is expected to have one that follows from the LBA, so that overlapping writes agree. */
const referenceTagOf = (type: Type, lba: number) => (type === 1 ? lba : EXPECTED_TAG + lba);

function protect(block: Uint8Array, applicationTag: number, referenceTag: number): Buffer {
  const bytes = Buffer.alloc(PI);
  bytes.writeUInt16BE(crc16T10(block, 0, block.length));
  bytes.writeUInt16BE(applicationTag, 2);
  bytes.writeUInt32BE(referenceTag >>> 0, 4);
  return bytes;
}

function interleave({ data, protection }: Model, lba: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => [
      data.subarray((lba + index) * BLOCK, (lba + index + 1) * BLOCK),
      protection.subarray((lba + index) * PI, (lba + index + 1) * PI),
    ]).flat(),
  );
}

interface Operation {
  readonly cdb: Buffer;
  readonly dataOut?: Buffer;
  readonly dataInLength?: number;
  readonly expected?: Buffer;
}

/** A random command, and in the model what it does. */
function randomOperation(model: Model, random: SeededRandom): Operation {
  const { type, data, protection } = model;
  const lba = random.below(SPAN - COUNT_MAX);
  const count = 1 + random.below(COUNT_MAX);
  const put = (index: number, block: Uint8Array, information: Uint8Array) => {
    data.set(block, (lba + index) * BLOCK);
    protection.set(information, (lba + index) * PI);
  };
  const generated = (block: Uint8Array, index: number) => protect(block, 0xffff, type === 1 ? lba + index : 0xffffffff);
  const sent = (block: Uint8Array, index: number) => protect(block, 0x1111, referenceTagOf(type, lba + index));
  switch (random.below(7)) {
    case 0:
    case 1: {
      const blocks = Array.from({ length: count }, () => random.bytes(BLOCK));
      for (const [index, block] of blocks.entries()) put(index, block, sent(block, index));
      return { cdb: writeCdb(type, 1, lba, count), dataOut: interleave(model, lba, count) };
    }
    case 2: {
      const dataOut = Buffer.from(random.bytes(count * BLOCK));
      for (let index = 0; index < count; index++) {
        const block = dataOut.subarray(index * BLOCK, (index + 1) * BLOCK);
        put(index, block, generated(block, index));
      }
      return { cdb: writeCdb(type, 0, lba, count), dataOut };
    }
    case 3: {
      const block = random.bytes(BLOCK);
      const isProtected = random.boolean();
      const information = sent(block, 0);
      for (let index = 0; index < count; index++) put(index, block, isProtected ? sent(block, type === 3 ? 0 : index) : generated(block, index));
      return {
        cdb: cdbOf(type, 0x93, 0x000d, isProtected ? 1 : 0, lba, count),
        dataOut: isProtected ? Buffer.concat([block, information]) : Buffer.from(block),
      };
    }
    case 4: {
      for (let index = 0; index < count; index++) put(index, Buffer.alloc(BLOCK), Buffer.alloc(PI, 0xff));
      const list = Buffer.alloc(24);
      list.writeUInt16BE(22, 0);
      list.writeUInt16BE(16, 2);
      list.writeUInt32BE(lba, 12);
      list.writeUInt32BE(count, 16);
      return { cdb: Buffer.from('42000000000000001800', 'hex'), dataOut: list };
    }
    case 5:
      return { cdb: readCdb(type, 0, lba, count), dataInLength: count * BLOCK, expected: Buffer.from(data.subarray(lba * BLOCK, (lba + count) * BLOCK)) };
    default:
      return { cdb: readCdb(type, 1, lba, count), dataInLength: count * UNIT, expected: interleave(model, lba, count) };
  }
}

const senseOf = ({ status, sense }: CommandResult) => `status ${status}, sense ${Buffer.from(sense).toString('hex')}`;

async function perform(session: Session, lun: number, { cdb, dataOut, dataInLength, expected }: Operation): Promise<void> {
  const result = await session.command({ lun, cdb, ...(dataOut === undefined ? {} : { dataOut }), ...(dataInLength === undefined ? {} : { dataInLength }) });
  assert.is(result.status, 0, `${cdb.toString('hex')}: ${senseOf(result)}`);
  if (expected !== undefined) assert.ok(Buffer.compare(result.dataIn, expected) === 0, `${cdb.toString('hex')} returns what the model has`);
}

const lunOf = (lun: number, store: StoreConfig, type: Type, execution: 'inline' | 'pool'): DiskLunConfig => ({
  lun,
  store,
  blockLengthBytes: BLOCK,
  readOnly: false,
  protectionType: type,
  execution,
});

async function withEngine(luns: readonly DiskLunConfig[], body: (session: Session, engine: Engine) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const config: EngineConfig = {
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: NAME, luns }],
    execution: 'auto',
    workerCount: 2,
    insecure: false,
    limits: {},
  };
  const engine = await Engine.start(config, { onDefect: (error) => defects.push(error) });
  try {
    const session = await Session.login({ host: '127.0.0.1', port: engine.portals[0]?.port as number, targetName: NAME });
    for (const { lun } of luns) while ((await session.command({ lun, cdb: Buffer.alloc(6) })).status !== 0);
    await body(session, engine);
    await session.logout();
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-pi-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const fileStore = (folder: string, name: string): StoreConfig => ({ kind: 'file', path: join(folder, name), sizeBytes: SIZE_BYTES, direct: false });
const types: readonly Type[] = [1, 2, 3];

for (const kind of ['ram', 'file'] as const) {
  for (const execution of ['inline', 'pool'] as const) {
    test(`random commands with and without protection information do what a model does, ${kind}, ${execution}; seed ${seed}`, () =>
      inFolder(async (folder) => {
        const luns = types.map((type) =>
          lunOf(type, kind === 'ram' ? { kind, sizeBytes: SIZE_BYTES } : fileStore(folder, `type-${type}.img`), type, execution),
        );
        const models = new Map(types.map((type) => [type, makeModel(type)]));
        await withEngine(luns, async (session) => {
          for (const [type, model] of models) {
            const random = seededRandom(seed + type);
            for (let at = 0; at < OPERATION_COUNT; at++) await perform(session, type, randomOperation(model, random));
          }
        });
        if (kind === 'ram') return;
        // Another engine on the same files.
        await withEngine(luns, async (session) => {
          for (const [type, model] of models) {
            const expected = interleave(model, 0, SPAN);
            await perform(session, type, { cdb: readCdb(type, 1, 0, SPAN), dataInLength: SPAN * UNIT, expected });
          }
        });
      }));
  }

  test(`overlapping writes from all sides leave no block whose protection information is another's, ${kind}; seed ${seed}`, () =>
    inFolder(async (folder) => {
      const random = seededRandom(seed);
      const luns = types.map((type) => lunOf(type, kind === 'ram' ? { kind, sizeBytes: SIZE_BYTES } : fileStore(folder, `type-${type}.img`), type, 'pool'));
      await withEngine(luns, async (session) => {
        for (let round = 0; round < 12; round++) {
          const commands = Array.from({ length: 24 }, () => {
            const type = types[random.below(3)] as Type;
            const model = makeModel(type);
            let operation = randomOperation(model, random);
            // What is read meanwhile is whole, whatever it is.
            if (operation.expected !== undefined) operation = { cdb: readCdb(type, 1, 0, SPAN), dataInLength: SPAN * UNIT };
            return perform(session, type, operation);
          });
          await Promise.all(commands);
          for (const type of types) await perform(session, type, { cdb: readCdb(type, 1, 0, SPAN), dataInLength: SPAN * UNIT });
        }
      });
    }));
}

for (const execution of ['inline', 'pool'] as const) {
  test(`XDWRITEREAD returns less than it is sent where protection information is not asked back, ${execution}`, () =>
    withEngine([lunOf(0, { kind: 'ram', sizeBytes: SIZE_BYTES }, 1, execution)], async (session) => {
      const random = seededRandom(seed);
      const count = 600;
      const model = makeModel(1);
      for (const xorsProtection of [false, true]) {
        const before = Buffer.from(model.data.subarray(0, count * BLOCK));
        const travelledBefore = interleave(model, 0, count);
        model.data.set(random.bytes(count * BLOCK));
        for (let lba = 0; lba < count; lba++) model.protection.set(protect(model.data.subarray(lba * BLOCK, (lba + 1) * BLOCK), 7, lba), lba * PI);
        const dataOut = interleave(model, 0, count);
        const cdb = Buffer.from(`53${xorsProtection ? '21' : '20'}0000000000025800`, 'hex');
        const expected = xorsProtection
          ? dataOut.map((byte, at) => byte ^ (travelledBefore[at] as number))
          : before.map((byte, at) => byte ^ (model.data[at] as number));
        await perform(session, 0, { cdb, dataOut, dataInLength: expected.length, expected: Buffer.from(expected) });
        await perform(session, 0, { cdb: readCdb(1, 1, 0, count), dataInLength: dataOut.length, expected: dataOut });
      }
    }));
}

test('EXTENDED COPY moves user data between units with and without protection information, and stops at what fails its checks', async () => {
  const ram = { kind: 'ram', sizeBytes: SIZE_BYTES } as const;
  const { protectionType: _none, ...plain } = lunOf(1, ram, 1, 'inline');
  const naas = ['3111111111111111', '3222222222222222', '3333333333333333'];
  const luns = [lunOf(0, ram, 1, 'pool'), plain, lunOf(2, ram, 2, 'pool')].map((lun, index) => ({ ...lun, naa: naas[index] as string }));
  await withEngine(luns, async (session) => {
    const random = seededRandom(seed);
    const model = makeModel(1);
    model.data.set(random.bytes(SPAN * BLOCK));
    for (let lba = 0; lba < SPAN; lba++) model.protection.set(protect(model.data.subarray(lba * BLOCK, (lba + 1) * BLOCK), 7, lba), lba * PI);
    await perform(session, 0, { cdb: writeCdb(1, 1, 0, SPAN), dataOut: interleave(model, 0, SPAN) });
    const copy = (from: number, to: number) => {
      const targets = naas.map((naa) => cscd(naa, BLOCK));
      const dataOut = Buffer.from(lid1List(targets, [blockSegment({ from, to, count: SPAN, sourceLba: 0, destinationLba: 0 })]));
      return session.command({ lun: from, cdb: Buffer.from(copyOutCdb(0x00, dataOut).replaceAll(' ', ''), 'hex'), dataOut });
    };
    const data = model.data.subarray(0, SPAN * BLOCK);
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const) {
      assert.is((await copy(from, to)).status, 0);
      await perform(session, to, { cdb: readCdb(1, 0, 0, SPAN), dataInLength: SPAN * BLOCK, expected: data });
    }
    // Written without tags, and with a guard.
    const generated = Buffer.concat([data.subarray(0, BLOCK), protect(data.subarray(0, BLOCK), 0xffff, 0)]);
    await perform(session, 0, { cdb: readCdb(1, 1, 0, 1), dataInLength: UNIT, expected: generated });
    // A guard that is wrong comes in by WRPROTECT 011b.
    const wrong = Buffer.concat([data.subarray(0, BLOCK), Buffer.from('0000000100000003', 'hex')]);
    await perform(session, 0, { cdb: writeCdb(1, 3, 3, 1), dataOut: wrong });
    const { status, sense } = await copy(0, 1);
    assert.is(status, 2);
    assert.is((sense[2] as number) & 0x0f, 0x0a, 'COPY ABORTED');
  });
});

for (const kind of ['ram', 'file'] as const) {
  test(`a unit that grows and shrinks keeps the protection information of what stays, ${kind}`, () =>
    inFolder(async (folder) => {
      const lun = lunOf(0, kind === 'ram' ? { kind, sizeBytes: SIZE_BYTES } : fileStore(folder, 'disk.img'), 1, 'pool');
      await withEngine([lun], async (session, engine) => {
        const model = makeModel(1);
        const random = seededRandom(seed);
        for (let at = 0; at < 20; at++) await perform(session, 0, randomOperation(model, random));
        for (const sizeBytes of [2 * SIZE_BYTES, SIZE_BYTES / 2]) {
          await engine.units.resize(NAME, 0, sizeBytes, { force: true });
          assert.is((await session.command({ lun: 0, cdb: Buffer.alloc(6) })).status, 2, 'CAPACITY DATA HAS CHANGED');
          await perform(session, 0, { cdb: readCdb(1, 1, 0, SPAN), dataInLength: SPAN * UNIT, expected: interleave(model, 0, SPAN) });
          const last = Buffer.concat([Buffer.alloc(BLOCK), Buffer.alloc(PI, 0xff)]);
          await perform(session, 0, { cdb: readCdb(1, 1, sizeBytes / BLOCK - 1, 1), dataInLength: UNIT, expected: last });
        }
      });
    }));
}

test('kill -9 leaves the protection information of acknowledged writes, and no block that cannot be read', () =>
  inFolder(async (folder) => {
    const image = join(folder, 'disk.img');
    const args = ['--target', NAME, '--lun', `0=file:${image},size=1MiB,pi=1`];
    const random = seededRandom(seed);
    const model = makeModel(1);
    for (let life = 0; life < 3; life++) {
      const lunloom = await LunloomProcess.start({ args });
      const { address: host, port } = lunloom;
      const session = await Session.login({ host, port, targetName: NAME });
      while ((await session.command({ lun: 0, cdb: Buffer.alloc(6) })).status !== 0);
      await perform(session, 0, { cdb: readCdb(1, 1, 0, SPAN), dataInLength: SPAN * UNIT, expected: interleave(model, 0, SPAN) });
      // Blocks of which some writes are on their way when the process dies.
      await perform(session, 0, { cdb: readCdb(1, 1, 1000, 100), dataInLength: 100 * UNIT });
      for (let at = 0; at < 20; at++) await perform(session, 0, randomOperation(model, random));
      const unanswered = Array.from({ length: 8 }, (_, at) => {
        const lba = 1000 + at * 10;
        const blocks = Array.from({ length: 10 }, () => random.bytes(BLOCK));
        const dataOut = Buffer.concat(blocks.flatMap((block, index) => [Buffer.from(block), protect(block, 1, lba + index)]));
        return session.command({ lun: 0, cdb: writeCdb(1, 1, lba, 10), dataOut }).catch(() => null);
      });
      await lunloom.kill();
      await Promise.allSettled(unanswered);
    }
  }));

test('protection information lies beside its image, and must be there where the image is', () =>
  inFolder(async (folder) => {
    const store = fileStore(folder, 'disk.img');
    const path = join(folder, 'disk.img');
    const luns = [lunOf(0, store, 1, 'inline')];
    await withEngine(luns, async () => {});
    assert.is(statSync(`${path}.pi`).size, BLOCK_COUNT * PI);
    const codeOf = () =>
      withEngine(luns, async () => {}).then(
        () => 'opened',
        (error: { code?: string }) => error.code,
      );
    rmSync(`${path}.pi`);
    assert.is(await codeOf(), 'STORE_PROTECTION_MISSING');
    assert.not.ok(existsSync(`${path}.pi`));
    writeFileSync(`${path}.pi`, new Uint8Array(100));
    assert.is(await codeOf(), 'STORE_SIZE_MISMATCH');
    rmSync(path);
    assert.is(await codeOf(), 'STORE_PROTECTION_STALE');
    assert.not.ok(existsSync(path));
  }));

test.run();
