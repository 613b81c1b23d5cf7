import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ARENA_FULL, ARENA_PIECE_BYTES_MIN, BufferArena } from '../../../engine/shm/buffer-arena.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';

const KIB = 1024;
const PIECE_MAX = 256 * KIB;
const ARENA_BYTES = 4 * PIECE_MAX;

/** Bytes that a piece of this length takes: a power of two of pages. */
function roundedLength(lengthBytes: number): number {
  return Math.max(ARENA_PIECE_BYTES_MIN, 2 ** Math.ceil(Math.log2(lengthBytes)));
}

/** An arena, and beside it which of its pages are taken by whom. */
class World {
  readonly arena: BufferArena;
  readonly #pageOwner: Int32Array;
  readonly pieces = new Map<number, { readonly lengthBytes: number; readonly mark: number }>();
  #nextMark = 1;

  constructor(sizeBytes = ARENA_BYTES, pieceBytesMax = PIECE_MAX) {
    this.arena = new BufferArena(sizeBytes, pieceBytesMax);
    this.#pageOwner = new Int32Array(this.arena.sizeBytes / ARENA_PIECE_BYTES_MIN);
  }

  allocate(lengthBytes: number): number {
    const before = this.arena.freeBytes;
    const offset = this.arena.allocate(lengthBytes);
    const takenBytes = roundedLength(lengthBytes);
    if (offset === ARENA_FULL) {
      assert.is(this.arena.freeBytes, before, 'what was refused took nothing');
      assert.not.ok(this.#hasRoomFor(takenBytes), `a free aligned run of ${takenBytes} bytes was not found`);
      return offset;
    }
    assert.is(offset % ARENA_PIECE_BYTES_MIN, 0, 'a piece begins on a page');
    assert.ok(offset >= 0 && offset + lengthBytes <= this.arena.sizeBytes, 'a piece lies in the arena');
    assert.is(this.arena.freeBytes, before - takenBytes);
    const mark = this.#nextMark++;
    for (const page of this.#pages(offset, takenBytes)) {
      assert.is(this.#pageOwner[page], 0, 'no two pieces overlap');
      this.#pageOwner[page] = mark;
    }
    this.pieces.set(offset, { lengthBytes, mark });
    // The first and the last byte tell whether another piece was written over this one.
    this.arena.bytes[offset] = mark & 0xff;
    this.arena.bytes[offset + lengthBytes - 1] = mark & 0xff;
    return offset;
  }

  free(offset: number): void {
    const piece = this.pieces.get(offset) as { lengthBytes: number; mark: number };
    assert.is(this.arena.bytes[offset], piece.mark & 0xff);
    assert.is(this.arena.bytes[offset + piece.lengthBytes - 1], piece.mark & 0xff);
    const before = this.arena.freeBytes;
    this.arena.free(offset);
    assert.is(this.arena.freeBytes, before + roundedLength(piece.lengthBytes));
    for (const page of this.#pages(offset, roundedLength(piece.lengthBytes))) this.#pageOwner[page] = 0;
    this.pieces.delete(offset);
  }

  freeAny(random: SeededRandom): void {
    this.free([...this.pieces.keys()][random.below(this.pieces.size)] as number);
  }

  #pages(offset: number, takenBytes: number): number[] {
    return Array.from({ length: takenBytes / ARENA_PIECE_BYTES_MIN }, (_, at) => offset / ARENA_PIECE_BYTES_MIN + at);
  }

  /** Buddies: a piece of a size lies on a multiple of it, and whatever is free there can be had in one piece. */
  #hasRoomFor(takenBytes: number): boolean {
    for (let offset = 0; offset < this.arena.sizeBytes; offset += takenBytes) {
      if (this.#pages(offset, takenBytes).every((page) => this.#pageOwner[page] === 0)) return true;
    }
    return false;
  }
}

test('any order of allocating and freeing: no overlap, no page lost, all free in the end', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const world = new World();
    for (let step = 0; step < 400; step++) {
      const wantsMore = random.below(100) < (step % 100 < 60 ? 65 : 30);
      if (wantsMore || world.pieces.size === 0) world.allocate(1 + random.below(random.boolean() ? PIECE_MAX : 12 * KIB));
      else world.freeAny(random);
    }
    while (world.pieces.size > 0) world.freeAny(random);
    assert.is(world.arena.freeBytes, ARENA_BYTES);
    for (let piece = 0; piece < 4; piece++) assert.is.not(world.allocate(PIECE_MAX), ARENA_FULL, `seed ${seed}: free pieces have grown together again`);
    assert.is(world.arena.freeBytes, 0);
  }
});

