import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Child } from '../../bench/compare/child-process.js';
import { ReservationType } from '../../initiator/cdb.js';
import { BlockDevice, LogicalUnitClient, ReservationConflictError, ScsiError, Session } from '../../initiator/index.js';
import { assertBytes } from '../support/assert-bytes.js';
import { withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { seededRandom } from '../support/random.js';
import { repositoryRoot } from '../support/repository-root.js';
import { runCli } from './cli-child.js';
import { TGT_LUN, Tgtd } from './tgtd.js';

/** The SCSI helpers, the example script and the commands that look at targets, against Lunloom and against Debian's tgtd. */

const MIB = 1024 * 1024;
const TARGET = 'iqn.2026-11.io.lunloom:scripts';
const SEED = 20_261_123;
const TGT = ['tgtd', 'tgtadm'] as const;

interface Place {
  readonly port: number;
  readonly targetName: string;
  readonly lun: number;
}

async function withTgtd(use: (place: Place) => Promise<void>): Promise<void> {
  const tgtd = await Tgtd.start([{ targetName: TARGET }], 8 * MIB);
  try {
    await use({ port: tgtd.port, targetName: TARGET, lun: TGT_LUN });
  } finally {
    await tgtd.stop();
  }
}

function withServed(use: (place: Place) => Promise<void>): Promise<void> {
  return withLunloom({ args: ['--target', TARGET, '--lun', '0=ram:8MiB', '--lun', '3=ram:1MiB,block-size=4096'] }, (served) =>
    use({ port: served.port, targetName: TARGET, lun: 0 }),
  );
}

async function withUnits(place: Place, count: number, use: (...units: LogicalUnitClient[]) => Promise<void>): Promise<void> {
  const { port, targetName, lun } = place;
  const sessions: Session[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const initiatorName = `iqn.2026-11.io.lunloom:host-${index}`;
      sessions.push(await Session.login({ host: '127.0.0.1', port, targetName, initiatorName, tolerate: 'harmless' }));
    }
    const units = sessions.map((session) => new LogicalUnitClient(session, lun, { unitAttentionCountMax: 8 }));
    for (const unit of units) await unit.clearUnitAttentions();
    await use(...units);
  } finally {
    for (const session of sessions) if (!session.isClosed) await session.logout();
  }
}

/** What every disk has to do. */
async function exerciseDisk(place: Place): Promise<void> {
  await withUnits(place, 1, async (unit) => {
    await unit.testUnitReady();
    const pages = await unit.vpd('supportedPages');
    assert.ok(pages.includes(0x83), `${pages}`);
    assert.ok((await unit.vpd('deviceIdentification')).some(({ association }) => association === 'logical unit'));
    assert.ok((await unit.vpd('unitSerialNumber')).length > 0);
    const ten = await unit.readCapacity10();
    const sixteen = await unit.readCapacity16();
    assert.equal([ten.lbaCount, ten.blockLengthBytes], [sixteen.lbaCount, sixteen.blockLengthBytes]);
    assert.ok((await unit.reportLuns()).includes(place.lun));
    assert.is((await unit.modeSense({ pageCode: 0x3f })).writeProtected, false);
    assert.is((await unit.requestSense())?.key ?? 0, 0);

    const device = await BlockDevice.open(unit, { transferLengthBytesMax: 64 * 1024, depth: 4 });
    const data = Buffer.from(seededRandom(SEED).bytes(MIB));
    for (const cdbLength of [10, 12, 16] as const) {
      const lba = 100 * cdbLength;
      await device.write(lba, data, { cdbLength });
      assertBytes(await device.read(lba, data.length / 512, { cdbLength }), data);
    }
    // (6) says 256 blocks with a zero.
    await unit.write(9, data.subarray(0, 256 * 512), 512, { cdbLength: 6 });
    assertBytes(await unit.read(9, 256, 512, { cdbLength: 6 }), data.subarray(0, 256 * 512));
    await device.synchronizeCache();

    const beyond = await unit.read(ten.lbaCount, 1, 512).catch((error: unknown) => error);
    assert.instance(beyond, ScsiError);
    assert.equal([(beyond as ScsiError).senseKey, (beyond as ScsiError).ascAscq], [5, 0x2100]);
    assert.match((beyond as ScsiError).message, 'ILLEGAL REQUEST, logical block address out of range');
  });
}

test('the helpers work on Lunloom’s disk', () => withServed(exerciseDisk));
peerTest('the helpers work on tgt’s disk', TGT, () => withTgtd(exerciseDisk));

test('Lunloom: 32-byte CDBs and a bidirectional command', () =>
  withServed((place) =>
    withUnits(place, 1, async (unit) => {
      const [first, second] = [seededRandom(1), seededRandom(2)].map((random) => Buffer.from(random.bytes(4096))) as [Buffer, Buffer];
      await unit.write(7, first, 512, { cdbLength: 32 });
      assertBytes(await unit.read(7, 8, 512, { cdbLength: 32 }), first);
      const xor = await unit.xdWriteRead(7, second, 512);
      assertBytes(xor, Buffer.from(first.map((byte, index) => byte ^ (second[index] as number))));
      assertBytes(await unit.read(7, 8, 512), second);
      const known = await unit.reportSupportedOperationCodes();
      assert.ok(known.some(({ operationCode, cdbLength }) => operationCode === 0x28 && cdbLength === 10));
      assert.is((await unit.reportSupportedOperationCode({ operationCode: 0x05 })).support, 'not supported');
      assert.is((await unit.reportSupportedTaskManagementFunctions()).logicalUnitReset, true);
    }),
  ));

