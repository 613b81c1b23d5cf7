import * as assert from 'uvu/assert';

/** The value, which must be there. */
export function assertDefined<T>(value: T | null | undefined): T {
  assert.ok(value !== null && value !== undefined, 'a value is there');
  return value as T;
}
