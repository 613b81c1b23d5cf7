/** Something that must always hold did not. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function must(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Violation(message());
}
