const KIB = 1024;
const MIB = 1024 * KIB;

interface LoadLimitRow {
  readonly value: number;
  readonly reason: string;
}

/** Every bound of a load. The initiator's own (`initiator/limits.ts`) hold below them. */
export const loadLimitTable = {
  threadCountMax: { value: 16_384, reason: 'commands outstanding over all sessions; a target’s windows add up to less' },
  sessionCountMax: { value: 1024, reason: 'sessions of one load; each is a socket with a receive buffer' },
  transferLengthBytesMax: { value: 16 * MIB, reason: 'one command; targets refuse more, and a 24-bit data segment length ends here too' },
  bufferBytesMax: { value: 1024 * MIB, reason: 'data that is compared needs a buffer a thread; more would swap and be measured' },
  trackedBlockCountMax: { value: 64 * MIB, reason: 'blocks whose last write is remembered, four bytes each: 32 GiB of 512-byte blocks' },
  lbaCountMax: { value: Number.MAX_SAFE_INTEGER, reason: 'LBAs are JavaScript numbers; of a larger unit only the first 2^53 - 1 blocks are used' },
  secondsMax: { value: 2_000_000, reason: 'a timer of Node holds 2^31 - 1 ms, some 24 days' },
  imageBytes: { value: 1 * MIB, reason: 'random bytes that block data is cut from; larger only costs cache' },
  redrawCountMax: { value: 16, reason: 'random places that may be in use by another thread before a thread waits for one to end' },
  unitAttentionCountMax: { value: 32, reason: 'unit attentions a new nexus may have to be told of before it is quiet' },
  faultKindCountMax: { value: 64, reason: 'different SCSI errors that are counted apart; all others are counted together' },
} as const satisfies Record<string, LoadLimitRow>;

export type LoadLimitName = keyof typeof loadLimitTable;

export const loadLimits = Object.fromEntries(Object.entries(loadLimitTable).map(([name, row]) => [name, row.value])) as {
  readonly [K in LoadLimitName]: number;
};
