/** Seconds from the output of `qemu-img bench`; null when it did not come to its end. */
export function parseQemuImgBench(stdout: string): number | null {
  const text = /^Run completed in (\d+(?:\.\d+)?) seconds\.$/m.exec(stdout)?.[1];
  const seconds = Number(text);
  return text !== undefined && seconds > 0 ? seconds : null;
}
