// test-timeout: 120 s
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig, EngineConfig } from '../../engine/config/engine-config.js';
import type { KeyOffers, LogicalUnitClient } from '../../initiator/index.js';
import { assertBytes } from '../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { withRig } from './fault-rig.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const KIB = 1024;
const BLOCK = 512;
const LBA_COUNT = 65_536;
const DISABLE_WRITE = 0x04;
const FUA = 0x08;
/** VERIFY: every byte is compared with Data-Out. */
const BYTCHK_ALL = 0x02;
/** Longer than the scratch memory that a command reads into. */
const LONG_LBA_COUNT = 603;

const Action = { xdWriteRead: 0x0007, read: 0x0009, verify: 0x000a, write: 0x000b } as const;

/** The unusual ways to move data both ways, beside the defaults. */
const offers: readonly KeyOffers[] = [
  {},
  { InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '4096', MaxOutstandingR2T: '4', MaxRecvDataSegmentLength: '1024' },
  { ErrorRecoveryLevel: '2', InitialR2T: 'Yes', ImmediateData: 'Yes', MaxBurstLength: '16384', MaxRecvDataSegmentLength: '4096' },
  { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '2048', MaxBurstLength: '8192', HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' },
];

function cdb32(action: number, lba: number, lbaCount: number, flags = 0): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 0x18;
  cdb.writeUInt16BE(action, 8);
  cdb[10] = flags;
  cdb.writeUInt32BE(lba, 16);
  cdb.writeUInt32BE(lbaCount, 28);
  return cdb;
}

function xdWriteReadCdb(form: 10 | 32, lba: number, lbaCount: number, flags = 0): Buffer {
  if (form === 32) return cdb32(Action.xdWriteRead, lba, lbaCount, flags);
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x53;
  cdb[1] = flags;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb;
}

function xorInto(target: Uint8Array, at: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) target[at + i] = (target[at + i] as number) ^ (bytes[i] as number);
}

/** Works on an extent of its own, and knows what is there. */
class ModelLane {
  readonly #unit: LogicalUnitClient;
  readonly #random: SeededRandom;
  readonly #firstLba: number;
  readonly #model: Buffer;

  constructor(unit: LogicalUnitClient, random: SeededRandom, firstLba: number, lbaCount: number) {
    this.#unit = unit;
    this.#random = random;
    this.#firstLba = firstLba;
    this.#model = Buffer.alloc(lbaCount * BLOCK);
  }

