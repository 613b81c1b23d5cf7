/**
 * Whether an iSCSI name matches a pattern in which `*` stands for any characters and `?` for one. Both in normal form, see
 * `normalizeIscsiName`. Takes time in proportion to the product of the lengths at most: the name is the initiator's to choose.
 */
export function matchesNamePattern(pattern: string, name: string): boolean {
  let patternAt = 0;
  let nameAt = 0;
  // Where to go on when what follows the last asterisk does not match: it then takes one character more.
  let asteriskAt = -1;
  let takenTo = 0;
  while (nameAt < name.length) {
    const character = pattern[patternAt];
    if (character === '*') {
      asteriskAt = patternAt++;
      takenTo = nameAt;
    } else if (character === '?' || character === name[nameAt]) {
      patternAt++;
      nameAt++;
    } else if (asteriskAt >= 0) {
      patternAt = asteriskAt + 1;
      nameAt = ++takenTo;
    } else return false;
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}

/** The form in which patterns are compared with names: lower case and composed, as names are. RFC 3722. */
export function normalizeNamePattern(pattern: string): string {
  return pattern.normalize('NFKC').toLowerCase().normalize('NFKC');
}
