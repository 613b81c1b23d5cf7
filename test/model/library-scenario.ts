import { unlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import type { CommandSlot } from '../../engine/shm/command-slot.js';
import { type StateIo, stateIo } from '../../engine/state/state-io.js';
import { makeScene, readElements, type Scene } from '../engine/devices/changer/changer-fixture.js';
import type { FakeDrive } from '../engine/devices/changer/fake-drive.js';
import { dataInOf, run, runDeferred } from '../engine/scsi/scsi-fixture.js';
import type { SeededRandom } from '../support/random.js';

/** Elements: two drives, two import/export elements, five slots, by their addresses; the last is of none. */
const ADDRESSES = [0x100, 0x101, 0x300, 0x301, 0x400, 0x401, 0x402, 0x403, 0x404] as const;
const DRIVE_COUNT = 2;
const NO_ELEMENT = 0x505;
const PICKER = 0;
const TARGETS = [...ADDRESSES, PICKER, NO_ELEMENT];
/** Images; the first of them stand in the library file. */
export const IMAGE_NAMES = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'] as const;
const FILED_COUNT = 5;
export const LIBRARY_TEXT = `drives: [1, 2]
slots: 5
import-export: 2
cartridges:
${IMAGE_NAMES.slice(0, FILED_COUNT)
  .map((name) => `  - { path: ${name}, barcode: ${name.toUpperCase()} }\n`)
  .join('')}`;

/** What happens to a library: plain data, so that sequences can be shortened. */
export type LibraryOperation =
  | { readonly kind: 'move'; readonly from: number; readonly to: number }
  | { readonly kind: 'exchange'; readonly source: number; readonly first: number; readonly second: number }
  | { readonly kind: 'add'; readonly image: number; readonly to: number }
  | { readonly kind: 'remove'; readonly image: number }
  | { readonly kind: 'prevent'; readonly drive: number; readonly isPrevented: boolean }
  | { readonly kind: 'restart' }
  /** The process dies in one of the next steps that saving takes. */
  | { readonly kind: 'crash'; readonly afterSteps: number };

export function generateLibraryOperations(random: SeededRandom): LibraryOperation[] {
  const target = () => TARGETS[random.below(TARGETS.length)] as number;
  return Array.from({ length: 30 + random.below(60) }, (): LibraryOperation => {
    const pick = random.below(100);
    if (pick < 50) return { kind: 'move', from: target(), to: target() };
    if (pick < 65) return { kind: 'exchange', source: target(), first: target(), second: target() };
    if (pick < 73) return { kind: 'add', image: random.below(IMAGE_NAMES.length), to: target() };
    if (pick < 80) return { kind: 'remove', image: random.below(IMAGE_NAMES.length) };
    if (pick < 86) return { kind: 'prevent', drive: random.below(DRIVE_COUNT), isPrevented: random.boolean() };
    return pick < 92 ? { kind: 'restart' } : { kind: 'crash', afterSteps: random.below(4) };
  });
}

/** Which cartridge is where, and which slot it came from: all that the library has to keep. */
interface Model {
  readonly places: ReadonlyMap<number, string>;
  readonly sources: ReadonlyMap<string, number>;
}

const isSlot = (address: number) => address >= 0x400;
const isDrive = (address: number) => address >= 0x100 && address < 0x300;
const isElement = (address: number) => (ADDRESSES as readonly number[]).includes(address);

function moved(model: Model, hops: readonly (readonly [number, number])[]): Model {
  const places = new Map(model.places);
  const sources = new Map(model.sources);
  for (const [from] of hops) places.delete(from);
  for (const [from, to] of hops) {
    const name = model.places.get(from) as string;
    places.set(to, name);
    if (isSlot(from)) sources.set(name, from);
  }
  return { places, sources };
}

/** Saving that dies: part of what it writes may be there, and nothing is done any more. It does not wait for a disk, which no test can take away. */
class MortalIo implements StateIo {
  stepsLeft = Number.POSITIVE_INFINITY;
  isDead = false;

  async writeNew(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#dies()) {
      await writeFile(path, bytes.subarray(0, bytes.length >> 1), { flag: 'wx' }).catch(() => {});
      throw new TargetError('TEST_DEAD', 'killed');
    }
    await writeFile(path, bytes, { flag: 'wx' });
  }

  async rename(from: string, to: string): Promise<void> {
    this.#live();
    await stateIo.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#live();
    await stateIo.remove(path);
  }

  async syncDirectory(): Promise<void> {
    this.#live();
  }

  #live(): void {
    if (this.#dies()) throw new TargetError('TEST_DEAD', 'killed');
  }

  #dies(): boolean {
    if (this.stepsLeft-- <= 0) this.isDead = true;
    return this.isDead;
  }
}

