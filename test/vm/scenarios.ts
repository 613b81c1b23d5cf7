import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import { seededRandom } from '../support/random.js';
import { output } from './debian.js';
import { HostedLunloom } from './hosted-lunloom.js';

/** Something that the guest does with a Lunloom of its own on the host, by `guest/scenarios/<name>.sh`. */
export interface Scenario {
  readonly name: string;
  /** For `--list`. */
  readonly what: string;
  /** Behind `serve`; makes the files first, in the folder. Left out: nothing is served on the host. */
  readonly serve?: (folder: string) => readonly string[] | Promise<readonly string[]>;
  /** What the script has to know besides target and portal; its names get the scenario's in front. */
  readonly settings?: (folder: string) => Readonly<Record<string, string>>;
  /** More devices of the machine. */
  readonly machine?: (lunloom: HostedLunloom) => readonly string[];
  /** What the guest may ask for while it runs. */
  readonly asked?: Readonly<Record<string, (lunloom: HostedLunloom, folder: string) => Promise<void>>>;
  /** Kernel messages that would otherwise count as complaints, where a scenario provokes them. */
  readonly kernelMaySay?: RegExp;
}

const SEED = 20_261_123;
const DISC_FILE_COUNT = 12;
const FILE_LENGTH_MAX = 300_000;

