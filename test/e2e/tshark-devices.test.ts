// test-timeout: 120 s
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfigDocument } from '../../engine/config/config-document.js';
import { Engine } from '../../engine/engine.js';
import { isoImage } from '../engine/devices/cdrom/optical-fixture.js';
import { captureTest, FAULTS, LOST_PACKETS, NOT_DISSECTED, SharedCapture } from '../support/capture-test.js';
import { Osd } from '../support/osd-cdb.js';
import { PacketCapture } from '../support/packet-capture.js';
import { DeviceRecorder, type SentCommand } from './device-recorder.js';
import { recordChanger } from './recorded-changer.js';
import { recordDiscs } from './recorded-discs.js';
import { recordObjects } from './recorded-objects.js';
import { recordTape } from './recorded-tape.js';

// Wireshark learns from INQUIRY what kind of device a LUN is, and reads its CDBs and data with the dissector of that kind: SSC, MMC, SMC or OSD.

const TARGET = 'iqn.2026-11.io.lunloom:vault';
const folder = mkdtempSync(join(tmpdir(), 'lunloom-devices-'));
const Lun = { tape: 1, pressed: 2, changer: 3, objects: 4, dvdPlusR: 5, cdRw: 6, bdRe: 7, firstBay: 8, secondBay: 9 } as const;
const LIBRARY = 'drives: [8, 9]\nslots: 4\nimport-export: 1\ncartridges: [{ path: b.tape, barcode: LUN001L6 }, { path: c.tape, barcode: LUN002L6 }]\n';
const ISO_BLOCKS = 600;

const DISSECTORS = ['scsi_ssc', 'scsi_mmc', 'scsi_smc', 'scsi_osd'] as const;

function dissectorOf(lun: number): (typeof DISSECTORS)[number] {
  if (lun === Lun.tape) return 'scsi_ssc';
  if (lun === Lun.changer) return 'scsi_smc';
  return lun === Lun.objects ? 'scsi_osd' : 'scsi_mmc';
}

const sent: SentCommand[] = [];

async function record(): Promise<PacketCapture> {
  writeFileSync(join(folder, 'vault.lib.yaml'), LIBRARY);
  writeFileSync(join(folder, 'a.iso'), isoImage(ISO_BLOCKS));
  const blank = (lun: number, profile: string) => ({ lun, store: `cdrom:${join(folder, profile)}`, profile, size: '32MiB' });
  const bay = (lun: number) => ({ lun, store: 'tape:', capacity: '16MiB' });
  const luns = [
    { lun: Lun.tape, store: `tape:${join(folder, 'a.tape')}`, capacity: '64MiB' },
    { lun: Lun.pressed, store: `cdrom:${join(folder, 'a.iso')}`, profile: 'cd' },
    { lun: Lun.changer, store: `changer:${join(folder, 'vault.lib.yaml')}` },
    { lun: Lun.objects, store: `osd:${join(folder, 'objects')}` },
    blank(Lun.dvdPlusR, 'dvd+r'),
    blank(Lun.cdRw, 'cd-rw'),
    blank(Lun.bdRe, 'bd-re'),
    bay(Lun.firstBay),
    bay(Lun.secondBay),
  ];
  const raw = { portals: ['127.0.0.1:0'], workers: 1, control: 'off', targets: [{ name: TARGET, luns }] };
  const { config } = readConfigDocument(raw, process.cwd());
  assert.ok(config);
  const defects: unknown[] = [];
  const engine = await Engine.start(config, { onDefect: (error) => defects.push(error) });
  const port = engine.portals[0]?.port ?? 0;
  let capture: PacketCapture | null = null;
  try {
    capture = await PacketCapture.start(port);
    const recorder = await DeviceRecorder.login(port, TARGET);
    await recordTape(recorder, Lun.tape);
    await recordDiscs(recorder, Lun);
    await recordChanger(recorder, Lun.changer);
    await recordObjects(recorder, Lun.objects);
    await recorder.session.logout();
    await capture.stop();
    assert.equal(recorder.faults, []);
    assert.equal(defects, []);
    sent.push(...recorder.sent);
    return capture;
  } catch (error) {
    capture?.remove();
    throw error;
  } finally {
    await engine.stop({ immediately: true });
  }
}

