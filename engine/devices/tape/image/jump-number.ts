/**
 * The object that an object's record jumps back to, besides the one right before it: that finds any object of a log from its end in a number of
 * steps that grows with the logarithm of their distance, with nothing to keep in memory and no index that could be torn.
 *
 * Written in skew binary (weights 1, 3, 7, 15…, of which only the lowest that occurs may occur twice) a number jumps by its lowest weight;
 * see Myers, "An applicative random-access stack", 1983.
 */
export function jumpNumber(objectNumber: number): number {
  let rest = objectNumber;
  let weight = 1;
  while (weight * 2 + 1 <= rest) weight = weight * 2 + 1;
  for (; rest > 0; weight = (weight - 1) / 2) {
    while (weight <= rest && weight > 0) {
      rest -= weight;
      if (rest === 0) return objectNumber - weight;
    }
  }
  return 0;
}
