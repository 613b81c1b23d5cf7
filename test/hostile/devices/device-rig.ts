import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readConfigDocument } from '../../../engine/config/config-document.js';
import { deviceKinds } from '../../../engine/devices/registry.js';
import { Engine, type EngineUsage } from '../../../engine/engine.js';
import type { CommandRow } from '../../../engine/scsi/command-table.js';
import { disk } from '../../../engine/scsi/sbc/disk.js';
import { isoImage } from '../../engine/devices/cdrom/optical-fixture.js';

const FRONT = 'iqn.2026-11.io.lunloom:front';
const BACK = 'iqn.2026-11.io.lunloom:back';
const ISO_BLOCKS = 400;
const SETTLE_MS_MAX = 10_000;

export interface RigUnit {
  readonly lun: number;
  readonly name: string;
  /** What of its commands is known. */
  readonly rows: readonly CommandRow[];
  readonly peripheralDeviceType: number;
  /** What puts a medium into it, when one was taken out. */
  readonly medium?: string;
}

const rowsOfKind = async (name: string) => {
  const kind = deviceKinds.find((each) => each.name === name);
  const [type] = (await kind?.types()) ?? [];
  assert.ok(type !== undefined, name);
  return { rows: type.commands.rows, peripheralDeviceType: type.peripheralDeviceType };
};

/** An engine that serves a device of every kind, and one behind it for those that are passed through. Restarted on the same images by `restart`. */
export class DeviceRig {
  readonly units: readonly RigUnit[];
  readonly defects: unknown[] = [];
  readonly #folder: string;
  readonly #workers: number;
  #engines: readonly [front: Engine, back: Engine] | null = null;

  static async open(workers: number): Promise<DeviceRig> {
    const folder = mkdtempSync(join(tmpdir(), 'lunloom-devices-'));
    writeFileSync(join(folder, 'a.iso'), isoImage(ISO_BLOCKS));
    mkdirSync(join(folder, 'objects'));
    writeFileSync(join(folder, 'lab.lib.yaml'), LIBRARY);
    const rig = new DeviceRig(folder, workers, await unitsIn(folder));
    await rig.start();
    return rig;
  }

  private constructor(folder: string, workers: number, units: readonly RigUnit[]) {
    this.#folder = folder;
    this.#workers = workers;
    this.units = units;
  }

