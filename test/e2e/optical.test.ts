import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, loginOptionsOf, parseIscsiUrl, ScsiCommandError, Session } from '../../initiator/index.js';
import { blocksOf, isoImage, read10, write10 } from '../engine/devices/cdrom/optical-fixture.js';
import { assertBytes, hex } from '../support/assert-bytes.js';
import { captureTest, FAULTS, LOST_PACKETS, SharedCapture } from '../support/capture-test.js';
import { LunloomProcess, withLunloom } from '../support/lunloom-process.js';
import { PacketCapture } from '../support/packet-capture.js';
import { peerTest } from '../support/peer-test.js';
import { peerOutput } from '../support/run-peer.js';

const folder = mkdtempSync(join(tmpdir(), 'lunloom-optical-e2e-'));
const isoPath = join(folder, 'image.iso');
const BLOCK_COUNT = 1500;
const BLOCK_BYTES = 2048;
const COPY_MS_MAX = 60_000;
const DATA_IN_MAX = 64 * BLOCK_BYTES;

test.before(() => writeFileSync(isoPath, isoImage(BLOCK_COUNT)));

async function withUnit<T>(lunloom: LunloomProcess, lun: number, use: (unit: LogicalUnitClient) => Promise<T>): Promise<T> {
  const url = parseIscsiUrl(lunloom.url());
  const session = await Session.login({ ...loginOptionsOf(url), targetName: url.targetName });
  try {
    const unit = new LogicalUnitClient(session, lun);
    await unit.clearUnitAttentions();
    return await use(unit);
  } finally {
    await session.logout();
  }
}

const send = (unit: LogicalUnitClient, cdb: string, dataOut?: Uint8Array) =>
  unit.run(cdb, { cdb: hex(cdb), ...(dataOut === undefined ? { dataInLength: DATA_IN_MAX } : { dataOut }) });

for (const execution of ['inline', 'pool'] as const) {
  peerTest(`qemu-img reads an image as a CD, ${execution}`, ['qemu-img', 'qemu-block-iscsi'], async () => {
    const out = join(folder, 'out.raw');
    await withLunloom({ args: ['--lun', `0=cdrom:${isoPath},execution=${execution}`] }, (lunloom) =>
      peerOutput('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', lunloom.url(), out], { timeMsMax: COPY_MS_MAX }),
    );
    assert.ok(readFileSync(out).equals(readFileSync(isoPath)));
  });
}

test('a DVD+R is written over the wire: what was synchronized survives kill -9, and the session is closed afterwards', async () => {
  const args = ['--lun', `0=cdrom:${join(folder, 'disc')},profile=dvd+r,size=32MiB`];
  const first = await LunloomProcess.start({ args });
  await withUnit(first, 0, async (unit) => {
    await Promise.all(Array.from({ length: 8 }, (_, at) => send(unit, write10(at * 64, 64), blocksOf(at * 64, 64))));
    await send(unit, '35 00 00000000 00 0000 00');
    await send(unit, write10(512, 64), blocksOf(512, 64));
  });
  await first.kill();
  await withLunloom({ args }, (lunloom) =>
    withUnit(lunloom, 0, async (unit) => {
      assertBytes((await send(unit, read10(448, 64))).dataIn.subarray(0, 64 * BLOCK_BYTES), blocksOf(448, 64));
      const error = await send(unit, read10(512, 1)).catch((thrown: unknown) => thrown);
      assert.instance(error, ScsiCommandError);
      await send(unit, write10(512, 16), blocksOf(512, 16));
      await send(unit, '5b00 01 00 0001 000000 00');
      await send(unit, '5b00 06 00 0000 000000 00');
      assertBytes((await send(unit, '25 00 00000000 0000 00 00')).dataIn, hex('0000020f 00000800'));
    }),
  );
  assert.ok(
    readFileSync(join(folder, 'disc'))
      .subarray(0, 528 * BLOCK_BYTES)
      .equals(blocksOf(0, 528)),
  );
});

/** One of each, as initiators send them. */
const COMMANDS: readonly string[] = [
  '00 00000000 00',
  '12 00 00 0060 00',
  '46 00 0000 000000 1000 00',
  '4a 01 0000 7e 0000 0008 00',
  '25 00 00000000 0000 00 00',
  '43 00 00 000000 00 0064 00',
  '43 02 02 000000 01 0064 00',
  '42 02 40 01 0000 00 0064 00',
  '51 00 0000000000 0022 00',
  '52 01 00000001 00 0030 00',
  '23 000000000000 00fc 00',
  '5a 08 3f 00 000000 0100 00',
  'bd 00000000000000 0008 00 00',
  'ac 10 00000000 0000 0001 00 00',
  'bb 00 ffff ffff 0000000000 00',
  'be 00 00000010 000004 f8 00 00',
  'a8 00 00000010 00000004 00 00',
  '28 00 00000010 00 0004 00',
  '2b 00 00000010 000000 00',
  '5c 00 0000000000 000c 00',
  '1e 000000 01 00',
  '1e 000000 00 00',
  '1b 00 0000 02 00',
  '1b 00 0000 03 00',
];

async function record(): Promise<PacketCapture> {
  const lunloom = await LunloomProcess.start({ args: ['--lun', `0=cdrom:${isoPath}`] });
  const capture = await PacketCapture.start(lunloom.port);
  try {
    await withUnit(lunloom, 0, async (unit) => {
      for (const cdb of COMMANDS) await send(unit, cdb);
    });
    await capture.stop();
  } finally {
    await lunloom.stop();
  }
  return capture;
}

const shared = new SharedCapture(record);
test.after(async () => {
  await shared.remove();
  rmSync(folder, { recursive: true });
});

captureTest('Wireshark finds nothing malformed in what a CD drive is asked and answers', async () => {
  assert.equal(await shared.summarize(LOST_PACKETS), []);
  assert.equal(await shared.summarize(FAULTS), []);
  const opcodes = (await shared.valuesOf('iscsi.opcode == 0x01', 'scsi_mmc.opcode')).filter((value) => value !== '');
  // It knows the commands as those of MMC.
  for (const opcode of [0x46, 0x4a, 0x43, 0x51, 0x52, 0xa8, 0x28, 0x1b])
    assert.ok(
      opcodes.some((value) => Number(value) === opcode),
      opcode.toString(16),
    );
});

test.run();
