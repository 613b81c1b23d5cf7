const KIB = 1024;

interface InitiatorLimitRow {
  readonly value: number;
  readonly reason: string;
}

/**
 * Every bound of the initiator. The engine's rows in `engine/limits.ts` hold for the text of a negotiation too; these are
 * the ones that only a client has. Options of the same name override them per connection where it says so.
 */
export const initiatorLimitTable = {
  connectMsMax: { value: 5_000, reason: 'a lab target accepts at once or never (option of every connect)' },
  commandMsMax: { value: 30_000, reason: 'what a SCSI layer gives a command before it aborts it (option of a session and of a command)' },
  logoutMsMax: { value: 5_000, reason: 'time for the answer to a Logout and for the close behind it' },
  redirectCountMax: {
    value: 4,
    reason: 'redirections of one login that are followed: targets that point at each other must not keep us (option of every login)',
  },
  textBytesMax: { value: 1024 * KIB, reason: 'one answer to SendTargets: ten thousand targets with their addresses' },
  textRoundCountMax: { value: 1024, reason: 'Text Responses of one negotiation before it counts as endless' },
  chapBinaryBytesMax: { value: 1024, reason: 'a CHAP challenge or response, RFC 7143 §12.1.3' },
  chapSecretBytesMin: { value: 12, reason: '96 bits, below which RFC 7143 §12.1.3 wants a secret refused' },
  connectionCountMax: { value: 64, reason: 'connections of one session; more than any target grants' },
  snackMsMax: { value: 2_000, reason: 'time for what a SNACK asked for before it is asked for again' },
  snackAttemptCountMax: { value: 3, reason: 'SNACKs for the same PDU before its connection is given up' },
  statusBacklogCountMax: { value: 65_536, reason: 'responses received beyond one that is missing or held back: one for each request that can be out' },
  recoveryMsMax: { value: 30_000, reason: 'time to bring a connection or a session back, waiting included, unless the target names a longer one' },
  recoveryDelayMsMax: { value: 3_600_000, reason: 'Time2Wait is up to an hour; a target cannot make us wait longer' },
  exchangeCountMax: { value: 65_536, reason: 'requests of one session that wait for the window or for an answer' },
  rawQueuePduCountMax: { value: 16_384, reason: 'PDUs a raw connection holds for a caller that does not ask for them' },
  rawQueueBytesMax: { value: 256 * KIB * KIB, reason: 'and their bytes' },
  commandDataLengthBytesMax: { value: 1024 * KIB * KIB, reason: 'one command: what a Buffer holds comfortably, far above any target’s limit' },
  transferLengthBytesMax: {
    value: 1024 * KIB,
    reason: 'one command of a block device: large enough to be fast, small enough to keep several going (option of `BlockDevice.open`)',
  },
  writeSameBlocksMax: { value: 65_535, reason: 'one WRITE SAME, so that even a slow unit ends it before its time-out' },
  unmapRangeCountMax: { value: 256, reason: 'ranges of one UNMAP when the unit tells no maximum: a page of parameters' },
  coreTaskCountMax: { value: 4096, reason: 'tasks of a pipelined core: the largest window our own target can open' },
  sendBlockBytes: { value: 64 * KIB, reason: 'headers and small data of one turn; more takes another block' },
  sendCopyBytesMax: { value: 4 * KIB, reason: 'data up to here is cheaper to copy behind its header than to hand to writev as a piece of its own' },
  receiveBufferBytes: { value: 256 * KIB, reason: 'one read of the socket; four times the default, so a large Data-In needs fewer turns' },
} as const satisfies Record<string, InitiatorLimitRow>;

export type InitiatorLimitName = keyof typeof initiatorLimitTable;

export const initiatorLimits = Object.fromEntries(Object.entries(initiatorLimitTable).map(([name, row]) => [name, row.value])) as {
  readonly [K in InitiatorLimitName]: number;
};
