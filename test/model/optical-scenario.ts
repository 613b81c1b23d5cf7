import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BLOCK_LENGTH_BYTES } from '../../engine/devices/cdrom/disc/profile.js';
import { type OpticalScene, opticalScene, read10, senseOf, write10 } from '../engine/devices/cdrom/optical-fixture.js';
import { dataInOf, runDeferred } from '../engine/scsi/scsi-fixture.js';
import type { SeededRandom } from '../support/random.js';
import { type DiscRules, ReferenceDisc } from './reference-disc.js';

/** Numbers are drawn before it is known what they meet: each is taken modulo what there is. */
export type OpticalOperation =
  | { readonly kind: 'write'; readonly place: number; readonly count: number; readonly skew: number; readonly stamp: number }
  | { readonly kind: 'read'; readonly lba: number; readonly count: number }
  | { readonly kind: 'reserve'; readonly count: number }
  | { readonly kind: 'closeTrack'; readonly number: number }
  | { readonly kind: 'closeSession' | 'finalize' | 'blank' | 'flush' | 'crash' | 'restart' | 'eject' };

const kinds = [
  'write',
  'write',
  'write',
  'write',
  'read',
  'read',
  'reserve',
  'closeTrack',
  'closeTrack',
  'closeSession',
  'flush',
  'crash',
  'restart',
  'eject',
] as const;
const LENGTH_MAX = 40;

