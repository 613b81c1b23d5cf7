import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isoImage } from '../engine/devices/cdrom/optical-fixture.js';
import { type LunloomProcess, withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { peerOutput, runPeer } from '../support/run-peer.js';

// Every kind of device at one target, as the tools of libiscsi and QEMU see it.

const folder = mkdtempSync(join(tmpdir(), 'lunloom-device-tools-'));
const at = (name: string) => join(folder, name);
const ISO_BLOCKS = 600;

const KINDS: readonly { readonly source: string; readonly type: string; readonly product: string; readonly removable: '0' | '1'; readonly listed: string }[] = [
  { source: 'controller', type: 'STORAGE_ARRAY_CONTROLLER', product: 'CONTROLLER', removable: '0', listed: '' },
  { source: `tape:${at('a.tape')},capacity=16MiB`, type: 'SEQUENTIAL_ACCESS', product: 'VIRTUAL-TAPE', removable: '1', listed: '' },
  { source: `cdrom:${at('a.iso')}`, type: 'MMC', product: 'VIRTUAL-CDROM', removable: '1', listed: '' },
  { source: `changer:${at('a.lib.yaml')}`, type: 'MEDIA_CHANGER', product: 'MEDIA-CHANGER', removable: '1', listed: '' },
  { source: `osd:${at('objects')}`, type: 'OSD', product: 'OBJECT-STORE', removable: '0', listed: '' },
  { source: 'ram:16MiB', type: 'DIRECT_ACCESS', product: 'VIRTUAL-DISK', removable: '0', listed: ' (Size:15M)' },
];

async function withAllKinds(work: (lunloom: LunloomProcess) => Promise<void>): Promise<void> {
  const luns = KINDS.map(({ source }, lun) => `${lun}=${source}`);
  // A drive without a tape, and one without a disc.
  await withLunloom({ args: [...luns, '6=tape:', '7=cdrom:'].flatMap((lun) => ['--lun', lun]) }, work);
}

test.before(() => {
  writeFileSync(at('a.iso'), isoImage(ISO_BLOCKS));
  writeFileSync(at('a.lib.yaml'), 'drives: [6]\nslots: 2\n');
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const fieldOf = (text: string, name: string) => new RegExp(`^${name}:(.*?) *$`, 'm').exec(text)?.[1];

peerTest('iscsi-inq names every kind of device by its type', ['iscsi-inq'], () =>
  withAllKinds(async (lunloom) => {
    for (const [lun, { type, product, removable }] of KINDS.entries()) {
      const text = await peerOutput('iscsi-inq', [lunloom.url(lun)]);
      assert.equal(
        ['Peripheral Qualifier', 'Peripheral Device Type', 'Removable', 'Product'].map((name) => fieldOf(text, name)),
        ['CONNECTED', type, removable, product],
      );
      const serial = await peerOutput('iscsi-inq', ['-e', '1', '-c', String(0x80), lunloom.url(lun)]);
      assert.match(serial, /^Unit Serial Number:\[\S+\]$/m);
      assert.match(await peerOutput('iscsi-inq', ['-e', '1', '-c', String(0x83), lunloom.url(lun)]), 'NAA');
    }
  }),
);

peerTest('iscsi-ls lists what has something in it, and ends at an empty drive', ['iscsi-ls'], () =>
  withAllKinds(async (lunloom) => {
    const { stdout, stderr } = await runPeer('iscsi-ls', ['-s', lunloom.portalUrl()]);
    const lines = stdout.split('\n').filter((line) => line.startsWith('Lun:'));
    assert.equal(
      lines.slice(0, KINDS.length),
      KINDS.map(({ type, listed }, lun) => `Lun:${String(lun).padEnd(4)} Type:${type}${listed}`),
    );
    assert.match(stderr, /SENSE KEY:NOT READY\(2\) ASCQ:MEDIUM_NOT_PRESENT/);
  }),
);

peerTest('qemu-img and qemu-io read a disc, and find nothing in a drive without one', ['qemu-img', 'qemu-io', 'qemu-block-iscsi'], () =>
  withAllKinds(async (lunloom) => {
    const disc = lunloom.url(2);
    assert.match(await peerOutput('qemu-img', ['info', disc]), `(${ISO_BLOCKS * 2048} bytes)`);
    assert.match(await peerOutput('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', disc, at('a.iso')]), 'Images are identical.');
    // Block 10h of the image begins with the volume descriptor, block 20h with its own address.
    const read = await peerOutput('qemu-io', ['-r', '-f', 'raw', '-c', 'read -v 0x8000 16', '-c', 'read -v 0x10000 16', disc]);
    assert.match(read, /00008000: {2}01 43 44 30 30 31 01/);
    assert.match(read, /00010000: {2}00 00 00 20/);
    assert.is.not((await runPeer('qemu-img', ['info', lunloom.url(7)])).exitCode, 0);
    assert.is(readFileSync(at('a.iso')).equals(isoImage(ISO_BLOCKS)), true);
  }),
);

test.run();