  async step(): Promise<void> {
    const random = this.#random;
    const modelCount = this.#model.length / BLOCK;
    const lbaCount = 1 + random.below(random.below(8) === 0 ? modelCount : Math.min(40, modelCount));
    const at = random.below(modelCount - lbaCount + 1);
    const lba = this.#firstLba + at;
    const there = this.#model.subarray(at * BLOCK, (at + lbaCount) * BLOCK);
    switch (random.below(5)) {
      case 0:
        assertBytes((await this.#unit.run('READ (32)', { cdb: cdb32(Action.read, lba, lbaCount), dataInLength: there.length })).dataIn, there);
        return;
      case 1: {
        const dataOut = Buffer.from(random.bytes(there.length));
        await this.#unit.run('WRITE (32)', { cdb: cdb32(Action.write, lba, lbaCount, random.boolean() ? FUA : 0), dataOut });
        dataOut.copy(there);
        return;
      }
      case 2:
        await this.#unit.run('VERIFY (32)', { cdb: cdb32(Action.verify, lba, lbaCount, BYTCHK_ALL), dataOut: Buffer.from(there) });
        return;
      default:
        await this.#exchange(lba, lbaCount, there);
    }
  }

  async #exchange(lba: number, lbaCount: number, there: Buffer): Promise<void> {
    const random = this.#random;
    const dataOut = Buffer.from(random.bytes(there.length));
    const flags = (random.below(4) === 0 ? DISABLE_WRITE : 0) | (random.below(4) === 0 ? FUA : 0);
    // Less, as much or more than there is.
    const dataInLength = [1 + random.below(there.length), there.length, there.length + 1 + random.below(4000)][random.below(3)] as number;
    const cdb = xdWriteReadCdb(random.boolean() ? 10 : 32, lba, lbaCount, flags);
    const result = await this.#unit.run('XDWRITEREAD', { cdb, dataOut, dataInLength });
    const expected = Buffer.from(dataOut);
    xorInto(expected, 0, there);
    assertBytes(result.dataIn, expected.subarray(0, dataInLength));
    if ((flags & DISABLE_WRITE) === 0) dataOut.copy(there);
  }
}

function ramUnit(): DiskLunConfig {
  return { lun: 0, store: { kind: 'ram', sizeBytes: LBA_COUNT * BLOCK }, blockLengthBytes: BLOCK, readOnly: false };
}

function fileUnit(folder: string): DiskLunConfig {
  const store = { kind: 'file', path: join(folder, 'both.img'), sizeBytes: LBA_COUNT * BLOCK, direct: false } as const;
  return { lun: 0, store, blockLengthBytes: BLOCK, readOnly: false };
}

interface Case {
  readonly name: string;
  readonly execution: EngineConfig['execution'];
  readonly unit: (folder: string) => DiskLunConfig;
}
const cases: readonly Case[] = [
  { name: 'memory, inline', execution: 'inline', unit: ramUnit },
  { name: 'memory, on workers', execution: 'pool', unit: ramUnit },
  { name: 'a file, inline', execution: 'inline', unit: fileUnit },
  { name: 'a file, on workers', execution: 'pool', unit: fileUnit },
  { name: 'memory, as the engine thinks best', execution: 'auto', unit: ramUnit },
];

for (const { name, execution, unit } of cases) {
  test(`${name}: what XDWRITEREAD returns is the XOR of what it wrote with what was there, on 32-byte CDBs too (seed ${SEED})`, async () => {
    await withRig(
      (folder) => ({ execution, luns: [unit(folder)] }),
      async (rig) => {
        const lanes: ModelLane[] = [];
        for (let i = 0; i < 2 * offers.length; i++) {
          const client = await rig.login(0, offers[i % offers.length]);
          lanes.push(new ModelLane(client, seededRandom(SEED + i), i * LONG_LBA_COUNT, LONG_LBA_COUNT));
        }
        await Promise.all(
          lanes.map(async (lane) => {
            for (let step = 0; step < 20; step++) await lane.step();
          }),
        );
        await rig.logoutAll();
      },
    );
  });

  test(`${name}: exchanges of the same blocks by several sessions never mix (seed ${SEED})`, async () => {
    await withRig(
      (folder) => ({ execution, luns: [unit(folder)] }),
      async (rig) => {
        const SHARED_LBA_COUNT = 24;
        const clients = await Promise.all(offers.map((offer) => rig.login(0, offer)));
        const [first] = clients as [LogicalUnitClient];
        const parity = Buffer.from(seededRandom(SEED).bytes(SHARED_LBA_COUNT * BLOCK));
        await first.write(0, Buffer.from(parity), BLOCK);
        await Promise.all(
          Array.from({ length: 12 }, async (_, lane) => {
            const random = seededRandom(SEED ^ (lane + 1));
            for (let step = 0; step < 12; step++) {
              const lbaCount = 1 + random.below(SHARED_LBA_COUNT);
              const lba = random.below(SHARED_LBA_COUNT - lbaCount + 1);
              const dataOut = Buffer.from(random.bytes(lbaCount * BLOCK));
              const client = clients[lane % clients.length] as LogicalUnitClient;
              const cdb = xdWriteReadCdb(random.boolean() ? 10 : 32, lba, lbaCount);
              xorInto(parity, lba * BLOCK, (await client.run('XDWRITEREAD', { cdb, dataOut, dataInLength: dataOut.length })).dataIn);
            }
          }),
        );
        // Each exchange returns what one write changed: all of them together are what was there first XOR what is there last.
        assertBytes(await first.read(0, SHARED_LBA_COUNT, BLOCK), parity);
        await rig.logoutAll();
      },
    );
  });
}

test('exchanges as long as a command may be, more of them than the arena holds', async () => {
  const limits = { arenaBytes: 16 * 1024 * KIB, transferLengthBytesMax: 4 * 1024 * KIB };
  await withRig(
    () => ({ execution: 'pool', luns: [ramUnit()], limits }),
    async (rig) => {
      // Data that is asked for waits for memory; what comes unasked would end with TASK SET FULL.
      const solicited: KeyOffers = { InitialR2T: 'Yes', ImmediateData: 'No' };
      const clients = await Promise.all([rig.login(0, solicited), rig.login(0, solicited)]);
      const lbaCount = (4 * 1024 * KIB) / BLOCK;
      const dataOut = Buffer.alloc(lbaCount * BLOCK, 0x5a);
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          (clients[at % 2] as LogicalUnitClient).run('XDWRITEREAD', {
            cdb: xdWriteReadCdb(10, (at % 4) * lbaCount, lbaCount),
            dataOut,
            dataInLength: dataOut.length,
          }),
        ),
      );
      const firsts = results.filter(({ dataIn }) => dataIn[0] === 0x5a);
      assert.is(firsts.length, 4, 'the first of each extent finds zeros, the others find what is written again');
      for (const { dataIn } of results) assertBytes(dataIn, Buffer.alloc(dataOut.length, dataIn[0]));
      await rig.logoutAll();
    },
  );
});

test.run();
