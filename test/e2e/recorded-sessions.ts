import { encodeSnack, RESERVED_TAG, SnackType } from '../../engine/pdu/index.js';
import { type DigestName, LogicalUnitClient, RawConnection, Session, type SessionOptions } from '../../initiator/index.js';
import type { LunloomProcess } from '../support/lunloom-process.js';

/** What a capture of `recordedSessions` holds, for the tests that look for it. */
export const PING_TEXT = 'is anybody there, with digests?';
export const CONNECTION_COUNT = 7;

/** Small bursts and no unsolicited data beyond them, so that writes need R2Ts and reads several Data-In PDUs. */
const SMALL_BURSTS = { InitialR2T: 'Yes', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '65536', MaxBurstLength: '131072', FirstBurstLength: '65536' };
const TRANSFER_LENGTH = 512 * 1024;
const PING_WAIT_MS = 10_000;
const SNACK_ANSWER_MS_MAX = 5_000;

/**
 * Sessions that bring every PDU of a target that keeps ErrorRecoveryLevel 0, without digests and with them. Ends with the
 * target stopped, since one of its PDUs asks for logout before that.
 */
export async function recordSessions(lunloom: LunloomProcess): Promise<void> {
  const { address: host, port, targetName } = lunloom;
  for (const [lun, digest] of [
    [0, 'None'],
    [1, 'CRC32C'],
  ] as const) {
    await discover({ host, port, digests: { header: digest, data: digest } });
    await readAndWrite({ host, port, targetName, digests: { header: digest, data: digest }, offers: SMALL_BURSTS }, lun, digest);
  }
  await provokeReject(host, port, targetName);
  await bePinged({ host, port, targetName });
  await beAskedToLogOut({ host, port, targetName }, lunloom);
}

async function discover(options: SessionOptions): Promise<void> {
  const session = await Session.login(options);
  await session.sendTargets();
  await session.logout();
}

async function readAndWrite(options: SessionOptions, lun: number, digest: DigestName): Promise<void> {
  const session = await Session.login({ ...options, security: 'none' });
  const unit = new LogicalUnitClient(session, lun);
  await unit.clearUnitAttentions();
  await unit.inquiry();
  for (const pageCode of [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]) await unit.vitalProductData(pageCode);
  await unit.reportLuns();
  await unit.readCapacity10();
  const { blockLengthBytes, lbaCount } = await unit.readCapacity16();
  await unit.modeSense({ pageCode: 0x3f });
  await unit.modeSense({ pageCode: 0x08 }, 6);
  await unit.write(0, Buffer.alloc(TRANSFER_LENGTH, 0xa7), blockLengthBytes, { fua: true });
  await unit.write(1, Buffer.alloc(blockLengthBytes, 0x17), blockLengthBytes, { cdbLength: 16 });
  await unit.read(0, TRANSFER_LENGTH / blockLengthBytes, blockLengthBytes);
  await unit.verify(0, 16);
  await unit.synchronizeCache();
  // Refused with sense data: there is no such block.
  await unit.read(lbaCount, 1, blockLengthBytes).catch(() => {});
  await session.ping(Buffer.from(digest === 'None' ? 'is anybody there?' : PING_TEXT));
  await session.ping(Buffer.alloc(0), { immediate: true });
  await session.logicalUnitReset(lun);
  await unit.clearUnitAttentions();
  await session.text([['X-com.example.unknown', 'yes']]);
  await session.logout();
}

/** At ErrorRecoveryLevel 0 a SNACK is refused. RFC 7143 §11.16. */
export async function provokeReject(host: string, port: number, targetName: string): Promise<void> {
  const connection = await RawConnection.connect(host, port);
  const { expStatSN } = await connection.login({ targetName });
  const header = Buffer.alloc(48);
  const reserved = { lunHigh: 0, lunLow: 0, initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG };
  encodeSnack({ type: SnackType.status, ...reserved, expStatSN, begRun: 0, runLength: 0 }, new DataView(header.buffer, header.byteOffset), 0);
  connection.sendPdu(header);
  await connection.nextPdu(SNACK_ANSWER_MS_MAX);
  await connection.close();
}

/** Says nothing until the target asks whether anybody lives. */
export async function bePinged(options: SessionOptions): Promise<void> {
  let onPing = () => {};
  const pinged = new Promise<void>((resolve) => {
    onPing = resolve;
  });
  const session = await Session.login({ ...options, events: { onPing } });
  const deadline = setTimeout(() => session.destroy(), PING_WAIT_MS);
  await pinged;
  clearTimeout(deadline);
  await session.logout();
}

/** RFC 7143 §11.9: event 1 asks for logout. */
async function beAskedToLogOut(options: SessionOptions, lunloom: LunloomProcess): Promise<void> {
  let loggedOut: Promise<void> | null = null;
  const session = await Session.login({
    ...options,
    events: {
      onAsyncMessage: () => {
        loggedOut = session.logout();
      },
    },
  });
  await new LogicalUnitClient(session, 0).clearUnitAttentions();
  await lunloom.stop();
  await loggedOut;
}
