import type { SeededRandom } from '../support/random.js';

/** What lengths and counts go wrong at. */
const INTERESTING = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 48, 127, 128, 252, 255, 256, 260, 511, 512, 1020, 4095, 4096, 32767, 65535, 65536, 0xff_ffff, 0xffff_fffe,
  0xffff_ffff,
];
const STACKED_MUTATION_COUNT_MAX = 6;

type Mutation = (input: Uint8Array, random: SeededRandom, other: Uint8Array) => Uint8Array;

const pick = <T>(of: readonly T[], random: SeededRandom): T => of[random.below(of.length)] as T;

function withBytes(input: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const output = new Uint8Array(input.length - removed + added.length);
  output.set(input.subarray(0, at));
  output.set(added, at);
  output.set(input.subarray(at + removed), at + added.length);
  return output;
}

function span(length: number, random: SeededRandom, longest = 64): [number, number] {
  const at = random.below(length + 1);
  return [at, Math.min(length - at, random.below(longest))];
}

function flipBit(input: Uint8Array, at: number, bit: number): void {
  input[at] = (input[at] as number) ^ (1 << bit);
}

const mutations: readonly Mutation[] = [
  (input, random) => {
    if (input.length > 0) flipBit(input, random.below(input.length), random.below(8));
    return input;
  },
  (input, random) => {
    if (input.length > 0) input[random.below(input.length)] = random.below(256);
    return input;
  },
  (input, random) => {
    const width = pick([1, 2, 3, 4], random);
    if (input.length < width) return input;
    const at = random.below(input.length - width + 1);
    const value = pick(INTERESTING, random);
    for (let i = 0; i < width; i++) input[at + i] = (value >>> (8 * (width - 1 - i))) & 0xff;
    return input;
  },
  (input, random) => {
    const [at, length] = span(input.length, random);
    return withBytes(input, at, length, new Uint8Array(0));
  },
  (input, random) => {
    const [at, length] = span(input.length, random);
    return withBytes(input, at, 0, input.slice(at, at + length));
  },
  (input, random) => withBytes(input, random.below(input.length + 1), 0, random.bytes(1 + random.below(16))),
  (input, random, other) => {
    const [from, length] = span(other.length, random, other.length + 1);
    const [at, removed] = span(input.length, random);
    return withBytes(input, at, random.boolean() ? removed : 0, other.slice(from, from + length));
  },
  (input, random) => input.slice(0, random.below(input.length + 1)),
];

/** A new input made of `input` and perhaps a part of `other`, `lengthBytesMax` long at most. Neither is changed. */
export function mutate(input: Uint8Array, other: Uint8Array, random: SeededRandom, lengthBytesMax: number): Uint8Array {
  let output: Uint8Array = input.slice();
  for (let count = 1 + random.below(STACKED_MUTATION_COUNT_MAX); count > 0; count--) output = pick(mutations, random)(output, random, other);
  return output.length > lengthBytesMax ? output.slice(0, lengthBytesMax) : output;
}
