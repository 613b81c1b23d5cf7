import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig, EngineConfig } from '../../engine/config/engine-config.js';
import { Asc, SenseKey } from '../../engine/scsi/sense-codes.js';
import { cdb, type KeyOffers, type LogicalUnitClient, ScsiError } from '../../initiator/index.js';
import { assertBytes } from '../support/assert-bytes.js';
import { seededRandom } from '../support/random.js';
import { withRig } from './fault-rig.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const BLOCK = 512;
const UNIT_BYTES = 8 * 1024 * 1024;
const BYTCHK_EVERY_BYTE = 0x02;
const DPO = 0x10;
/** Longer than the scratch memory that is read into, and than one burst. */
const LONG_LBA_COUNT = 603;
const FORMS = [10, 12, 16, 32] as const;
type Form = (typeof FORMS)[number];
/** LUN 0 keeps what it is given, LUN 1 forgets it and reads zeros. */
const NULL_LUN = 1;

const offers: readonly KeyOffers[] = [
  {},
  { InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '4096', MaxOutstandingR2T: '4' },
  { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C', InitialR2T: 'No', FirstBurstLength: '2048' },
];

/** Not every form with every offer: what a file makes durable takes milliseconds a command. */
const formsWithOffers = FORMS.map((form, index) => ({ form, offer: offers[index % offers.length] as KeyOffers }));

const { writeAndVerify10, writeAndVerify12, writeAndVerify16 } = cdb.ScsiOperation;
const opcodes = { 10: writeAndVerify10, 12: writeAndVerify12, 16: writeAndVerify16 };

function writeAndVerifyCdb(form: Form, flags: number, lba: number, lbaCount: number): Buffer {
  if (form === 32) return cdb.blockCdb32(cdb.VariableLengthAction.writeAndVerify32, flags, lba, lbaCount);
  const build = { 10: cdb.blockCdb10, 12: cdb.blockCdb12, 16: cdb.blockCdb16 }[form];
  return build(opcodes[form], flags, lba, lbaCount);
}

const nullUnit: DiskLunConfig = { lun: NULL_LUN, store: { kind: 'null', sizeBytes: UNIT_BYTES }, blockLengthBytes: BLOCK, readOnly: false };

function ramUnit(): DiskLunConfig {
  return { lun: 0, store: { kind: 'ram', sizeBytes: UNIT_BYTES }, blockLengthBytes: BLOCK, readOnly: false };
}

function fileUnit(folder: string): DiskLunConfig {
  const store = { kind: 'file', path: join(folder, 'verified.img'), sizeBytes: UNIT_BYTES, direct: false } as const;
  return { lun: 0, store, blockLengthBytes: BLOCK, readOnly: false };
}

async function scsiErrorOf(work: Promise<unknown>): Promise<ScsiError> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, ScsiError);
    return error as ScsiError;
  }
  throw new Error('the command ended with GOOD');
}

/** What an initiator sees of a command whose Data-Out is not as long as its CDB says. */
async function residualOf(unit: LogicalUnitClient, label: string, bytes: Buffer, dataOut: Buffer | undefined) {
  const { status, residualFlags, residualCount } = await unit.run(label, dataOut === undefined ? { cdb: bytes } : { cdb: bytes, dataOut });
  return { status, residualFlags, residualCount };
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
  { name: 'a file, as the engine thinks best', execution: 'auto', unit: fileUnit },
];

for (const { name, execution, unit } of cases) {
  const inRig = (what: string, use: (log: (lun: number, offer?: KeyOffers) => Promise<LogicalUnitClient>) => Promise<void>) =>
    test(`${name}: ${what} (seed ${SEED})`, () =>
      withRig(
        (folder) => ({ execution, luns: [unit(folder), nullUnit] }),
        async (rig) => {
          await use((lun, offer) => rig.login(lun, offer));
          await rig.logoutAll();
        },
      ));

  inRig('what was written and verified is what is read', async (login) => {
    const random = seededRandom(SEED);
    for (const { form, offer } of formsWithOffers) {
      const client = await login(0, offer);
      for (const [flags, lbaCount] of [
        [0, 1],
        [DPO, 9],
        [BYTCHK_EVERY_BYTE, 16],
        [DPO | BYTCHK_EVERY_BYTE, LONG_LBA_COUNT],
      ] as const) {
        const dataOut = Buffer.from(random.bytes(lbaCount * BLOCK));
        const lba = random.below(UNIT_BYTES / BLOCK - lbaCount);
        await client.run(`WRITE AND VERIFY (${form})`, { cdb: writeAndVerifyCdb(form, flags, lba, lbaCount), dataOut });
        assertBytes(await client.read(lba, lbaCount, BLOCK), dataOut);
      }
      const dataOut = Buffer.from(random.bytes(3 * BLOCK));
      await client.writeAndVerify(7, dataOut, BLOCK, true, { cdbLength: form });
      assertBytes(await client.read(7, 3, BLOCK), dataOut);
    }
  });

  inRig('a medium that forgets is found out, and only when bytes are compared', async (login) => {
    const client = await login(NULL_LUN);
    for (const form of FORMS) {
      for (const lostAt of [0, 777, LONG_LBA_COUNT * BLOCK - 1]) {
        const dataOut = Buffer.alloc(LONG_LBA_COUNT * BLOCK);
        dataOut[lostAt] = 0xa5;
        await client.run('WRITE AND VERIFY', { cdb: writeAndVerifyCdb(form, 0, 0, LONG_LBA_COUNT), dataOut });
        const compared = client.run('WRITE AND VERIFY', { cdb: writeAndVerifyCdb(form, BYTCHK_EVERY_BYTE, 0, LONG_LBA_COUNT), dataOut });
        const error = await scsiErrorOf(compared);
        assert.equal([error.senseKey, error.ascAscq, error.sense?.information], [SenseKey.miscompare, Asc.miscompareDuringVerify, BigInt(lostAt)]);
      }
    }
  });

  inRig('residuals, and what is written of too little or too much data, are those of WRITE', async (login) => {
    const random = seededRandom(SEED + 1);
    const LBA_COUNT = 4;
    for (const { form, offer } of formsWithOffers) {
      const client = await login(0, offer);
      for (const lengthBytes of [null, BLOCK / 2, BLOCK, 2 * BLOCK + 100, LBA_COUNT * BLOCK, LBA_COUNT * BLOCK + 100, 6 * BLOCK]) {
        const dataOut = lengthBytes === null ? undefined : Buffer.from(random.bytes(lengthBytes));
        const before = Buffer.alloc(8 * BLOCK, 0x5a);
        await client.write(0, before, BLOCK);
        const ofWrite = await residualOf(client, 'WRITE', cdb.writeCdb(form, 1, LBA_COUNT), dataOut);
        const afterWrite = await client.read(0, 8, BLOCK);
        for (const flags of [0, BYTCHK_EVERY_BYTE]) {
          await client.write(0, before, BLOCK);
          const ofBoth = await residualOf(client, 'WRITE AND VERIFY', writeAndVerifyCdb(form, flags, 1, LBA_COUNT), dataOut);
          assert.equal(ofBoth, ofWrite, `(${form}), ${lengthBytes} bytes`);
          assertBytes(await client.read(0, 8, BLOCK), afterWrite);
        }
      }
    }
  });
}

test.run();
