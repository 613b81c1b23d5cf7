import { LogicalUnitClient, loginOptionsOf, parseIscsiUrl, Session } from '../../initiator/index.js';
import type { Medium } from '../compare/model.js';

/** Asks a logical unit how large it is. */
export async function probe(url: string): Promise<Medium> {
  const address = parseIscsiUrl(url);
  const { targetName, lun } = address;
  // istgt counts an immediate logout as one of the numbered commands; what it says of its size is right all the same.
  const session = await Session.login({ ...loginOptionsOf(address), targetName, tolerate: ['expCmdSN'] });
  const unit = new LogicalUnitClient(session, lun);
  await unit.clearUnitAttentions();
  const { lbaCount, blockLengthBytes } = await unit.readCapacity();
  await session.logout();
  return { capacityBytes: Number(lbaCount) * blockLengthBytes, blockLengthBytes };
}
