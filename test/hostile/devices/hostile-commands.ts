import type { LoopbackAttribute, LoopbackCommand } from '../../../engine/loopback/index.js';
import { type CommandRow, legalBitsOf, VARIABLE_LENGTH_OPCODE } from '../../../engine/scsi/command-table.js';
import { encodeOsd, Osd } from '../../support/osd-cdb.js';
import type { SeededRandom } from '../../support/random.js';
import type { RigUnit } from './device-rig.js';

const CDB_LENGTH_MIN = 6;
const CDB_LENGTH_MAX = 260;
const DATA_OUT_MAX = 128 * 1024;
const DATA_IN_MAX = 1024 * 1024;
const EXPECTED_MAX = 0xffffffff;
const OSD_TYPE = 0x11;
const CHANGER_TYPE = 0x08;
/** Of the library: picker, drives, mail slot and slots, and one that is none. */
const ELEMENTS = [0x0000, 0x0100, 0x0101, 0x0300, 0x0400, 0x0401, 0x0402, 0x0403, 0x0404];
const MODE_SELECT_6 = 0x15;
/** Values at which fields turn over. */
const EDGE_BYTES = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xfe, 0xff];
const attributes: readonly LoopbackAttribute[] = ['ordered', 'head of queue', 'ordered', 'head of queue', 'aca'];

/** Parameter data that devices have answered: what MODE SELECT and others get, changed a little. */
export class Samples {
  readonly #kept: Uint8Array[] = [];