  get engine(): Engine {
    assert.ok(this.#engines !== null, 'the engines run');
    return this.#engines[0];
  }

  async start(): Promise<void> {
    const back = await this.#startEngine(BACK, this.#backLuns());
    const port = back.portals[0]?.port ?? 0;
    this.#engines = [await this.#startEngine(FRONT, this.#frontLuns(port)), back];
  }

  async stop(): Promise<void> {
    for (const engine of this.#engines ?? []) await engine.stop({ immediately: true });
    this.#engines = null;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Both engines have nothing left of the commands that they were given. */
  async assertIdle(): Promise<void> {
    const until = performance.now() + SETTLE_MS_MAX;
    for (const engine of this.#engines ?? []) {
      let rest = restOf(engine.usage());
      // Commands that were aborted may still be on their way out.
      for (; Object.values(rest).some((count) => count !== 0) && performance.now() < until; rest = restOf(engine.usage())) await sleep(5);
      assert.equal(rest, { openTaskCount: 0, slotsInUse: 0, arenaBytesInUse: 0, ringCommandCount: 0, heldRangeCount: 0 }, 'nothing is left');
    }
  }

  /** Media that commands have taken out come back, as far as that can be. */
  async restoreMedia(): Promise<void> {
    for (const { lun, medium } of this.units) {
      if (medium === undefined) continue;
      for (const [name, ...args] of [['insert', medium], ['load']] as const) await this.engine.units.operate(FRONT, lun, name, args).catch(() => undefined);
    }
  }

  #startEngine(name: string, luns: readonly object[]): Promise<Engine> {
    const raw = { portals: ['127.0.0.1:0'], workers: this.#workers, control: 'off', targets: [{ name, luns }] };
    const { config, problems } = readConfigDocument(raw, this.#folder);
    assert.equal(problems, []);
    assert.ok(config);
    return Engine.start(config, { onDefect: (error) => this.defects.push(error), onNotice: () => {} });
  }

  #backLuns(): object[] {
    return [
      { lun: 0, store: 'ram:4MiB' },
      { lun: 1, store: `tape:${join(this.#folder, 'back.tape')}`, capacity: '16MiB' },
    ];
  }

  #frontLuns(port: number): object[] {
    // A disc that is there has its size already.
    const disc = (lun: number, file: string, profile: string) => {
      const path = join(this.#folder, file);
      return { lun, store: `cdrom:${path}`, profile, ...(existsSync(path) ? {} : { size: '8MiB' }) };
    };
    return [
      { lun: 0, store: 'controller' },
      { lun: 1, store: `tape:${join(this.#folder, 'one.tape')}`, capacity: '32MiB' },
      { lun: 2, store: 'tape:', capacity: '16MiB' },
      { lun: 3, store: `cdrom:${join(this.#folder, 'a.iso')}` },
      disc(4, 'plus-r.disc', 'dvd+r'),
      disc(5, 'plus-rw.disc', 'dvd+rw'),
      disc(6, 'rw.disc', 'cd-rw'),
      { lun: 7, store: 'tape:', capacity: '16MiB' },
      { lun: 8, store: 'cdrom:' },
      { lun: 9, store: `changer:${join(this.#folder, 'lab.lib.yaml')}` },
      { lun: 10, store: `osd:${join(this.#folder, 'objects')}`, capacity: '64MiB' },
      { lun: 11, store: `passthrough:iscsi://127.0.0.1:${port}/${BACK}/0` },
      { lun: 12, store: `passthrough:iscsi://127.0.0.1:${port}/${BACK}/1`, session: 'shared' },
      { lun: 13, store: 'bridge' },
    ];
  }
}

/** Two drives of different kinds, and cartridges of both. */
const LIBRARY = `drives: [7, 8]
slots: 4
import-export: 1
cartridges:
  - { path: c.tape, barcode: CCC001L6 }
  - { path: d.tape, barcode: DDD002L6 }
  - { path: a.iso, barcode: ISO003 }
`;

async function unitsIn(folder: string): Promise<RigUnit[]> {
  const [controller, bridge, tape, cdrom, changer, osd] = await Promise.all(['controller', 'bridge', 'tape', 'cdrom', 'changer', 'osd'].map(rowsOfKind));
  assert.ok(controller && bridge && tape && cdrom && changer && osd);
  const ofDisk = { rows: disk.commands.rows, peripheralDeviceType: disk.peripheralDeviceType };
  return [
    { lun: 0, name: 'controller', ...controller },
    { lun: 1, name: 'tape', ...tape, medium: join(folder, 'one.tape') },
    { lun: 2, name: 'empty tape drive', ...tape },
    { lun: 3, name: 'ISO image', ...cdrom, medium: join(folder, 'a.iso') },
    { lun: 4, name: 'DVD+R', ...cdrom, medium: join(folder, 'plus-r.disc') },
    { lun: 5, name: 'DVD+RW', ...cdrom, medium: join(folder, 'plus-rw.disc') },
    { lun: 6, name: 'CD-RW', ...cdrom, medium: join(folder, 'rw.disc') },
    { lun: 7, name: 'tape drive of the library', ...tape },
    { lun: 8, name: 'optical drive of the library', ...cdrom },
    { lun: 9, name: 'changer', ...changer },
    { lun: 10, name: 'object store', ...osd },
    { lun: 11, name: 'disk passed through', ...ofDisk },
    { lun: 12, name: 'tape passed through', ...tape },
    { lun: 13, name: 'bridge', ...bridge },
  ];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function restOf({ openTaskCount, slotsInUse, arenaBytesInUse, ringCommandCount, heldRangeCount }: EngineUsage) {
  return { openTaskCount, slotsInUse, arenaBytesInUse, ringCommandCount, heldRangeCount };
}
