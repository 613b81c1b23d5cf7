// test-timeout: 300 s
// test-beside: it waits most of the time
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { readElements } from '../engine/devices/changer/changer-fixture.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { untilGone } from './crash-lane.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const CRASH_COUNT = Number(process.env['LUNLOOM_CRASHES'] ?? 8);
const LOAD_MS_MIN = 30;
const LOAD_MS_MAX = 500;
const TARGET = 'iqn.2026-11.io.lunloom:library-crash';
const CHANGER_LUN = 3;
const UNIT_ATTENTION_COUNT_MAX = 32;
const LABEL_LENGTH = 64;

const SLOT_COUNT = 6;
const DRIVES = [0x100, 0x101];
const ADDRESSES = [...DRIVES, 0x300, ...Array.from({ length: SLOT_COUNT }, (_, index) => 0x400 + index)];
const BARCODES = ['LUN001L6', 'LUN002L6', 'LUN003L6', 'LUN004L6'];

/** Barcodes by element address. */
type Places = ReadonlyMap<number, string>;

const hex = (address: number) => address.toString(16).padStart(4, '0');

function serve(folder: string): Promise<LunloomProcess> {
  const device = (lun: number, store: string, more: object = {}) => ({ lun, store, ...more });
  const luns = [
    device(1, 'tape:', { capacity: '16MiB' }),
    device(2, 'tape:', { capacity: '16MiB' }),
    device(CHANGER_LUN, `changer:${join(folder, 'lab.lib.yaml')}`),
  ];
  return LunloomProcess.start({ args: ['--workers', '1'], config: { targets: [{ name: TARGET, luns }] } });
}

/** A session with the library and its drives. */
class Initiator {
  readonly changer: LogicalUnitClient;
  readonly #drives: readonly LogicalUnitClient[];
  readonly session: Session;

  static async login({ address, port }: LunloomProcess): Promise<Initiator> {
    return new Initiator(await Session.login({ host: address, port, targetName: TARGET }));
  }

  private constructor(session: Session) {
    const clientOf = (lun: number) => new LogicalUnitClient(session, lun, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX });
    this.session = session;
    this.changer = clientOf(CHANGER_LUN);
    this.#drives = [clientOf(1), clientOf(2)];
  }

  async move(from: number, to: number): Promise<void> {
    await this.changer.run('MOVE MEDIUM', { cdb: Buffer.from(`a5000000${hex(from)}${hex(to)}00000000`, 'hex') });
  }

  async places(): Promise<Places> {
    const { dataIn } = await this.changer.run('READ ELEMENT STATUS', { cdb: Buffer.from('b8100000ffff000fffff0000', 'hex'), dataInLength: 0xfffff });
    return new Map(readElements(dataIn).flatMap(({ address, flags, tag }) => ((flags & 1) === 0 ? [] : [[address, tag]])));
  }

  /** The first block of the tape in a drive. */
  async writeLabel(drive: number, text: string): Promise<void> {
    const unit = await this.#rewound(drive);
    await unit.run('WRITE (6)', { cdb: Buffer.from([0x0a, 0, 0, 0, LABEL_LENGTH, 0]), dataOut: Buffer.from(text.padEnd(LABEL_LENGTH)) });
    await unit.run('WRITE FILEMARKS (6)', { cdb: Buffer.from([0x10, 0, 0, 0, 1, 0]) });
  }

  async readLabel(drive: number): Promise<string> {
    const unit = await this.#rewound(drive);
    const { dataIn } = await unit.run('READ (6)', { cdb: Buffer.from([0x08, 0, 0, 0, LABEL_LENGTH, 0]), dataInLength: LABEL_LENGTH });
    return dataIn.toString('latin1').trim();
  }

  async #rewound(drive: number): Promise<LogicalUnitClient> {
    const unit = this.#drives[drive] as LogicalUnitClient;
    await unit.run('REWIND', { cdb: Buffer.from([0x01, 0, 0, 0, 0, 0]) });
    return unit;
  }
}

