import { TargetError } from '../../../engine/errors.js';

/** A service for the tests of `BoundThread`. */
export class CountingService {
  #count: number;

  constructor(start: number) {
    this.#count = start;
  }

  add(amount: number): number {
    this.#count += amount;
    return this.#count;
  }

  fill(bytes: Uint8Array, value: number): void {
    bytes.fill(value);
  }

  /** Until somebody opens the gate. */
  wait(gate: Int32Array): void {
    Atomics.wait(gate, 0, 0);
  }

  refuse(): never {
    throw new TargetError('COUNTING_REFUSED', 'not today');
  }

  fail(): never {
    throw new RangeError('a defect');
  }

  end(): never {
    process.exit(3);
  }

  close(): void {
    if (this.#count < 0) throw new TargetError('COUNTING_NEGATIVE', 'it closes with less than nothing');
  }
}

export function create(options: { readonly start: number }): CountingService {
  if (options.start === 13) throw new TargetError('COUNTING_UNLUCKY', 'it does not begin at 13');
  return new CountingService(options.start);
}