export function generateOpticalOperations(random: SeededRandom, rules: DiscRules): OpticalOperation[] {
  return Array.from({ length: 1 + random.below(LENGTH_MAX) }, () => {
    const kind = random.below(25) === 0 ? (['finalize', 'blank'] as const)[random.below(2)] : kinds[random.below(kinds.length)];
    switch (kind) {
      case 'write':
        return {
          kind,
          place: random.below(1000),
          count: 1 + random.below(40),
          skew: random.below(6) === 0 ? 1 + random.below(64) : 0,
          stamp: 1 + random.below(250),
        };
      case 'read':
        return { kind, lba: random.below(rules.blockCount), count: 1 + random.below(64) };
      case 'reserve':
        return { kind, count: 1 + random.below(200) };
      case 'closeTrack':
        return { kind, number: 1 + random.below(4) };
      default:
        return { kind: kind as 'flush' };
    }
  });
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const FLUSH = '35 00 00000000 00 0000 00';

/** Holds a drive with a recordable disc against `ReferenceDisc`: what each command answers, and what can be read of it in the end. */
export class OpticalScenario {
  readonly #rules: DiscRules;
  readonly #model: ReferenceDisc;
  readonly #path: string;
  #scene: OpticalScene | null = null;

  /** `path` is of no file yet. */
  constructor(rules: DiscRules, path: string) {
    this.#rules = rules;
    this.#model = new ReferenceDisc(rules);
    this.#path = path;
  }

  /** What was wrong, or null. */
  async faultOf(operations: readonly OpticalOperation[]): Promise<string | null> {
    try {
      this.#scene = await opticalScene(this.#path, { profile: this.#rules.profile, blockCount: this.#rules.blockCount });
      // Multi-session, so that another session may follow on a CD.
      await this.#expect(`55 10 0000000000 003c 00`, '', multiSessionPage());
      for (const operation of operations) {
        const fault = await this.#run(operation);
        if (fault !== null) return `${JSON.stringify(operation)}: ${fault}`;
      }
      return (await this.#readAll()) ?? (await this.#placesFault());
    } finally {
      await this.#scene?.drive.close();
      for (const path of [this.#path, `${this.#path}.disc`]) rmSync(path, { force: true });
    }
  }

  get #drive(): OpticalScene {
    return this.#scene as OpticalScene;
  }

  async #run(operation: OpticalOperation): Promise<string | null> {
    const model = this.#model;
    switch (operation.kind) {
      case 'write': {
        const { writable } = model;
        const place = writable[operation.place % Math.max(1, writable.length)];
        const lba = ((place?.lba ?? 0) + operation.skew) % this.#rules.blockCount;
        const dataOut = Buffer.alloc(operation.count * BLOCK_LENGTH_BYTES, operation.stamp);
        return this.#expect(write10(lba, operation.count), model.write(lba, operation.count, operation.stamp), dataOut);
      }
      case 'read':
        return this.#read(operation.lba, Math.min(operation.count, this.#rules.blockCount - operation.lba));
      case 'reserve':
        return this.#expect(`53 00000000 ${hex(operation.count, 8)} 00`, model.reserve(operation.count));
      case 'closeTrack':
        return this.#expect(`5b00 01 00 ${hex(operation.number, 4)} 000000 00`, model.closeTrack(operation.number));
      case 'closeSession':
        return this.#expect('5b00 02 00 0000 000000 00', model.closeSession(false));
      case 'finalize':
        if (this.#rules.profile === 'cd-rw') return null;
        return this.#expect('5b00 06 00 0000 000000 00', model.closeSession(true));
      case 'blank':
        return this.#expect('a100 00000000 0000000000 00', model.blank());
      case 'flush':
        model.synchronize();
        return this.#expect(FLUSH, '');
      case 'eject':
        model.flush();
        return (await this.#expect('1b 00 0000 02 00', '')) ?? this.#expect('1b 00 0000 03 00', '');
      case 'restart':
        model.flush();
        await this.#drive.drive.close();
        return this.#open();
      case 'crash':
        return this.#crash();
    }
  }

  /** What another process finds: all that was written, as the page cache outlives a process, and the record as it is now. */
  async #crash(): Promise<null> {
    const record = readFileSync(`${this.#path}.disc`);
    // To close writes the record, which is what a crash leaves out.
    await this.#drive.drive.close();
    writeFileSync(`${this.#path}.disc`, record);
    this.#model.crash();
    return this.#open();
  }

  async #open(): Promise<null> {
    this.#scene = await opticalScene(this.#path);
    await this.#expect('55 10 0000000000 003c 00', '', multiSessionPage());
    return null;
  }

  async #expect(cdb: string, sense: string, dataOut?: Uint8Array): Promise<string | null> {
    const command = await runDeferred(this.#drive.unit, cdb, dataOut === undefined ? {} : { dataOut });
    const answered = senseOf(command);
    return answered === sense ? null : `${cdb} ended with "${answered}" and not with "${sense}"`;
  }

  /** Blocks up to the first that was not recorded, each with its stamp. */
  async #read(lba: number, count: number): Promise<string | null> {
    const stamps = Array.from({ length: count }, (_, index) => this.#model.stampAt(lba + index));
    const readable = stamps.indexOf(null) === -1 ? count : stamps.indexOf(null);
    const command = await runDeferred(this.#drive.unit, read10(lba, count));
    const sense = readable === count ? '' : '08/00/00';
    if (senseOf(command) !== sense) return `reading ${lba}+${count} ended with "${senseOf(command)}" and not with "${sense}"`;
    const data = readable === 0 ? Buffer.alloc(0) : dataInOf(command);
    const expected = Buffer.concat(stamps.slice(0, readable).map((stamp) => Buffer.alloc(BLOCK_LENGTH_BYTES, stamp as number)));
    return Buffer.compare(data, expected) === 0 ? null : `reading ${lba}+${count}: other data`;
  }

  async #readAll(): Promise<string | null> {
    const places = this.#model.tracks.flatMap(({ start, written, size }) => [start, Math.max(start, start + written - 8), start + (size ?? written)]);
    for (const lba of places) {
      if (lba >= this.#rules.blockCount) continue;
      const fault = await this.#read(lba, Math.min(64, this.#rules.blockCount - lba));
      if (fault !== null) return fault;
    }
    return null;
  }

  /** Where READ TRACK INFORMATION says that can be written. */
  async #placesFault(): Promise<string | null> {
    const found: number[] = [];
    for (let number = 1; number <= this.#model.tracks.length + 1; number++) {
      const command = await runDeferred(this.#drive.unit, `5201 ${hex(number, 8)} 00 0030 00`);
      if (senseOf(command) !== '') break;
      const data = Buffer.from(dataInOf(command));
      if (((data[7] as number) & 1) !== 0) found.push(data.readUInt32BE(12));
    }
    const expected = this.#model.writable.map(({ lba }) => lba);
    return found.join() === expected.join() ? null : `next writable at ${found.join()} and not at ${expected.join()}`;
  }
}

/** Write Parameters mode page as MODE SELECT takes it: track at once, multi-session, data. */
function multiSessionPage(): Uint8Array {
  const list = new Uint8Array(60);
  list.set([0x05, 0x32, 0x41, 0xc4, 0x08], 8);
  list.set([0x00, 0x96], 8 + 14);
  return list;
}
