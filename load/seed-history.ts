/**
 * The comparison that an iSCSI target of its time published of itself beside another one, on 2007/02/24: tgt beside IET. The
 * presets repeat its commands; its figures come from another machine, kernel and network and are no measure of what runs here.
 */
export const SEED_DATE = '2007/02/24';
export const SEED_DISKTEST_ARGS = '-PT -T1200 -h1 -K8 -B8192 -pL -ID';
export const SEED_TURS_ARGS = '-t -n=10000';

export interface SeedFigures {
  readonly target: string;
  readonly operationsPerSecond: number;
  /** MB/s of 2^20 bytes, or null where nothing moved. */
  readonly mebibytesPerSecond: number | null;
}

export const seedHistory: Readonly<Record<'disktest' | 'turs', readonly SeedFigures[]>> = {
  disktest: [
    { target: 'tgt', operationsPerSecond: 4206.4, mebibytesPerSecond: 32.86 },
    { target: 'IET', operationsPerSecond: 4121.0, mebibytesPerSecond: 32.2 },
  ],
  turs: [
    { target: 'tgt', operationsPerSecond: 8259.96, mebibytesPerSecond: null },
    { target: 'IET', operationsPerSecond: 8376.89, mebibytesPerSecond: null },
  ],
};

/** Lines that cannot be taken for a result of this run. */
export function seedHistoryLines(command: 'disktest' | 'turs'): string[] {
  const line = command === 'disktest' ? `disktest ${SEED_DISKTEST_ARGS}` : `sg_turs ${SEED_TURS_ARGS}`;
  const lines = [`history, not a result: ${line}, published ${SEED_DATE}, another machine and network`];
  for (const { target, operationsPerSecond, mebibytesPerSecond } of seedHistory[command]) {
    const figures =
      mebibytesPerSecond === null
        ? `${operationsPerSecond.toFixed(2)} operations/sec`
        : `IOPS ${operationsPerSecond.toFixed(1)}/s, ${mebibytesPerSecond.toFixed(2)}MB/s`;
    lines.push(`history, not a result: ${target} ${figures}`);
  }
  return lines;
}