/** One sequence against one library. */
export class LibraryScenario {
  readonly #folder: string;
  #scene: Scene;
  #io: MortalIo;
  #model: Model;

  private constructor(folder: string, scene: Scene, io: MortalIo) {
    this.#folder = folder;
    this.#scene = scene;
    this.#io = io;
    this.#model = { places: new Map(IMAGE_NAMES.slice(0, FILED_COUNT).map((name, index) => [0x400 + index, name])), sources: new Map() };
  }

  static async begin(folder: string): Promise<LibraryScenario> {
    const io = new MortalIo();
    return new LibraryScenario(folder, await makeScene({ folder, text: LIBRARY_TEXT, images: IMAGE_NAMES, io }), io);
  }

  end(): Promise<void> {
    return this.#scene.close();
  }

  /** What was wrong, or null. */
  async step(operation: LibraryOperation): Promise<string | null> {
    const before = this.#model;
    const fault = await this.#do(operation);
    if (fault !== null) return fault;
    if (!this.#io.isDead) return this.#difference(this.#model);
    await this.#reopenDead();
    // What was interrupted has been done, or has not.
    const [unlikeAfter, unlikeBefore] = [this.#difference(this.#model), this.#difference(before)];
    if (unlikeBefore === null) this.#model = before;
    return unlikeBefore !== null && unlikeAfter !== null ? `after a crash: ${unlikeBefore}; ${unlikeAfter}` : null;
  }

  #do(operation: LibraryOperation): Promise<string | null> {
    switch (operation.kind) {
      case 'move':
        return this.#transfer(`a500 0000 ${hex(operation.from)} ${hex(operation.to)} 0000 0000`, [[operation.from, operation.to]]);
      case 'exchange': {
        const { source, first, second } = operation;
        return this.#transfer(`a600 0000 ${hex(source)} ${hex(first)} ${hex(second)} 0000`, [
          [source, first],
          [first, second],
        ]);
      }
      case 'add':
        return this.#add(IMAGE_NAMES[operation.image] as string, operation.to);
      case 'remove':
        return this.#remove(IMAGE_NAMES[operation.image] as string);
      case 'prevent':
        (this.#scene.drives[operation.drive] as FakeDrive).isRemovalPrevented = operation.isPrevented;
        return Promise.resolve(null);
      case 'restart':
        return this.#restart();
      case 'crash':
        this.#io.stepsLeft = operation.afterSteps;
        return Promise.resolve(null);
    }
  }

  async #transfer(cdb: string, hops: readonly (readonly [number, number])[]): Promise<string | null> {
    const allowed = this.#reasons(hops);
    this.#forgetAttentions();
    const command = await runDeferred(this.#scene.unit, cdb);
    const answer = answerOf(command);
    const moving = hops.filter(([from, to]) => from !== to);
    if (this.#io.isDead) {
      if (allowed.length === 0) this.#model = moved(this.#model, moving);
      return null;
    }
    if (allowed.length === 0) this.#model = moved(this.#model, moving);
    const wanted = allowed.length === 0 ? ['good'] : allowed;
    return wanted.includes(answer) ? null : `${cdb} ended with ${answer} and not with ${wanted.join(' or ')}`;
  }

  /** Each reason why the hops cannot be made. */
  #reasons(hops: readonly (readonly [number, number])[]): string[] {
    const { places } = this.#model;
    const addresses = hops.flat();
    if (addresses.some((address) => !isElement(address))) return ['05/21/01'];
    const [[source, first], [, second] = [0, 0]] = hops as [readonly [number, number], (readonly [number, number])?];
    if (hops.length > 1 && (first === source || first === second)) return ['05/21/01'];
    const leaving = hops.map(([from]) => from);
    const reasons: string[] = [];
    for (const [from, to] of hops) {
      if (!places.has(from)) reasons.push('05/3b/0e');
      if (from !== to && places.has(to) && !leaving.includes(to)) reasons.push('05/3b/0d');
      const drive = isDrive(from) ? (this.#scene.drives[from - 0x100] as FakeDrive) : null;
      if (from !== to && drive !== null && drive.current !== null && drive.isRemovalPrevented) reasons.push('05/53/03');
    }
    return reasons;
  }

