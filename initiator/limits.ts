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
  exchangeCountMax: { value: 65_536, reason: 'requests of one session that wait for the window or for an answer' },
  rawQueuePduCountMax: { value: 16_384, reason: 'PDUs a raw connection holds for a caller that does not ask for them' },
  rawQueueBytesMax: { value: 256 * KIB * KIB, reason: 'and their bytes' },
  commandDataLengthBytesMax: { value: 1024 * KIB * KIB, reason: 'one command: what a Buffer holds comfortably, far above any target’s limit' },
  coreTaskCountMax: { value: 4096, reason: 'tasks of a pipelined core: the largest window our own target can open' },
  sendBlockBytes: { value: 64 * KIB, reason: 'headers and small data of one turn; more takes another block' },
  sendCopyBytesMax: { value: 4 * KIB, reason: 'data up to here is cheaper to copy behind its header than to hand to writev as a piece of its own' },
  receiveBufferBytes: { value: 256 * KIB, reason: 'one read of the socket; four times the default, so a large Data-In needs fewer turns' },
} as const satisfies Record<string, InitiatorLimitRow>;

export type InitiatorLimitName = keyof typeof initiatorLimitTable;

export const initiatorLimits = Object.fromEntries(Object.entries(initiatorLimitTable).map(([name, row]) => [name, row.value])) as {
  readonly [K in InitiatorLimitName]: number;
};