test('a full arena refuses and goes on once something came back', () => {
  const world = new World();
  const offsets = Array.from({ length: 4 }, () => world.allocate(PIECE_MAX));
  assert.is(world.allocate(1), ARENA_FULL);
  world.free(offsets[2] as number);
  assert.is(world.allocate(PIECE_MAX), offsets[2]);
});

test('a piece can be had whenever its aligned run is free, whoever its neighbours were', () => {
  const world = new World();
  const small = Array.from({ length: ARENA_BYTES / ARENA_PIECE_BYTES_MIN }, () => world.allocate(1));
  assert.is(world.arena.freeBytes, 0);
  for (const offset of small.filter((_, at) => at % 2 === 1)) world.free(offset);
  assert.is(world.arena.freeBytes, ARENA_BYTES / 2);
  assert.is(world.allocate(2 * ARENA_PIECE_BYTES_MIN), ARENA_FULL, 'half of it is free, but no two pages side by side');
  world.free(small[0] as number);
  assert.is(world.allocate(2 * ARENA_PIECE_BYTES_MIN), 0);
});

test('lengths around the powers of two', () => {
  const world = new World();
  for (const lengthBytes of [1, 4095, 4096, 4097, 8192, 8193, PIECE_MAX - 1, PIECE_MAX]) world.free(world.allocate(lengthBytes));
  assert.throws(() => world.arena.allocate(PIECE_MAX + 1), /longer than the largest/);
  assert.is(world.arena.freeBytes, ARENA_BYTES);
});

test('freeing twice, freeing the inside of a piece and freeing what never was assert', () => {
  const { arena } = new World();
  const offset = arena.allocate(16 * KIB);
  const inside = [offset + ARENA_PIECE_BYTES_MIN, offset + 2 * ARENA_PIECE_BYTES_MIN, offset + 1];
  for (const wrong of [...inside, ARENA_BYTES, ARENA_FULL, -ARENA_PIECE_BYTES_MIN, Number.NaN]) {
    assert.throws(() => arena.free(wrong), /not allocated/, `offset ${wrong}`);
  }
  arena.free(offset);
  assert.throws(() => arena.free(offset), /not allocated/);
  assert.is(arena.freeBytes, ARENA_BYTES);
  // The inside of a piece keeps no trace of the smaller pieces that once lay there.
  const small = [arena.allocate(1), arena.allocate(1)] as [number, number];
  for (const piece of small) arena.free(piece);
  const large = arena.allocate(8 * KIB);
  assert.throws(() => arena.free(Math.max(...small)), /not allocated/);
  arena.free(large);
  assert.is(arena.freeBytes, ARENA_BYTES);
});

test('the size is rounded down to whole largest pieces', () => {
  const { arena } = new World(ARENA_BYTES + PIECE_MAX - 1);
  assert.is(arena.sizeBytes, ARENA_BYTES);
  assert.is(arena.pieceBytesMax, PIECE_MAX);
  assert.ok(arena.memory instanceof SharedArrayBuffer, 'workers can see it');
  assert.is(new BufferArena(PIECE_MAX, 200 * KIB).pieceBytesMax, PIECE_MAX, 'the largest piece is a power of two');
});

test.run();
