// test-timeout: 120 s
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfigDocument } from '../../engine/config/config-document.js';
import { Engine } from '../../engine/engine.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { captureTest, FAULTS, LOST_PACKETS, NOT_DISSECTED, SharedCapture } from '../support/capture-test.js';
import { PacketCapture } from '../support/packet-capture.js';

const TARGET = 'iqn.2026-11.io.lunloom:library';
const CHANGER_LUN = 3;
const folder = mkdtempSync(join(tmpdir(), 'lunloom-smc-'));
const DATA_IN_LENGTH = 4096;

/** Commands that the capture holds, in hex digits, and how Wireshark names them. It has EXCHANGE MEDIUM under another operation code than SMC. */
const COMMANDS: readonly { readonly cdb: string; readonly hasDataIn?: boolean; readonly name: string }[] = [
  { cdb: '070000000000', name: 'Initialize Element Status' },
  { cdb: '37010400000000020000', name: 'Initialize Element Status With Range' },
  { cdb: '2b00000004000000 0000', name: 'Position To Element' },
  { cdb: 'b8100000ffff 00 001000 0000', hasDataIn: true, name: 'Read Element Status' },
  { cdb: 'b8100000ffff 01 001000 0000', hasDataIn: true, name: 'Read Element Status' },
  { cdb: 'a500 0000 0400 0100 0000 0000', name: 'Move Medium' },
  { cdb: 'a500 0000 0401 0101 0000 0000', name: 'Move Medium' },
  { cdb: 'a600 0000 0100 0101 0100 0000', name: '0xa6' },
  { cdb: 'b8140000ffff 03 001000 0000', hasDataIn: true, name: 'Read Element Status' },
  { cdb: '1b0003000000', name: 'Open/Close Import/Export Element' },
  { cdb: '1a001d00ff00', hasDataIn: true, name: 'Mode Sense(6)' },
  { cdb: '5a001f0000000000ff00', hasDataIn: true, name: 'Mode Sense(10)' },
  { cdb: '4d006e00000000100000', hasDataIn: true, name: 'Log Sense' },
];

async function record(): Promise<PacketCapture> {
  writeFileSync(
    join(folder, 'lab.lib.yaml'),
    'drives: [1, 2]\nslots: 4\nimport-export: 1\ncartridges: [{ path: a.tape, barcode: LUN001L6 }, { path: b.tape }]\n',
  );
  const drive = (lun: number) => ({ lun, store: 'tape:', capacity: '16MiB' });
  const luns = [drive(1), drive(2), { lun: CHANGER_LUN, store: `changer:${join(folder, 'lab.lib.yaml')}` }];
  const raw = { portals: ['127.0.0.1:0'], workers: 0, control: 'off', targets: [{ name: TARGET, luns }] };
  const { config } = readConfigDocument(raw, process.cwd());
  assert.ok(config);
  const engine = await Engine.start(config);
  const port = engine.portals[0]?.port ?? 0;
  let capture: PacketCapture | null = null;
  try {
    capture = await PacketCapture.start(port);
    const session = await Session.login({ host: '127.0.0.1', port, targetName: TARGET });
    const changer = new LogicalUnitClient(session, CHANGER_LUN, { unitAttentionCountMax: 4 });
    // Wireshark learns from it that this is a media changer.
    await changer.inquiry();
    for (const { cdb, hasDataIn, name } of COMMANDS) {
      await changer.run(name, { cdb: Buffer.from(cdb.replaceAll(' ', ''), 'hex'), ...(hasDataIn === true ? { dataInLength: DATA_IN_LENGTH } : {}) });
    }
    await session.logout();
    await capture.stop();
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

captureTest('a media changer: nothing is malformed or lost, and all of it is iSCSI to Wireshark', async () => {
  for (const filter of [LOST_PACKETS, FAULTS, NOT_DISSECTED]) assert.equal(await shared.summarize(filter), []);
});

captureTest('a media changer: Wireshark names every command as SMC does', async () => {
  const frames = await shared.summarize('iscsi.opcode == 0x01 && scsi.lun == 3');
  for (const { name } of COMMANDS)
    assert.ok(
      frames.some((frame) => frame.toLowerCase().includes(name.toLowerCase())),
      `${name} in\n${frames.join('\n')}`,
    );
});

captureTest('a media changer: Wireshark finds the addresses of moves, and those of the mode page', async () => {
  assert.equal(await shared.valuesOf('scsi_smc.sa && scsi.lun == 3', 'scsi_smc.da'), ['256', '257']);
  assert.equal(await shared.valuesOf('scsi.mode.smc.first_storage_element_address', 'scsi.mode.smc.number_of_storage_elements'), ['4']);
});

captureTest('a media changer: Wireshark finds the elements and their volume tags in element status data', async () => {
  const reports = await shared.rowsOf('scsi_smc.first_element_address_reported', ['scsi_smc.number_of_elements_available', 'scsi_smc.primary_vol_tag_id']);
  assert.equal(
    reports.map(([available]) => available),
    [['8'], ['8'], ['2']],
  );
  for (const [, tags] of reports)
    assert.ok(
      tags?.some((tag) => tag.startsWith('LUN001L6')),
      tags?.join(),
    );
});

test.run();
