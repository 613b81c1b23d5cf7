import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { wholeNumber } from '../../../engine/config/schema-values.js';
import type { DeviceKind } from '../../../engine/devices/device-kind.js';
import { deviceKinds } from '../../../engine/devices/registry.js';
import { noSource } from '../../../engine/devices/sources.js';
import { TargetError } from '../../../engine/errors.js';
import { returnData } from '../../../engine/scsi/cdb.js';
import { CommandTable, type DeviceType } from '../../../engine/scsi/command-table.js';
import { inquiryRow } from '../../../engine/scsi/spc/inquiry.js';
import { testUnitReadyRow } from '../../../engine/scsi/spc/test-unit-ready.js';

/**
 * A kind of device that nobody but the registry has heard of: what it takes to add one. What it needs of the rest is imported after it has been registered,
 * as schemas are made when their modules are loaded.
 */

const NAME = 'iqn.2026-11.io.lunloom:echo';
const ECHO = 0xc0;

const echoType: DeviceType = {
  name: 'echo',
  peripheralDeviceType: 0x03,
  readiness: () => null,
  commands: new CommandTable([
    testUnitReadyRow,
    inquiryRow({ peripheralQualifier: 0, versionDescriptors: [], vpdPages: [] }),
    {
      runsOn: 'main',
      opcode: ECHO,
      name: 'ECHO',
      clause: 'of this test',
      cdbLength: 6,
      cdbUsage: [ECHO, 0, 0, 0, 0xff, 0x07],
      reservation: 'always',
      execute: (command, unit) => returnData(command, Buffer.from(`echo ${unit.identity.product}`), command.cdb[4] as number),
    },
  ]),
};

let closedCount = 0;
const echoKind: DeviceKind = {
  name: 'echo',
  form: 'echo',
  ...noSource('echo'),
  // Disks have a size of another sort.
  options: { size: z.enum(['small', 'large'], { error: 'small or large' }), volume: wholeNumber(0, 11) },
  check: ({ options }) => (options['size'] === 'small' && options['volume'] === 11 ? [{ key: 'volume', message: 'is too loud for a small one' }] : []),
  types: async () => [echoType],
  open: async ({ device }) => ({
    deviceType: echoType,
    identity: { product: `ECHO ${String(device.options['size'] ?? 'none')}` },
    parts: [],
    describe: () => ({ sizeBytes: null, blockLengthBytes: null, loaded: true, detail: `volume ${String(device.options['volume'] ?? 5)}` }),
    operations: { shout: { usage: 'TEXT  says it louder', run: async ([text = '']) => text.toUpperCase() } },
    close: async () => {
      closedCount++;
    },
  }),
};
(deviceKinds as DeviceKind[]).push(echoKind);

const { readConfigDocument, documentOf } = await import('../../../engine/config/config-document.js');
const { parseLunOption } = await import('../../../cli/lun-option.js');
const { Engine } = await import('../../../engine/engine.js');
const { openLoopback } = await import('../../../engine/loopback/index.js');
const { renderReadyBlock } = await import('../../../cli/ready-block.js');

function read(...luns: readonly string[]) {
  const raws = luns.map((text) => parseLunOption(text, '/').raw);
  return readConfigDocument({ portals: ['127.0.0.1:0'], control: 'off', workers: 0, targets: [{ name: NAME, luns: raws }] }, '/');
}

const problemOf = (lun: string) => read(lun).problems.map(({ path, message }) => `${String(path.at(-1))}: ${message}`);

test('its options are read as it says, those of others are told to belong elsewhere', () => {
  const { config, problems } = read('1=echo,size=large,volume=11', '2=ram:1MiB');
  assert.equal(problems, []);
  assert.equal(config?.targets[0]?.luns[0]?.device, { kind: 'echo', source: '', options: { size: 'large', volume: 11 } });
  assert.equal(problemOf('1=echo,size=1MiB'), ['size: expected small or large, found "1MiB"']);
  assert.equal(problemOf('1=echo,volume=12'), ['volume: expected a whole number from 0 to 11, found 12']);
  assert.equal(problemOf('1=echo,size=small,volume=11'), ['volume: is too loud for a small one']);
  assert.equal(problemOf('1=echo,block-size=512'), ['block-size: block-size is no option of echo, which has size, volume']);
  assert.equal(problemOf('1=ram:1MiB,volume=1'), ['volume: volume belongs to echo: LUNs; this one is a disk']);
  assert.equal(problemOf('1=echo:x'), ['store: expected echo and nothing behind it, found "x"']);
  assert.match(String(problemOf('1=ecko')), /or a device: .*echo, found "ecko"; did you mean "echo"/);
});

test('its configuration is written and read again', () => {
  const { config } = read('1=echo,size=large,volume=3');
  assert.ok(config);
  assert.equal(readConfigDocument(documentOf(config), '/elsewhere').config, config);
});

test('it is served, described, asked for something of its own, added and removed', async () => {
  const { config } = read('1=echo,size=large', '2=ram:1MiB');
  assert.ok(config);
  const defects: unknown[] = [];
  const engine = await Engine.start(config, { onDefect: (error) => defects.push(error) });
  try {
    const nexus = openLoopback(engine);
    const said = async (lun: number) => {
      await nexus.execute({ lun, cdb: new Uint8Array(6) });
      const { status, dataIn, dataInResidual } = await nexus.execute({ lun, cdb: Uint8Array.of(ECHO, 0, 0, 0, 64, 0), dataInLength: 64 });
      return [status, Buffer.from(dataIn).toString(), dataInResidual];
    };
    assert.equal(await said(1), [0, 'echo ECHO large', 49]);
    assert.equal(await engine.units.operate(NAME, 1, 'shout', ['ho']), 'HO');
    await engine.units.add(NAME, { lun: 3, store: 'echo', size: 'small' });
    assert.equal(await said(3), [0, 'echo ECHO small', 49]);
    assert.equal(
      engine.describe()[0]?.luns.map(({ lun, device, detail }) => [lun, device, detail]),
      [
        [1, 'echo', 'volume 5'],
        [2, 'disk', ''],
        [3, 'echo', 'volume 5'],
      ],
    );
    const block = renderReadyBlock('1', { portals: engine.portals, targets: engine.describe(), control: null });
    assert.match(block, /LUN 1 {2}echo .*volume 5/);
    await engine.units.remove(NAME, 3);
    assert.is(closedCount, 1);
    const failed = await engine.units.operate(NAME, 1, 'sing', []).catch((error: unknown) => error);
    assert.ok(failed instanceof TargetError && failed.message.endsWith('; it has shout TEXT (says it louder)'), String(failed));
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.equal(defects, []);
  assert.is(closedCount, 2);
});

test.run();