/** Where the cartridges are by what has been acknowledged, and what may have happened beside it. */
class PlacesModel {
  places: Places;
  /** Of the move that has no answer yet. */
  pending: Places | null = null;
  readonly #random: SeededRandom;

  constructor(places: Places, random: SeededRandom) {
    this.places = places;
    this.#random = random;
  }

  /** One move that can be made; what it makes of the places is pending until it is acknowledged. */
  begin(): { readonly from: number; readonly to: number } {
    const full = [...this.places.keys()];
    const free = ADDRESSES.filter((address) => !this.places.has(address));
    const from = full[this.#random.below(full.length)] as number;
    // Half of all moves are to drives and from them.
    const drives = free.filter((address) => DRIVES.includes(address));
    const targets = drives.length > 0 && this.#random.boolean() ? drives : free;
    const to = targets[this.#random.below(targets.length)] as number;
    const next = new Map(this.places).set(to, this.places.get(from) as string);
    next.delete(from);
    this.pending = next;
    return { from, to };
  }

  acknowledge(): void {
    this.places = this.pending ?? this.places;
    this.pending = null;
  }

  /** After a crash: takes what is there, if it is one of the two that it may be. */
  agree(found: Places): void {
    if (this.pending !== null && textOf(found) === textOf(this.pending)) this.acknowledge();
    this.pending = null;
    assert.is(textOf(found), textOf(this.places));
  }
}

function textOf(places: Places): string {
  return [...places]
    .sort(([one], [other]) => one - other)
    .map(([address, barcode]) => `${hex(address)} ${barcode}`)
    .join(', ');
}

async function labelAll(initiator: Initiator): Promise<void> {
  for (const [index, barcode] of BARCODES.entries()) {
    await initiator.move(0x400 + index, DRIVES[0] as number);
    await initiator.writeLabel(0, barcode);
    await initiator.move(DRIVES[0] as number, 0x400 + index);
  }
}

async function checkLabels(initiator: Initiator, places: Places): Promise<void> {
  for (const [drive, address] of DRIVES.entries()) {
    const barcode = places.get(address);
    if (barcode !== undefined) assert.is(await initiator.readLabel(drive), barcode, 'the tape that the library has at the drive is in it');
  }
}

test(`${CRASH_COUNT} times kill -9: every move that was acknowledged is kept, and no cartridge is lost or doubled`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-library-'));
  const cartridges = BARCODES.map((barcode) => `  - { path: ${barcode}.tape, barcode: ${barcode} }\n`).join('');
  writeFileSync(join(folder, 'lab.lib.yaml'), `drives: [1, 2]\nslots: ${SLOT_COUNT}\nimport-export: 1\ncartridges:\n${cartridges}`);
  const random = seededRandom(SEED);
  const model = new PlacesModel(new Map(BARCODES.map((barcode, index) => [0x400 + index, barcode])), random);
  let moveCount = 0;
  try {
    for (let life = 0; life <= CRASH_COUNT; life++) {
      const lunloom = await serve(folder);
      try {
        const initiator = await Initiator.login(lunloom);
        model.agree(await initiator.places());
        if (life === 0) await labelAll(initiator);
        await checkLabels(initiator, model.places);
        if (life === CRASH_COUNT) break;
        const gone = untilGone(async () => {
          const { from, to } = model.begin();
          await initiator.move(from, to);
          model.acknowledge();
          moveCount++;
        });
        await new Promise((resolve) => setTimeout(resolve, LOAD_MS_MIN + random.below(LOAD_MS_MAX - LOAD_MS_MIN)));
        assert.is((await lunloom.kill()).signal, 'SIGKILL', 'it was there until it was killed');
        await gone;
      } finally {
        await lunloom.kill();
      }
    }
    console.log(`seed ${SEED}: ${moveCount} moves in ${CRASH_COUNT} lives`);
    assert.ok(moveCount > 0);
  } catch (error) {
    console.log(`run it again with LUNLOOM_SEED=${SEED}`);
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
