/** Serial number arithmetic with 32 bits, RFC 1982, as CmdSN and StatSN are compared. RFC 7143 §4.2.2.1. */

export function serialNext(number: number): number {
  return (number + 1) >>> 0;
}

export function serialPrevious(number: number): number {
  return (number - 1) >>> 0;
}

/** True when `a` comes before `b`. */
export function serialBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** How far `b` is ahead of `a`; negative when it is behind. */
export function serialDistance(a: number, b: number): number {
  return (b - a) | 0;
}
