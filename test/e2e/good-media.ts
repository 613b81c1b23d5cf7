import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readConfigDocument } from '../../engine/config/config-document.js';
import { Engine } from '../../engine/engine.js';
import { openLoopback } from '../../engine/loopback/index.js';
import { blocksOf, isoImage } from '../engine/devices/cdrom/optical-fixture.js';
import { encodeOsd, Osd } from '../support/osd-cdb.js';
import { bytesOf } from './device-recorder.js';

export const TAPE_BLOCK_COUNT = 4;
export const TAPE_BLOCK_BYTES = 4096;
export const TAPE_CAPACITY_BYTES = 16 * 1024 * 1024;
export const ISO_BLOCK_COUNT = 400;
const TARGET = 'iqn.2026-11.io.lunloom:media';

/** A medium of each kind, written by the devices: `a.tape`, `a.iso`, `disc` with its record, `a.lib.yaml` with its state and its cartridge, and `store`. */
export async function makeGoodMedia(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  writeFileSync(at('a.iso'), isoImage(ISO_BLOCK_COUNT));
  writeFileSync(at('a.lib.yaml'), 'drives: [1]\nslots: 4\ncartridges: [{ path: b.tape, barcode: LUN001L6 }]\n');
  const luns = [
    { lun: 0, store: `tape:${at('a.tape')}`, capacity: TAPE_CAPACITY_BYTES },
    { lun: 1, store: 'tape:', capacity: TAPE_CAPACITY_BYTES },
    { lun: 2, store: `cdrom:${at('disc')}`, profile: 'dvd+r', size: '5MiB' },
    { lun: 3, store: `changer:${at('a.lib.yaml')}` },
    { lun: 4, store: `osd:${at('store')}` },
  ];
  const { config } = readConfigDocument({ portals: ['127.0.0.1:0'], workers: 0, control: 'off', targets: [{ name: TARGET, luns }] }, folder);
  assert.ok(config);
  const engine = await Engine.start(config);
  const nexus = openLoopback(engine);
  const send = async (lun: number, cdb: Uint8Array, dataOut?: Uint8Array) => {
    for (;;) {
      const { status, sense } = await nexus.execute({ lun, cdb, ...(dataOut === undefined ? {} : { dataOut }) });
      if (status === 0) return;
      // Unit attentions of the start.
      const key = ((sense[0] ?? 0) & 0x7f) >= 0x72 ? sense[1] : sense[2];
      assert.is((key ?? 0) & 0x0f, 6, Buffer.from(sense).toString('hex'));
    }
  };
  for (let index = 0; index < TAPE_BLOCK_COUNT; index++) await send(0, bytesOf('0a 00 001000 00'), tapeBlockOf(index));
  await send(0, bytesOf('10 00 000001 00'));
  await send(2, bytesOf('2a 00 00000000 00 0010 00'), blocksOf(0, 16));
  await send(2, bytesOf('35 00 00000000 00 0000 00'));
  await send(3, bytesOf('a5 00 0000 0400 0100 0000 00 00'));
  await send(3, bytesOf('a5 00 0000 0100 0401 0000 00 00'));
  await send(4, encodeOsd({ action: Osd.CREATE_PARTITION, partition: 0x10000n }).cdb);
  const object = encodeOsd({ action: Osd.CREATE_AND_WRITE, partition: 0x10000n, object: 0x10000n, length: 4, data: Buffer.from('data') });
  await send(4, object.cdb, object.dataOut);
  await nexus.close();
  await engine.stop();
}

export function tapeBlockOf(index: number): Buffer {
  return Buffer.alloc(TAPE_BLOCK_BYTES, 0x30 + index);
}
