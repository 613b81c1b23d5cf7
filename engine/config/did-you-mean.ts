import { closestMatch } from 'leven';

/** `; did you mean "x"?` for the nearest candidate, or nothing when none is near enough to be a slip of the hand. */
export function didYouMean(text: string, candidates: readonly string[]): string {
  // Without case and separators: blockSize, block_size and BLOCK-SIZE all mean block-size.
  const plain = plainForm(text);
  const byPlainForm = new Map(candidates.map((candidate) => [plainForm(candidate), candidate]));
  const plainCandidates = [...byPlainForm.keys()];
  const nearest =
    closestMatch(plain, plainCandidates, { maxDistance: Math.max(1, Math.floor(text.length / 3)) }) ??
    // Swapped letters count double in Levenshtein's distance: rma is ram all the same.
    plainCandidates.find((candidate) => sortedLetters(candidate) === sortedLetters(plain));
  const candidate = nearest === undefined ? undefined : byPlainForm.get(nearest);
  return candidate === undefined ? '' : `; did you mean "${candidate}"?`;
}

function plainForm(text: string): string {
  return text.toLowerCase().replaceAll(/[-_ ]/g, '');
}

function sortedLetters(text: string): string {
  return [...text].sort().join('');
}