  keep(dataIn: Uint8Array, random: SeededRandom): void {
    if (dataIn.length === 0 || dataIn.length > 4096 || markedLuns(dataIn).length > 0) return;
    if (this.#kept.length < 64) this.#kept.push(dataIn);
    else this.#kept[random.below(this.#kept.length)] = dataIn;
  }

  pick(random: SeededRandom): Buffer {
    const sample = this.#kept[random.below(this.#kept.length)];
    return Buffer.from(sample ?? random.bytes(24));
  }
}

const MARK = Buffer.from('hostile-');

/** Data-Out that tells which unit it was sent to: no other has any business with it. */
function marked(lengthBytes: number, { lun }: RigUnit): Buffer {
  return Buffer.alloc(lengthBytes, Buffer.concat([Uint8Array.of(lun), MARK]));
}

/** The units whose Data-Out is in the data. Of a mark that was cut, and goes on with what somebody else wrote, nobody can say. */
export function markedLuns(data: Uint8Array): number[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const luns = new Set<number>();
  for (let at = bytes.indexOf(MARK, 1); at !== -1; at = bytes.indexOf(MARK, at + MARK.length)) {
    const lun = bytes.readUInt8(at - 1);
    if (bytes[at + MARK.length] === lun) luns.add(lun);
  }
  return Array.from(luns);
}

/** A command for the unit that may be anything, more often than not one that almost makes sense. */
export function hostileCommand(unit: RigUnit, random: SeededRandom, samples: Samples): LoopbackCommand {
  const { cdb, dataOut: proposed } = hostileCdb(unit, random, samples);
  const dataOut = proposed ?? hostileDataOut(unit, random, samples);
  const command = { lun: unit.lun, cdb, dataInLength: hostileLength(random), attribute: random.below(4) === 0 ? pick(attributes, random) : 'simple' } as const;
  if (dataOut.length === 0) return command;
  if (proposed === undefined && cdb[0] !== VARIABLE_LENGTH_OPCODE && random.boolean()) tellLength(cdb, dataOut.length);
  // Mostly one direction only.
  return random.below(4) === 0 || proposed !== undefined ? { ...command, dataOut } : { ...command, dataOut, dataInLength: 0 };
}

function hostileCdb(unit: RigUnit, random: SeededRandom, samples: Samples): { readonly cdb: Buffer; readonly dataOut?: Uint8Array } {
  const kind = random.below(16);
  if (kind === 0) return { cdb: Buffer.from(random.bytes(CDB_LENGTH_MIN + random.below(11))) };
  if (kind === 1) return { cdb: variableCdb(unit, random) };
  if (unit.peripheralDeviceType === OSD_TYPE && kind < 13) return osdCommand(unit, random, samples);
  const row = pick(unit.rows, random);
  const cdb = cdbOfRow(row, random);
  if (unit.peripheralDeviceType === CHANGER_TYPE && random.boolean()) addressElements(cdb, random);
  if (random.below(8) === 0) flipBits(cdb, random);
  return { cdb };
}

/** Fields at random within the bits that the row evaluates, mostly small ones. */
function cdbOfRow(row: CommandRow, random: SeededRandom): Buffer {
  const cdb = Buffer.alloc(Math.max(row.cdbLength, CDB_LENGTH_MIN));
  const density = 1 + random.below(4);
  for (let at = 1; at < row.cdbLength; at++) if (random.below(density) === 0) cdb[at] = hostileByte(random) & legalBitsOf(row, at);
  // Large numbers in their first bytes make most commands end at once.
  const isSmall = random.below(3) !== 0;
  for (let at = 2; isSmall && at < row.cdbLength - 3; at++) if (random.below(3) !== 0) cdb[at] = 0;
  // Mostly no ACA, which others would have to wait for.
  if (random.below(16) !== 0 && row.opcode !== VARIABLE_LENGTH_OPCODE) cdb[row.cdbLength - 1] = 0;
  cdb[0] = row.opcode;
  if (row.opcode === VARIABLE_LENGTH_OPCODE) {
    cdb[7] = row.cdbLength - 8;
    cdb.writeUInt16BE(row.serviceAction ?? 0, 8);
  } else if (row.serviceAction !== undefined) cdb[1] = ((cdb[1] as number) & 0xe0) | row.serviceAction;
  return cdb;
}

/** MOVE MEDIUM and the like: the picker, and elements that are there. */
function addressElements(cdb: Buffer, random: SeededRandom): void {
  if (cdb.length < 12) return;
  cdb.writeUInt16BE(0, 2);
  for (const at of [4, 6]) cdb.writeUInt16BE(pick(ELEMENTS, random), at);
}

function variableCdb(unit: RigUnit, random: SeededRandom): Buffer {
  const length = CDB_LENGTH_MIN + random.below(CDB_LENGTH_MAX - CDB_LENGTH_MIN + 1);
  const cdb = Buffer.from(random.bytes(length));
  cdb[0] = VARIABLE_LENGTH_OPCODE;
  const actions = unit.rows.filter(({ opcode }) => opcode === VARIABLE_LENGTH_OPCODE).map(({ serviceAction }) => serviceAction ?? 0);
  if (length >= 10 && actions.length > 0) cdb.writeUInt16BE(pick(actions, random), 8);
  if (length >= 8 && random.boolean()) cdb[7] = length - 8;
  return cdb;
}

const osdActions = Object.values(Osd);
/** Those of `objectSeeds` more often than not, the partition itself, and what is not there. */
const PARTITIONS = [0x10000n, 0x10000n, 0x10000n, 0x10000n, 0x10000n, 0n, 0x10001n, 0xffffffffffffffffn];
const OBJECTS = [0x10000n, 0x10000n, 0x10000n, 0x10001n, 0x10001n, 0n, 0x20000n, 0xffffffffffffffffn];
const PAGES = [0x0, 0x1, 0x2, 0x4, 0x5, 0x30000001, 0x60000001, 0x60000002, 0x90000001, 0x90000003, 0x20000000, 0xf0000000, 0xfffffffe, 0xffffffff];

/** Something to begin with: a partition with an object and a collection, of these numbers. */
export function objectSeeds(lun: number): LoopbackCommand[] {
  const partition = 0x10000n;
  const seeds = [
    { action: Osd.CREATE_PARTITION, partition },
    { action: Osd.CREATE, partition, object: 0x10000n },
    { action: Osd.CREATE_COLLECTION, partition, object: 0x10001n },
    { action: Osd.WRITE, partition, object: 0x10000n, length: 64, data: Buffer.alloc(64, 0x5a) },
  ];
  return seeds.map((seed) => {
    const { cdb, dataOut } = encodeOsd(seed);
    return { lun, cdb, dataOut };
  });
}

/** One that is encoded as it should be, and then changed or not. */
function osdCommand(unit: RigUnit, random: SeededRandom, samples: Samples): { readonly cdb: Buffer; readonly dataOut: Uint8Array } {
  const action = pick(osdActions, random);
  const name = () => ({ page: pick(PAGES, random), number: random.boolean() ? random.below(8) : pick([0x82, 0x83, 0xffffffff], random) });
  const some = <T>(make: () => T): T | undefined => (random.below(3) === 0 ? make() : undefined);
  const get = some(() => Array.from({ length: 1 + random.below(4) }, name));
  const set = some(() => Array.from({ length: 1 + random.below(3) }, () => ({ ...name(), value: random.bytes(random.below(40)) })));
  const getPage = get === undefined && set === undefined ? some(() => pick(PAGES, random)) : undefined;
  const data = some(() => (random.boolean() ? marked(random.below(3000), unit) : samples.pick(random)));
  const { cdb, dataOut } = encodeOsd({
    action,
    partition: pick(PARTITIONS, random),
    object: pick(OBJECTS, random),
    length: random.boolean() ? (data?.length ?? random.below(5000)) : random.below(5000),
    start: BigInt(random.below(3) === 0 ? random.below(10_000) : 0),
    options: random.below(8) === 0 ? random.below(256) : 0,
    dataInLength: random.below(5000),
    ...(get !== undefined && { get }),
    ...(set !== undefined && { set }),
    ...(getPage !== undefined && { getPage }),
    ...(data !== undefined && { data }),
  });
  const bytes = Buffer.from(cdb);
  const row = unit.rows.find(({ serviceAction, opcode }) => opcode === VARIABLE_LENGTH_OPCODE && serviceAction === action);
  // Most commands have not all of the fields.
  if (row !== undefined && random.below(8) !== 0) for (let at = 1; at < bytes.length; at++) bytes[at] = (bytes[at] as number) & legalBitsOf(row, at);
  const out = Buffer.from(dataOut);
  if (random.below(5) === 0) flipBits(bytes.subarray(10), random);
  if (random.below(16) === 0) flipBits(bytes, random);
  if (out.length > 0 && random.below(4) === 0) flipBits(out, random);
  return { cdb: bytes, dataOut: random.below(8) === 0 ? out.subarray(0, random.below(out.length + 1)) : out };
}

function hostileDataOut(unit: RigUnit, random: SeededRandom, samples: Samples): Buffer {
  switch (random.below(8)) {
    case 0:
    case 1:
      return Buffer.alloc(0);
    case 2:
      return Buffer.from(random.bytes(random.below(64)));
    case 3:
      return marked(random.below(DATA_OUT_MAX), unit);
    case 4:
      return marked(2048 * (1 + random.below(16)), unit);
    default: {
      const sample = samples.pick(random);
      // The first bytes of a mode parameter header are reserved when it is sent.
      if (random.boolean()) sample.fill(0, 0, Math.min(2, sample.length));
      if (random.boolean()) flipBits(sample, random);
      return random.below(4) === 0 ? sample.subarray(0, random.below(sample.length + 1)) : sample;
    }
  }
}

/** Where most commands say how long their parameter list is. */
function tellLength(cdb: Buffer, lengthBytes: number): void {
  if (cdb[0] === MODE_SELECT_6) cdb[4] = lengthBytes & 0xff;
  else if (cdb.length === 6) cdb.writeUIntBE(lengthBytes & 0xffffff, 2, 3);
  else if (cdb.length === 10) cdb.writeUInt16BE(lengthBytes & 0xffff, 7);
  else if (cdb.length >= 12) cdb.writeUInt32BE(lengthBytes, cdb.length >= 16 ? 10 : 6);
}

function hostileLength(random: SeededRandom): number {
  switch (random.below(8)) {
    case 0:
      return 0;
    case 1:
      return random.below(32);
    case 2:
      return EXPECTED_MAX - random.below(2);
    case 3:
      return random.below(DATA_IN_MAX);
    case 4:
      return 2048 * random.below(64);
    default:
      return 4096 + random.below(65_536);
  }
}

function hostileByte(random: SeededRandom): number {
  return random.boolean() ? pick(EDGE_BYTES, random) : random.below(256);
}

function flipBits(bytes: Buffer, random: SeededRandom): void {
  if (bytes.length === 0) return;
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  }
}

export function pick<T>(values: readonly T[], random: SeededRandom): T {
  return values[random.below(values.length)] as T;
}