/** Files of random lengths with `sums`, their SHA-256 as sha256sum has them. */
function makeFiles(folder: string, seed: number): void {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  const random = seededRandom(seed);
  const sums = Array.from({ length: DISC_FILE_COUNT }, (_, index) => {
    const name = index % 3 === 0 ? `sub/file${index}` : `file${index}`;
    const content = Uint8Array.from({ length: random.below(FILE_LENGTH_MAX) }, () => random.below(256));
    writeFileSync(join(folder, name), content);
    return `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
  });
  writeFileSync(join(folder, 'sums'), sums.join(''));
}

function makeDisc(folder: string, name: string, volume: string, seed: number): string {
  const tree = join(folder, `${name}-files`);
  makeFiles(tree, seed);
  writeFileSync(join(tree, 'which'), name);
  const path = join(folder, `${name}.iso`);
  output('genisoimage', ['-quiet', '-J', '-R', '-udf', '-V', volume, '-o', path, tree]);
  return path;
}

/** A long tape, and a short one. */
const tapeLuns = ['--lun', '1=tape:long.tape,capacity=256MiB', '--lun', '2=tape:short.tape,capacity=4MiB'];
const twoTapeLuns = ['--lun', '1=tape:one.tape,capacity=256MiB', '--lun', '2=tape:two.tape,capacity=256MiB'];
const wormLun = ['--lun', '3=tape:worm.tape,capacity=64MiB,worm'];

/** An address as QEMU's own initiator has it, behind a SCSI host adapter of the guest. */
function attached(lunloom: HostedLunloom, lun: number, device: string): string[] {
  const id = `${lunloom.scenario}${lun}`;
  return [
    ['-device', `virtio-scsi-pci,id=adapter-${id}`],
    ['-drive', `file=${lunloom.url(lun)},if=none,format=raw,cache=none,id=drive-${id}`],
    ['-device', `${device},bus=adapter-${id}.0,drive=drive-${id}`],
  ].flat();
}

const TAPES = [1, 2, 3, 9].map((number) => ({ path: `cartridge-${number}.tape`, barcode: `LUN00${number}L6`, slot: number }));
const [ADDED_TAPE] = TAPES.slice(3) as [(typeof TAPES)[number]];
const LIBRARY = {
  drives: [1, 2, 3],
  slots: 5,
  'import-export': 1,
  addresses: { pickers: 1, 'import-export': 16, slots: 256, drives: 512 },
  cartridges: [...TAPES.slice(0, 3), { path: 'first.iso', barcode: 'DISC01', slot: 5 }],
};

/** A library's cartridges have to be there: drives of another server make them. */
async function makeTapes(folder: string): Promise<void> {
  const maker = await HostedLunloom.start(
    'cartridges',
    TAPES.flatMap(({ path, slot }) => ['--lun', `${slot}=tape:${path},capacity=64MiB`]),
    folder,
  );
  const fault = await maker.stop();
  if (fault !== null) throw new TargetError('VM_COMMAND_FAILED', fault);
}

async function serveChanger(folder: string): Promise<string[]> {
  await makeTapes(folder);
  makeDisc(folder, 'first', 'FIRST', SEED);
  // JSON is YAML.
  writeFileSync(join(folder, 'library.yaml'), JSON.stringify(LIBRARY));
  return ['--lun', '0=changer:library.yaml', '--lun', '1=tape:', '--lun', '2=tape:', '--lun', '3=cdrom:'];
}

async function serveForQemu(folder: string): Promise<string[]> {
  await makeTapes(folder);
  makeDisc(folder, 'first', 'FIRST', SEED);
  writeFileSync(join(folder, 'library.yaml'), JSON.stringify({ drives: [1], slots: 4, cartridges: TAPES.slice(0, 3) }));
  return ['--lun', '0=changer:library.yaml', '--lun', '1=tape:', '--lun', '2=cdrom:first.iso', '--lun', '3=ram:16MiB'];
}

export const scenarios: readonly Scenario[] = [
  { name: 'disk', what: 'a disk by open-iscsi and sd, its pages by sg3-utils', serve: () => ['--lun', '0=ram:32MiB'] },
  { name: 'inside', what: 'Lunloom in the guest, used by the guest' },
  {
    name: 'passthrough',
    what: 'Lunloom in the guest in front of scsi_debug by /dev/sg, and in front of the host',
    serve: () => ['--lun', '0=ram:16MiB'],
  },
  { name: 'tape', what: 'tape drives by st: mt, tar, stenc', serve: () => [...tapeLuns, ...wormLun], kernelMaySay: /st\d|\[st\d\]/ },
  {
    name: 'qemu-tape',
    what: "the same by QEMU's own initiator as scsi-generic device",
    serve: () => tapeLuns,
    machine: (lunloom) => attached(lunloom, 1, 'scsi-generic'),
    kernelMaySay: /st\d|\[st\d\]/,
  },
  {
    name: 'cdrom',
    what: 'discs by sr: file systems, ejects, a change of the disc',
    serve: (folder) => {
      makeDisc(folder, 'first', 'FIRST', SEED);
      makeDisc(folder, 'second', 'SECOND', SEED + 1);
      return ['--lun', '1=cdrom:first.iso,profile=cd,readonly', '--lun', '2=cdrom:first.iso,profile=dvd,readonly'];
    },
    settings: (folder) => {
      const image = readFileSync(join(folder, 'first.iso'));
      return { BYTES: `${image.length}`, SHA256: createHash('sha256').update(image).digest('hex') };
    },
    asked: {
      change: async (lunloom) => {
        await lunloom.operate(1, 'remove');
        await lunloom.operate(1, 'insert', 'second.iso');
      },
    },
    kernelMaySay: /sr\d/,
  },
  {
    name: 'burner',
    what: 'growisofs, xorriso and wodim write blank discs',
    serve: () =>
      [
        '1=cdrom:blank.dvd+rw,profile=dvd+rw,size=64MiB',
        '2=cdrom:blank.dvd+r,profile=dvd+r,size=64MiB',
        '3=cdrom:blank.bd-re,profile=bd-re,size=64MiB',
        '0=cdrom:blank.cd-rw,profile=cd-rw,size=64MiB',
      ].flatMap((lun) => ['--lun', lun]),
    kernelMaySay: /sr\d/,
  },
  {
    name: 'passthrough-tape',
    what: 'tape drives of the host behind Lunloom in the guest, and a bridge controller',
    serve: () => twoTapeLuns,
    kernelMaySay: /st\d|\[st\d\]/,
  },
  {
    name: 'qemu-devices',
    what: "a disk, a disc and a library by QEMU's own initiator",
    serve: serveForQemu,
    machine: (lunloom) => [0, 1, 2, 3].flatMap((lun) => attached(lunloom, lun, lun < 2 ? 'scsi-generic' : 'scsi-block')),
    kernelMaySay: /st\d|\[st\d\]|ch\d|sr\d/,
  },
  {
    name: 'changer',
    what: 'a library by mtx and ch, its drives by st and sr',
    serve: serveChanger,
    asked: {
      add: (lunloom) => lunloom.operate(0, 'add', ADDED_TAPE.path, `barcode=${ADDED_TAPE.barcode}`, 'import-export=1'),
      remove: (lunloom) => lunloom.operate(0, 'remove', ADDED_TAPE.barcode),
    },
    kernelMaySay: /st\d|\[st\d\]|ch\d|sr\d/,
  },
  { name: 'controller', what: 'an array controller as LUN 0', serve: () => ['--lun', '0=controller', '--lun', '1=ram:8MiB'] },
  { name: 'osd', what: 'an object storage device, as far as Linux goes', serve: () => ['--lun', '0=osd:objects'] },
];