const shared = new SharedCapture(record);
test.after(async () => {
  await shared.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The commands in their order, one at a time: a row of the capture each. */
async function commandRows(): Promise<
  { readonly tag: string; readonly info: string; readonly opcodes: Readonly<Record<string, number | null>>; readonly action: string }[]
> {
  const fields = ['iscsi.initiatortasktag', '_ws.col.Info', ...DISSECTORS.map((name) => `${name}.opcode`), 'scsi_osd.svcaction'];
  const rows = await shared.rowsOf('iscsi.opcode == 0x01', fields);
  return rows.map(([tag = [], info = [], ...values]) => {
    const opcodes = Object.fromEntries(DISSECTORS.map((name, at) => [name, values[at]?.[0] === undefined ? null : Number(values[at][0])]));
    return { tag: tag[0] ?? '', info: info.join(' '), opcodes, action: values[DISSECTORS.length]?.[0] ?? '' };
  });
}

captureTest('nothing is lost, and all of it is iSCSI to Wireshark', async () => {
  for (const filter of [LOST_PACKETS, NOT_DISSECTED]) assert.equal(await shared.summarize(filter), []);
});

captureTest('nothing is malformed but what Wireshark misreads, which is compared byte by byte', async () => {
  const tags = (await commandRows()).map(({ tag }) => tag);
  const faulty = (await shared.valuesOf(FAULTS, 'iscsi.initiatortasktag')).map((tag) => tags.indexOf(tag));
  const unexpected = faulty.filter((at) => (sent[at]?.misread ?? null) === null);
  assert.equal(
    unexpected.map((at) => sent[at]),
    [],
  );
  const frames = await shared.summarize(FAULTS);
  assert.is(frames.length, faulty.length, 'each fault is of one command');
});

captureTest('every command is read as one of its device type, and has its name', async () => {
  const rows = await commandRows();
  assert.is(rows.length, sent.length);
  const known = new Set<number>();
  const wrong = sent.flatMap(({ lun, name, opcode, serviceAction }, at) => {
    const row = rows[at] as (typeof rows)[number];
    // Before the first INQUIRY it does not know what the LUN is, and what it has no name for has no field either.
    const isNamed = known.has(lun) && !name.startsWith('0x');
    known.add(lun);
    const isRead = (!isNamed || row.opcodes[dissectorOf(lun)] === opcode) && row.info.toLowerCase().includes(` ${name.toLowerCase()}`);
    return isRead && (serviceAction === null || Number(row.action) === serviceAction) ? [] : [`LUN ${lun}: ${name}, ${opcode.toString(16)}: ${row.info}`];
  });
  assert.equal(wrong, []);
});

/** What each table has, by its opcodes: a dissector that was asked for little proves little. */
const OPCODE_COUNTS_MIN = { scsi_ssc: 46, scsi_mmc: 38, scsi_smc: 21, scsi_osd: 8 } as const;

captureTest('the recording holds most of what each device type has', async () => {
  for (const name of DISSECTORS) {
    const opcodes = new Set(sent.filter(({ lun }) => dissectorOf(lun) === name).map(({ opcode }) => opcode));
    assert.ok(opcodes.size >= OPCODE_COUNTS_MIN[name], `${name}: ${opcodes.size}`);
  }
  const actions = new Set(sent.map(({ serviceAction }) => serviceAction).filter((action) => action !== null));
  assert.equal([...actions].sort(), Object.values(Osd).sort());
});

captureTest('Wireshark finds in the data what was meant', async () => {
  assert.equal(new Set(await shared.valuesOf('scsi_ssc.readposition.partition_number', 'scsi_ssc.readposition.block_number')), new Set(['12']));
  assert.equal(await shared.valuesOf('scsi_smc.sa', 'scsi_smc.da'), ['256', '768', '257', '257', '1026']);
  const tags = await shared.valuesOf('scsi_smc.primary_vol_tag_id', 'scsi_smc.primary_vol_tag_id');
  for (const barcode of ['LUN001L6', 'LUN002L6']) assert.ok(tags.some((tag) => tag.startsWith(barcode)));
  const senses = await shared.valuesOf('scsi.sns.key', 'scsi.sns.ascascq');
  for (const sense of ['0x7401', '0x2102', '0x2101', '0x3b17']) assert.ok(senses.includes(sense), `${sense} is among ${senses}`);
});

test.run();