peerTest('tgt: two hosts, one persistent reservation', TGT, () =>
  withTgtd((place) =>
    withUnits(place, 2, async (...units) => {
      const [mine, other] = units as [LogicalUnitClient, LogicalUnitClient];
      const [ours, theirs] = [mine.persistentReservations, other.persistentReservations];
      const type = ReservationType.writeExclusiveRegistrantsOnly;
      await ours.register(0x1111n);
      await ours.reserve(0x1111n, type);
      assert.equal((await theirs.readKeys()).keys, [0x1111n]);
      assert.equal((await theirs.readReservation()).reservation, { key: 0x1111n, scope: 0, type });
      await other.read(0, 1, 512);
      const refused = await other.write(0, Buffer.alloc(512), 512).catch((error: unknown) => error);
      assert.instance(refused, ReservationConflictError);
      assert.is((refused as Error).message, 'WRITE (10) ended with RESERVATION CONFLICT');
      await theirs.registerAndIgnoreExistingKey(0x2222n);
      await other.write(0, Buffer.alloc(512), 512);
      assert.ok((await ours.reportCapabilities()).types?.includes(type) ?? true);
      await theirs.preempt(0x2222n, 0x1111n, type);
      assert.is((await theirs.readReservation()).reservation?.key, 0x2222n);
      await theirs.clear(0x2222n);
      assert.equal((await ours.readKeys()).keys, []);
    }),
  ),
);

/** The example as its first lines say it is run. */
async function runExample(url: string): Promise<Child> {
  const root = repositoryRoot();
  const child = new Child('the example', process.execPath, [join(root, 'examples', 'checksum-lun.mjs'), url]);
  await child.ended;
  return child;
}

test('the example tells the checksum of a unit', () =>
  withServed(async (place) => {
    const url = `iscsi://127.0.0.1:${place.port}/${TARGET}/0`;
    const { stdout, stderr } = await runExample(url);
    assert.is(stderr, '');
    const sum = createHash('sha256')
      .update(Buffer.alloc(8 * MIB))
      .digest('hex');
    assert.is(stdout, `${url}: LUNLOOM VIRTUAL-DISK, 16384 blocks of 512 bytes\nsha256 ${sum}\n`);
    assert.match((await runExample(`iscsi://127.0.0.1:${place.port}/${TARGET}/9`)).stderr, /logical unit not supported .*sense key 5/);
  }));

test('discover and inquire say what is there', () =>
  withServed(async ({ port }) => {
    const found = await runCli(['discover', '--luns', `127.0.0.1:${port}`]);
    assert.is(found.exitCode, 0, found.stderr);
    assert.match(
      found.stdout,
      `${TARGET}\n  127.0.0.1:${port}  portal group 1\n  LUN 0  disk  8 MiB  LUNLOOM VIRTUAL-DISK  iscsi://127.0.0.1:${port}/${TARGET}/0\n`,
    );
    const json = JSON.parse((await runCli(['discover', '--json', '--luns', `iscsi://127.0.0.1:${port}`])).stdout) as {
      targets: { luns: { lun: number; sizeBytes: number }[] }[];
    };
    assert.equal(
      json.targets[0]?.luns.map(({ lun, sizeBytes }) => [lun, sizeBytes]),
      [
        [0, 8 * MIB],
        [3, MIB],
      ],
    );
    const url = `iscsi://127.0.0.1:${port}/${TARGET}/3`;
    const told = await runCli(['inquire', url]);
    assert.is(told.exitCode, 0, told.stderr);
    assert.match(told.stdout, /vendor +LUNLOOM\n {2}product +VIRTUAL-DISK\n[\s\S]*capacity +1048576 bytes \(1 MiB\), 256 blocks of 4096 bytes\n/);
    const limits = JSON.parse((await runCli(['inquire', '--vpd', 'blockLimits', '--json', url])).stdout) as {
      pages: { value: { transferLengthMax: number } }[];
    };
    assert.ok((limits.pages[0]?.value.transferLengthMax ?? 0) > 0);
    const missing = await runCli(['inquire', '--vpd', '0xc7', url]);
    assert.is(missing.exitCode, 1);
    assert.match(missing.stderr, /^lunloom: iscsi:.* INQUIRY ended with CHECK CONDITION: ILLEGAL REQUEST, invalid field in CDB/);
    assert.is((await runCli(['inquire', '--vpd', 'nothing', url])).exitCode, 2);
    assert.is((await runCli(['inquire', `iscsi://127.0.0.1:${port}/iqn.x:none/0`])).exitCode, 6);
  }));

peerTest('discover finds tgt’s targets', TGT, () =>
  withTgtd(async ({ port }) => {
    const found = await runCli(['discover', '--luns', `127.0.0.1:${port}`]);
    const [name, portal, controller, disk] = found.stdout.split('\n');
    assert.equal([name, portal], [TARGET, `  127.0.0.1:${port}  portal group 1`]);
    assert.match(controller ?? '', /^ {2}LUN 0 {2}storage array controller/);
    assert.match(disk ?? '', /^ {2}LUN 1 {2}disk {2}8 MiB {2}IET VIRTUAL-DISK/);
  }),
);

test.run();
