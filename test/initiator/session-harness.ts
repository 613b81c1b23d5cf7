import { TargetError } from '../../engine/errors.js';
import { InitiatorError } from '../../initiator/errors.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { agreeable, type FakeConnection, FakeTarget } from './fake-target.js';

/** What the fake target agrees to unless a test says otherwise: small numbers, so that little data makes many PDUs. */
export const smallKeys = { MaxRecvDataSegmentLength: '512', MaxBurstLength: '2048', FirstBurstLength: '1024', MaxOutstandingR2T: '1' };

export interface Pair {
  readonly session: Session;
  readonly connection: FakeConnection;
  readonly target: FakeTarget;
}

const opened: FakeTarget[] = [];

/** A session and the scripted target it is logged in to. */
export async function openPair(options: Partial<SessionOptions> = {}, keys: Record<string, string> = {}): Promise<Pair> {
  const target = await FakeTarget.start();
  opened.push(target);
  const offers = { MaxRecvDataSegmentLength: '1024', ...options.offers };
  const pending = Session.login({ host: '127.0.0.1', port: target.port, targetName: 'iqn.2025-01.test:fake', ...options, offers });
  const connection = await target.accept();
  await connection.login(agreeable({ ...smallKeys, ...keys }));
  return { session: await pending, connection, target };
}

export function closeAll(): void {
  for (const target of opened.splice(0)) target.close();
}

/** The `InitiatorError` that a promise rejects with. */
export async function errorOf(pending: Promise<unknown>): Promise<InitiatorError> {
  try {
    await pending;
  } catch (error) {
    if (error instanceof InitiatorError) return error;
    throw error;
  }
  throw new TargetError('TEST_NO_ERROR', 'nothing went wrong');
}

/** Bytes that no two offsets share within 64 KiB. */
export function pattern(lengthBytes: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = (i * 7 + (i >> 8) * 3 + seed) & 0xff;
  return bytes;
}