  async #add(name: string, to: number): Promise<string | null> {
    const { places } = this.#model;
    const place = isSlot(to) ? `slot=${to - 0x3ff}` : `import-export=${to - 0x2ff}`;
    if (!isElement(to) || isDrive(to)) return null;
    const mayBe = !places.has(to) && ![...places.values()].includes(name);
    const isDone = await this.#operate('add', join(this.#folder, name), `barcode=${name.toUpperCase()}`, place);
    if (mayBe && (isDone || this.#io.isDead)) this.#model = { places: new Map(places).set(to, name), sources: without(this.#model.sources, name) };
    return isDone === mayBe || this.#io.isDead ? null : `add ${name} to ${hex(to)} ${isDone ? 'succeeded' : 'failed'}`;
  }

  async #remove(name: string): Promise<string | null> {
    const { places, sources } = this.#model;
    const at = [...places].find(([, each]) => each === name)?.[0];
    const mayBe = at !== undefined && !isDrive(at);
    const isDone = await this.#operate('remove', name.toUpperCase());
    if (mayBe && (isDone || this.#io.isDead)) {
      const left = new Map(places);
      left.delete(at);
      this.#model = { places: left, sources };
    }
    return isDone === mayBe || this.#io.isDead ? null : `remove ${name} ${isDone ? 'succeeded' : 'failed'}`;
  }

  async #operate(name: string, ...args: string[]): Promise<boolean> {
    try {
      await this.#scene.device.operations?.[name]?.run(args);
      return true;
    } catch (error) {
      if (error instanceof TargetError) return false;
      throw error;
    }
  }

  async #restart(): Promise<string | null> {
    await this.#scene.close();
    await this.#open();
    return null;
  }

  async #reopenDead(): Promise<void> {
    // Of a process that has died: a lock that nobody holds.
    unlinkSync(join(this.#folder, 'lab.lib.state.lock'));
    await this.#open();
  }

  async #open(): Promise<void> {
    this.#io = new MortalIo();
    this.#scene = await makeScene({ folder: this.#folder, io: this.#io });
  }

  #forgetAttentions(): void {
    while (answerOf(run(this.#scene.unit, '000000000000')) !== 'good');
  }

  /** How READ ELEMENT STATUS and the drives differ from a model; null when they do not. */
  #difference({ places, sources }: Model): string | null {
    const elements = readElements(dataInOf(run(this.#scene.unit, 'b810 0000 ffff 0000 ffff 0000', {})));
    if (elements.length === 0) {
      // A unit attention is not in the way of INQUIRY alone.
      this.#forgetAttentions();
      return this.#difference({ places, sources });
    }
    const found = elements.filter(({ flags }) => (flags & 1) !== 0).map(({ address, tag, source }) => `${hex(address)} ${tag} ${source}`);
    const expected = [...places]
      .sort(([one], [other]) => one - other)
      .map(([address, name]) => `${hex(address)} ${name.toUpperCase()} ${sources.get(name) ?? null}`);
    if (found.join() !== expected.join()) return `the library has ${found.join(', ')} and not ${expected.join(', ')}`;
    const inDrives = this.#scene.drives.map(({ current }, index) => current?.path !== pathIn(this.#folder, places.get(0x100 + index)));
    return inDrives.includes(true) ? `the drives have ${this.#scene.drives.map(({ current }) => current?.path).join(', ')}` : null;
  }
}

function without(sources: ReadonlyMap<string, number>, name: string): ReadonlyMap<string, number> {
  const left = new Map(sources);
  left.delete(name);
  return left;
}

const hex = (address: number) => address.toString(16).padStart(4, '0');
const pathIn = (folder: string, name: string | undefined) => (name === undefined ? undefined : join(folder, name));

function answerOf({ status, sense }: CommandSlot): string {
  if (status === ScsiStatus.good) return 'good';
  return [2, 12, 13].map((at) => (sense[at] as number).toString(16).padStart(2, '0')).join('/');
}
