import { test } from 'uvu';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertData, BLOCK, makeUnit, run } from '../scsi-fixture.js';

const unitOfBlocks = (blockCount: number) => makeUnit({ store: new MemoryStore(0, { claimedSizeBytes: blockCount * BLOCK }) });

test('READ CAPACITY (10): the last LBA and the block length', () => {
  assertData(run(makeUnit(), '25 00 00000000 0000 00 00'), '000003ff 00000200');
  assertData(run(makeUnit({ store: new MemoryStore(8 * 4096 + 100), blockLengthBytes: 4096 }), '25'), '00000007 00001000');
});

test('READ CAPACITY (10) of a larger medium sends the initiator to (16)', () => {
  assertData(run(unitOfBlocks(0xffffffff), '25'), 'fffffffe 00000200');
  assertData(run(unitOfBlocks(0x1_0000_0000), '25'), 'ffffffff 00000200');
  assertData(run(unitOfBlocks(0x1_0000_0001), '25'), 'ffffffff 00000200');
});

test('an LBA needs PMI, and must be on the medium', () => {
  assertCheck(run(makeUnit(), '25 00 00000001 0000 00 00'), '05/24/00', '2');
  assertData(run(makeUnit(), '25 00 00000001 0000 01 00'), '000003ff 00000200');
  assertCheck(run(makeUnit(), '25 00 00000400 0000 01 00'), '05/21/00');
  assertCheck(run(makeUnit(), '9e 10 0000000000000001 00000020 00 00'), '05/24/00', '2');
  assertCheck(run(makeUnit(), '9e 10 ffffffffffffffff 00000020 01 00'), '05/21/00');
});

test('READ CAPACITY (16): no protection, one logical block a physical one, no thin provisioning', () => {
  assertData(run(makeUnit(), '9e 10 0000000000000000 00000020 00 00'), `00000000000003ff 00000200 ${'00'.repeat(20)}`);
  assertData(run(unitOfBlocks(2 ** 40 + 2 ** 33), '9e 10 0000000000000000 00000020 00 00'), `00000101ffffffff 00000200 ${'00'.repeat(20)}`);
});

test('READ CAPACITY (16) takes every allocation length', () => {
  const whole = `00000000000003ff00000200${'00'.repeat(20)}`;
  for (let length = 0; length <= 40; length++) {
    assertData(run(makeUnit(), `9e 10 0000000000000000 ${length.toString(16).padStart(8, '0')} 00 00`), whole.slice(0, 2 * length));
  }
});

test.run();
