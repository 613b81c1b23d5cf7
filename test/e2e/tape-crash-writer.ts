import { writeSync } from 'node:fs';
import { create } from '../../engine/devices/tape/image/tape-service.js';
import { defaultLimits } from '../../engine/limits.js';
import { seededRandom } from '../support/random.js';
import { CRASH_CAPACITY_BYTES, crashBlock } from './tape-crash-blocks.js';

/** Writes to a tape image until it is killed, and says what was acknowledged: `node tape-crash-writer.js PATH CYCLE SEED`. */
const [path = '', cycle = '0', seed = '0'] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const drive = create({ limits: { ...defaultLimits, tapeCheckpointBytes: 128 * 1024 }, owner: 'crash' });
drive.load({ path, readOnly: false, create: { capacityBytes: CRASH_CAPACITY_BYTES, worm: false, barcode: null, densityCode: 0 } });
drive.setCompression(random.boolean());
drive.space('endOfData', 0);

// A pipe takes it before the next command begins: what the reader has was acknowledged, and what was acknowledged before is with it.
const say = (...words: (string | number)[]) => writeSync(1, `${words.join(' ')}\n`);
say('ready');

for (;;) {
  const { objectNumber, isBeyondEarlyWarning } = drive.position();
  const choice = isBeyondEarlyWarning ? 0 : random.below(12);
  if (choice === 0) {
    const { position } = drive.locate({ partition: null, to: 'object', number: random.below(objectNumber + 1) });
    say('locate', position.objectNumber);
  } else if (choice <= 3) {
    const { count } = drive.writeFilemarks(1 + random.below(2), choice !== 3);
    say('mark', objectNumber, count);
  } else {
    const lengthBytes = [20, 512, 5_000, 70_000, 300_000][random.below(5)] as number;
    const blockCount = 1 + random.below(5);
    const blocks = Array.from({ length: blockCount }, (_, index) => crashBlock(Number(cycle), objectNumber + index, lengthBytes));
    const { count } = drive.writeBlocks(Buffer.concat(blocks), lengthBytes);
    say('block', objectNumber, count, lengthBytes);
  }
}
