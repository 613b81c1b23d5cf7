import * as assert from 'uvu/assert';
import { readCdb, writeCdb } from '../../initiator/cdb.js';
import type { Session } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';

export const BLOCK = 512;
const LANE_BLOCKS = 64;

/** Writes and reads back extents of its own, and so finds every byte that was lost, mixed up or written twice. */
export async function runLane(session: Session, at: number, roundCount: number, random: SeededRandom): Promise<void> {
  const blocks = Buffer.alloc(LANE_BLOCKS * BLOCK);
  const base = at * LANE_BLOCKS;
  const send = (cdb: Buffer, data: object) => session.command({ lun: 0, cdb, ...data });
  await send(writeCdb(10, base, LANE_BLOCKS), { dataOut: blocks });
  for (let round = 0; round < roundCount; round++) {
    const count = 1 + random.below(LANE_BLOCKS);
    const first = random.below(LANE_BLOCKS - count + 1);
    const data = random.bytes(count * BLOCK);
    blocks.set(data, first * BLOCK);
    const written = await send(writeCdb(10, base + first, count), { dataOut: data });
    assert.is(written.status, 0);
    const read = await send(readCdb(10, base, LANE_BLOCKS), { dataInLength: blocks.length });
    assert.is(read.status, 0);
    assert.is(Buffer.compare(Buffer.from(read.dataIn), blocks), 0, `lane ${at}, round ${round}`);
  }
}
