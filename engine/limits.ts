import { TargetError } from './errors.js';

const KIB = 1024;
const MIB = 1024 * KIB;

interface LimitRow {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** Why there is a bound at all and why it is this one. */
  readonly reason: string;
}

/**
 * Every bound of the engine: one row each, settable under `limits:` in the configuration by the same name.
 * A bound that stands elsewhere in the code is a mistake; `test/repository` checks that each row is used.
 */
export const limitTable = {
  connectionCountMax: { value: 2048, min: 1, max: 65536, reason: 'sockets of one engine; each holds a receive cursor and a send queue' },
  loginPendingCountMax: { value: 256, min: 1, max: 65536, reason: 'connections that have not logged in yet cost a peer nothing, so few may wait' },
  loginTimeMsMax: { value: 10_000, min: 100, max: 600_000, reason: 'a login takes milliseconds; who needs longer is not an initiator' },
  loginTextBytesMax: { value: 64 * KIB, min: 8 * KIB, max: 1 * MIB, reason: 'text of one negotiation, collected over continued PDUs' },
  loginRoundCountMax: { value: 32, min: 4, max: 1024, reason: 'requests of one login or text negotiation before it counts as endless' },
  loginFailureDelayMsMax: {
    value: 5_000,
    min: 0,
    max: 60_000,
    reason: 'longest time that logins wait after failed ones from the same address: guessing is slowed, an initiator is not locked out; 0 turns it off',
  },
  loginFailureMemoryMsMax: { value: 300_000, min: 1000, max: 86_400_000, reason: 'an address whose logins have not failed for this long starts anew' },
  loginFailureAddressCountMax: { value: 4096, min: 16, max: 1_000_000, reason: 'addresses whose failed logins are remembered; the oldest are forgotten first' },
  secretBytesMax: { value: 1024, min: 1024, max: 1024, reason: 'a CHAP secret as it is written; fixed, since secrets are read with the configuration' },
  loginDataSegmentLengthBytesMax: {
    value: 8192,
    min: 8192,
    max: 8192,
    reason: 'the default MaxRecvDataSegmentLength that holds until login ends (RFC 7143 §13.12)',
  },
  textKeyCountMax: { value: 128, min: 32, max: 4096, reason: 'keys of one negotiation' },
  ahsLengthBytesMax: { value: 512, min: 256, max: 1020, reason: 'an extended CDB of 260 bytes and a bidirectional length need 256' },
  maxRecvDataSegmentLengthBytes: {
    value: 256 * KIB,
    min: 512,
    max: 16 * MIB - 1,
    reason: 'a 256 KiB write fits one PDU; what a peer may make us take at once',
  },
  firstBurstLengthBytes: { value: 256 * KIB, min: 512, max: 16 * MIB - 1, reason: 'a 256 KiB write travels without an R2T' },
  maxBurstLengthBytes: { value: 1 * MIB, min: 512, max: 16 * MIB - 1, reason: 'one R2T or one Data-In sequence' },
  maxOutstandingR2TCount: { value: 4, min: 1, max: 65535, reason: 'R2Ts of one task that an initiator may ask for' },
  dataOutPieceCountMax: {
    value: 1024,
    min: 16,
    max: 65536,
    reason: 'pieces that Data-Out of one command may lie in while bytes between them are missing (DataPDUInOrder=No)',
  },
  errorRecoveryLevelMax: { value: 2, min: 0, max: 2, reason: 'what may have to be sent again has to be kept; 0 drops the session instead' },
  connectionPerSessionCountMax: { value: 8, min: 1, max: 64, reason: 'MaxConnections: more than an initiator has network paths is of no use' },
  defaultTime2WaitSecondsMin: {
    value: 2,
    min: 0,
    max: 3600,
    reason: 'least time before an initiator comes back to a lost connection, so that we have seen its end',
  },
  defaultTime2RetainSecondsMax: {
    value: 20,
    min: 0,
    max: 3600,
    reason: 'tasks of a lost connection keep slots and memory this long for an initiator that comes back',
  },
  retainedResponseCountMax: {
    value: 256,
    min: 8,
    max: 65536,
    reason: 'PDUs with a StatSN that one connection keeps until they are acknowledged (ErrorRecoveryLevel 1 and 2)',
  },
  retainedBytesMax: {
    value: 16 * MIB,
    min: 64 * KIB,
    max: 1024 * MIB,
    reason: 'Data-In that one connection keeps to send it again; the oldest is given up first, and a SNACK for it is rejected',
  },
  retainedBytesTotalMax: { value: 128 * MIB, min: 64 * KIB, max: 8192 * MIB, reason: 'the same of all connections: copies beside the arena' },
  recoveryR2TCountMax: {
    value: 64,
    min: 1,
    max: 65535,
    reason: 'times that lost Data-Out of one command is asked for again before the command fails',
  },
  dataOutRecoveryMs: { value: 2_000, min: 10, max: 3_600_000, reason: 'Data-Out that stays away this long is asked for again (ErrorRecoveryLevel 1 and 2)' },
  statusAckMs: {
    value: 1_000,
    min: 10,
    max: 3_600_000,
    reason: 'an initiator that was silent for this long with answers not acknowledged is asked by NOP-In, so that it sees what it lacks',
  },
  protocolLevelMax: { value: 2, min: 1, max: 2, reason: 'iSCSIProtocolLevel: 2 adds the task management of RFC 7144, 1 is RFC 7143 alone' },
  transferLengthBytesMax: {
    value: 8 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    reason: 'one command needs one piece of the arena; told to initiators in the Block Limits VPD page',
  },
  writeSameLengthBytesMax: {
    value: 16 * MIB,
    min: 64 * KIB,
    max: 4096 * MIB,
    reason: 'what one WRITE SAME may write: it holds its range and a worker until it is done; told in the Block Limits VPD page',
  },
  unmapLengthBytesMax: {
    value: 512 * MIB,
    min: 64 * KIB,
    max: 65536 * MIB,
    reason: 'what one UNMAP may unmap: it holds the range and a worker until it is done; told in the Block Limits VPD page',
  },
  unmapDescriptorCountMax: { value: 256, min: 1, max: 4095, reason: 'ranges of one UNMAP, whose parameter list has a 16-bit length' },
  commandWindowCountMax: { value: 128, min: 1, max: 4096, reason: 'commands a session may have on their way (MaxCmdSN - ExpCmdSN + 1)' },
  commandWindowStartCount: {
    value: 32,
    min: 1,
    max: 4096,
    reason: 'commands of a new session before it is known what memory they need; each one received lets one more come (MaxCmdSN never falls)',
  },
  immediateCommandCountMax: {
    value: 16,
    min: 1,
    max: 1024,
    reason: 'immediate commands stand outside the window, so they need a bound of their own (RFC 7143 §4.2.2.1)',
  },
  slotCount: { value: 4096, min: 16, max: 65536, reason: 'commands of the whole engine that execute or wait for data; 1 KiB of shared memory each' },
  arenaBytes: {
    value: 256 * MIB,
    min: 16 * MIB,
    max: 2048 * MIB,
    reason: 'all data that waits for a worker, a store or a socket; touched pages only are resident',
  },
  sendBacklogBytesMax: {
    value: 16 * MIB,
    min: 64 * KIB,
    max: 1024 * MIB,
    reason: 'bytes one connection may have waiting in user space before its socket is no longer read',
  },
  sendBacklogPduCountMax: { value: 4096, min: 16, max: 1_000_000, reason: 'PDUs one connection may have waiting, as small ones weigh more than their bytes' },
  sendStallMsMax: { value: 30_000, min: 100, max: 3_600_000, reason: 'a reader that takes nothing for this long is gone or hostile; its memory is needed' },
  nopInIntervalMs: { value: 30_000, min: 100, max: 3_600_000, reason: 'an idle connection is asked this often whether it lives' },
  nopInAnswerMsMax: { value: 30_000, min: 100, max: 3_600_000, reason: 'time to answer that question' },
  abortedTransferMsMax: {
    value: 2_000,
    min: 0,
    max: 600_000,
    reason: 'how long a task management response waits for Data-Out of stopped tasks; some initiators send none once they have asked for the stop',
  },
  closeLingerMsMax: { value: 2_000, min: 10, max: 600_000, reason: 'time a peer gets to close its side after our last byte; its socket is needed' },
  deviceCloseMsMax: { value: 30_000, min: 100, max: 600_000, reason: 'time the thread of a device gets to write what it holds when it is closed' },
  drainMsMax: { value: 5_000, min: 0, max: 600_000, reason: 'time initiators get to log out when the target stops' },
  sessionPerTargetCountMax: { value: 1024, min: 1, max: 65535, reason: 'TSIHs are 16 bits; each session holds a window' },
  reservationRegistrationCountMax: {
    value: 512,
    min: 16,
    max: 65536,
    reason: 'I_T nexuses registered for persistent reservations of one logical unit; READ FULL STATUS has room for so many',
  },
  rememberedNexusCountMax: {
    value: 4096,
    min: 16,
    max: 1_000_000,
    reason: 'initiator ports remembered after their session is gone, to tell a nexus loss from a power on',
  },
  socketPollMicrosMax: {
    value: 100,
    min: 0,
    max: 1_000_000,
    reason: 'how long the event loop stays awake for the next command before it sleeps, while commands keep coming that soon',
  },
  pollMicrosMax: { value: 30, min: 0, max: 1_000_000, reason: 'how long main and workers spin for the next ring entry before they sleep' },
  blockingWorkerCountMax: {
    value: 16,
    min: 1,
    max: 256,
    reason: 'worker threads that are started when commands wait for devices: so many commands wait at a time',
  },
  workerCountMax: { value: 64, min: 1, max: 1024, reason: 'worker threads; each is a V8 isolate of some megabytes with a ring of its own' },
  profileSampleCountMax: {
    value: 600_000,
    min: 1000,
    max: 10_000_000,
    reason: 'samples of a thread in one CPU profile: bounds its length, and its memory at some 10 bytes each',
  },
  controlClientCountMax: { value: 16, min: 1, max: 1024, reason: 'clients of the control socket at a time: people and scripts that watch' },
  controlLineBytesMax: { value: 64 * KIB, min: 1 * KIB, max: 16 * MIB, reason: 'one request of the control socket; an operation and a few parameters' },
  stageHistogramBytesMax: {
    value: 64 * MIB,
    min: 64 * KIB,
    max: 1024 * MIB,
    reason: 'stage histograms, 26 KiB for each command of each logical unit in use; what exceeds it is counted together',
  },
  isnsAnswerMsMax: { value: 5000, min: 100, max: 600_000, reason: 'time an iSNS server gets to take a connection or to answer; a stop waits for it once' },
  isnsAnswerBytesMax: { value: 1 * MIB, min: 64 * KIB, max: 64 * MIB, reason: 'one answer of an iSNS server, which echoes what was registered' },
  isnsRetryMsMax: { value: 60_000, min: 1000, max: 3_600_000, reason: 'the delay before an iSNS server is tried again doubles up to this' },
  stateFileBytesMax: {
    value: 4 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    reason: 'what one logical unit keeps over restarts; registrations of thousands of initiator ports fit',
  },
  backgroundBytesPerSecondMax: {
    value: 64 * MIB,
    min: 1 * MIB,
    max: 1024 * 1024 * MIB,
    reason: 'what a format or a sanitize writes in a second to one logical unit: the rest of the machine is for initiators',
  },
  copyCountMax: { value: 64, min: 1, max: 16384, reason: 'third-party copies of one engine that run at a time; more are answered BUSY' },
  copyPieceBytesMax: {
    value: 1 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    reason: 'what a third-party copy reads or writes at a time: it shares the arena with initiators',
  },
  copyPieceCountMax: { value: 4, min: 1, max: 64, reason: 'such pieces of one copy on their way at a time' },
  copyResultCountMax: {
    value: 64,
    min: 1,
    max: 65536,
    reason: 'results of ended copies that one logical unit keeps for RECEIVE COPY RESULTS; the oldest are forgotten',
  },
  copyTargetDescriptorCountMax: { value: 64, min: 2, max: 1024, reason: 'CSCD descriptors of one EXTENDED COPY' },
  copySegmentCountMax: { value: 256, min: 1, max: 4096, reason: 'segment descriptors of one EXTENDED COPY' },
  copyDescriptorBytesMax: { value: 8 * KIB, min: 4 * KIB, max: 128 * KIB, reason: 'both kinds of descriptors of one EXTENDED COPY together' },
  copyRangeCountMax: { value: 128, min: 1, max: 2048, reason: 'ranges of one POPULATE TOKEN or WRITE USING TOKEN' },
  rodTokenCountMax: { value: 1024, min: 1, max: 65536, reason: 'ROD tokens of one engine; the one that was not used for the longest time goes first' },
  rodTokenIdleSeconds: {
    value: 60,
    min: 1,
    max: 86_400,
    reason: 'a ROD token that nobody uses for this long is gone, unless POPULATE TOKEN asks for another time',
  },
  rodTokenIdleSecondsMax: { value: 600, min: 1, max: 86_400, reason: 'the longest time POPULATE TOKEN may ask for' },
  accessTransitionMsMax: {
    value: 60_000,
    min: 0,
    max: 255_000,
    reason: 'the longest that a target port group is between two access states; told by REPORT TARGET PORT GROUPS in whole seconds, of one byte',
  },
  passthroughRetryMsMin: {
    value: 200,
    min: 10,
    max: 600_000,
    reason: 'the delay before a lost passthrough device is tried again; it doubles with each attempt',
  },
  passthroughRetryMsMax: { value: 10_000, min: 10, max: 3_600_000, reason: 'and its bound: a device that was away for hours is back within seconds' },
  passthroughAwayMsMax: {
    value: 60_000,
    min: 0,
    max: 3_600_000,
    reason: 'a passthrough device that is away this long is called becoming ready, which initiators wait for; then its commands fail',
  },
  passthroughPingMs: {
    value: 5_000,
    min: 100,
    max: 3_600_000,
    reason: 'the target of a passthrough device is asked this often whether it lives, and may take so long',
  },
  passthroughQueryMsMax: {
    value: 10_000,
    min: 100,
    max: 600_000,
    reason: 'an answer to a question of our own that a passthrough device is asked when it comes',
  },
  passthroughAbortMsMax: {
    value: 10_000,
    min: 100,
    max: 600_000,
    reason: 'a target that does not confirm the end of a task in time is left and logged in to anew, which ends the task for sure',
  },
  passthroughAttentionCountMax: { value: 32, min: 1, max: 1024, reason: 'unit attentions that a passthrough device may have waiting when it comes' },
  passthroughOwnBytesMax: {
    value: 64 * MIB,
    min: 64 * KIB,
    max: 1024 * MIB,
    reason: 'Data-In of bidirectional commands of one passthrough device, which lies outside of the arena; more are answered TASK SET FULL',
  },
  passthroughThreadCountMax: { value: 4, min: 1, max: 64, reason: 'threads of one local passthrough device: so many of its commands run at a time' },
  libraryElementCountMax: {
    value: 16_384,
    min: 1,
    max: 65_534,
    reason: 'elements of one media library: their status is encoded as a whole for READ ELEMENT STATUS; addresses have 16 bits',
  },
  tapeBlockLengthBytesMax: {
    value: 8 * MIB,
    min: 64 * KIB,
    max: 16 * MIB - 1,
    reason: 'one logical block of a tape, which is in memory whole; told by READ BLOCK LIMITS, and no more than one command may transfer',
  },
  tapePartitionCountMax: { value: 4, min: 1, max: 4, reason: 'partitions of a tape; the image format has a table of four' },
  tapeCapacityBytesMax: {
    value: 32 * 1024 * 1024 * MIB,
    min: 64 * KIB,
    max: 1024 * 1024 * 1024 * MIB,
    reason: 'capacity of a tape image: what its header says is bytes of a file, and those positions of a file are numbers below 2^53',
  },
  tapeCheckpointBytes: {
    value: 256 * MIB,
    min: 64 * KIB,
    max: 65536 * MIB,
    reason: 'written to a tape without a mark or a flush, so much goes to stable storage by itself: it is what a start after a crash has to scan',
  },
  osdAttributeBytesMax: {
    value: 65_534,
    min: 256,
    max: 65_534,
    reason: 'bytes of one OSD attribute; its length has 16 bits in lists, and FFFFh there says that there is none',
  },
  osdAttributeCountMax: { value: 4096, min: 16, max: 16_777_216, reason: 'attributes that may be set for one OSD object' },
  osdMembershipCountMax: { value: 256, min: 1, max: 65_536, reason: 'OSD collections that one user object may be in' },
  osdCreateCountMax: { value: 65_536, min: 1, max: 1_048_576, reason: 'OSD user objects that one CREATE makes, in one transaction' },
  osdListCountMax: { value: 4096, min: 16, max: 65_536, reason: 'ids, attributes or extents that the OSD store reads at a time; commands go on from there' },
  osdListBytesMax: { value: 1 * MIB, min: 128 * KIB, max: 64 * MIB, reason: 'values of OSD attributes that are read at a time' },
  osdNonceCountMax: { value: 65_536, min: 16, max: 1_048_576, reason: 'OSD request nonces that are remembered; those older than a forgotten one are refused' },
  osdOpenListCountMax: { value: 1024, min: 1, max: 65_536, reason: 'OSD lists that were cut and may go on; the oldest has to be begun anew' },
  osdKeyCountMax: { value: 65_536, min: 16, max: 1_048_576, reason: 'OSD security keys: two of the device, and of each partition one and its working keys' },
  osdOpenFileCountMax: { value: 256, min: 8, max: 65_536, reason: 'files of OSD objects that are kept open: descriptors are few, and opening costs' },
  osdDirtyFileCountMax: {
    value: 1024,
    min: 1,
    max: 1_048_576,
    reason: 'OSD objects whose bytes were not flushed; more are flushed at once, which keeps FLUSH OSD and a stop short',
  },
  osdFreedFileCountMax: {
    value: 1024,
    min: 1,
    max: 1_048_576,
    reason: 'files of OSD objects that are gone but not yet removed, as a loss of power could bring the objects back; their space is not free',
  },
  osdAccessTimeCountMax: { value: 1024, min: 1, max: 1_048_576, reason: 'OSD objects whose time of access waits in memory, as reads are to cost no writes' },
  osdUnsyncedCommitCountMax: {
    value: 1024,
    min: 1,
    max: 1_048_576,
    reason: 'OSD transactions that a loss of power may take; pages that they free cannot be used again until the disk has them',
  },
  osdReserveBytes: {
    value: 16 * MIB,
    min: 0,
    max: 1024 * 1024 * MIB,
    reason: 'space of the file system that an OSD store leaves unused by new objects: removing them needs some for a while',
  },
  osdMetadataMapBytes: {
    value: 64 * 1024 * MIB,
    min: 16 * MIB,
    max: 4096 * 1024 * MIB,
    reason: 'address space, not memory, that is reserved for the metadata of an OSD store; beyond it LMDB maps anew',
  },
  configFileBytesMax: {
    value: 1 * MIB,
    min: 1 * MIB,
    max: 1 * MIB,
    reason: 'a file of all 16384 LUNs of a target fits; fixed, since it holds before any limit can be read',
  },
  discRecordBytesMax: {
    value: 1 * MIB,
    min: 64 * KIB,
    max: 16 * MIB,
    reason: 'a file that tells what was recorded on an optical disc; 153 tracks take a few kilobytes',
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof limitTable;
export type Limits = { readonly [K in LimitName]: number };

/** The limits with `overrides` applied. Throws `TargetError` `LIMIT_OUT_OF_RANGE` or `LIMIT_UNKNOWN`. */
export function resolveLimits(overrides: Partial<Record<LimitName, number>> = {}): Limits {
  const resolved = {} as Record<LimitName, number>;
  for (const name of Object.keys(limitTable) as LimitName[]) resolved[name] = limitTable[name].value;
  for (const [name, value] of Object.entries(overrides)) {
    const row: LimitRow | undefined = limitTable[name as LimitName];
    if (row === undefined) throw new TargetError('LIMIT_UNKNOWN', `there is no limit named ${name}`);
    if (!Number.isInteger(value) || value < row.min || value > row.max) {
      throw new TargetError('LIMIT_OUT_OF_RANGE', `limit ${name} must be a whole number from ${row.min} to ${row.max}, not ${value}`);
    }
    resolved[name as LimitName] = value;
  }
  return resolved;
}

export const defaultLimits: Limits = resolveLimits();
