import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Medium } from '../../../../engine/scsi/medium.js';
import { disk } from '../../../../engine/scsi/sbc/disk.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { type BackgroundUnit, LARGE_BLOCK_COUNT, makeBackgroundUnit } from '../background-fixture.js';
import { turn } from '../internal-io.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, dataInOf, otherNexus, run, runDeferred } from '../scsi-fixture.js';

const OVERWRITE = '48 01 00 00 00 00 00';
const BLOCK_ERASE = '48 02 00 00 00 00 00 00 00 00';
const BLOCK_ERASE_IMMED = '48 82 00 00 00 00 00 00 00 00';
const CRYPTOGRAPHIC_ERASE = '48 03 00 00 00 00 00 00 00 00';
const EXIT_FAILURE_MODE = '48 1f 00 00 00 00 00 00 00 00';
const WITH_AUSE = '48 22 00 00 00 00 00 00 00 00';

/** An OVERWRITE with this parameter list, of the length that the CDB tells, or of this one. */
function overwrite(list: readonly number[], options: { flags?: number; lengthBytes?: number } = {}): [string, { dataOut: Uint8Array }] {
  const lengthBytes = options.lengthBytes ?? list.length;
  const cdb = Buffer.from(`${OVERWRITE} 00 00 00`.replaceAll(' ', ''), 'hex');
  cdb[1] = 0x01 | (options.flags ?? 0);
  cdb.writeUInt16BE(lengthBytes, 7);
  return [cdb.toString('hex'), { dataOut: Uint8Array.from(list) }];
}

function isFilled({ store }: BackgroundUnit, byteAt: (at: number) => number): boolean {
  return store.bytes.every((byte, at) => byte === byteAt(at % BLOCK));
}

test('SANITIZE BLOCK ERASE: all blocks read zeros when it ends, and they are on stable storage', async () => {
  const made = makeBackgroundUnit();
  assertGood(await runDeferred(made.unit, BLOCK_ERASE));
  assert.ok(isFilled(made, () => 0));
  assert.is(made.store.calls.at(-1)?.call, 'flush');
  assert.is(made.state.sections.size, 0, 'nothing is left to be done');
  assertGood(run(made.unit, '00'));
});

test('SANITIZE CRYPTOGRAPHIC ERASE: nothing of the data can be read afterwards', async () => {
  const made = makeBackgroundUnit();
  assertGood(await runDeferred(made.unit, CRYPTOGRAPHIC_ERASE));
  assert.ok(isFilled(made, () => 0));
});

test('SANITIZE OVERWRITE: the pattern fills each block anew', async () => {
  const made = makeBackgroundUnit({ blockCount: 300 });
  assertGood(await runDeferred(made.unit, ...overwrite([0x01, 0, 0, 3, 0xa1, 0xb2, 0xc3])));
  assert.ok(isFilled(made, (at) => [0xa1, 0xb2, 0xc3][at % 3] as number));
});

test('SANITIZE OVERWRITE: INVERT changes the bits from pass to pass, and the last leaves the pattern', async () => {
  const made = makeBackgroundUnit({ blockCount: 4 });
  const seen: number[] = [];
  const write = made.store.write.bind(made.store);
  made.store.write = (...call) => {
    seen.push(call[0][call[1]] as number);
    return write(...call);
  };
  assertGood(await runDeferred(made.unit, ...overwrite([0x83, 0, 0, 1, 0x0f])));
  assert.equal(seen, [0x0f, 0xf0, 0x0f]);
  seen.length = 0;
  assertGood(await runDeferred(made.unit, ...overwrite([0x82, 0, 0, 1, 0x0f])));
  assert.equal(seen, [0xf0, 0x0f]);
});

test('SANITIZE OVERWRITE: the parameter list has to hold a pattern of at most one block', () => {
  const { unit } = makeBackgroundUnit();
  for (const lengthBytes of [0, 1, 2, 3, 4, BLOCK + 5]) {
    assertCheck(run(unit, ...overwrite(new Array(BLOCK + 5).fill(1), { lengthBytes })), '05/24/00', '7');
  }
  const refused: [string, number[]][] = [
    ['no pass', [0x00, 0, 0, 1, 0xff]],
    ['a test of a vendor', [0x21, 0, 0, 1, 0xff]],
    ['a reserved byte', [0x01, 1, 0, 1, 0xff]],
    ['no pattern', [0x01, 0, 0, 0, 0xff]],
    ['a pattern longer than a block', [0x01, 0, 0x02, 0x01, ...new Array(BLOCK).fill(0xff)]],
  ];
  for (const [what, list] of refused) {
    const command = run(unit, ...overwrite(list));
    assert.is(command.sense[2], 0x05, what);
    assert.is(command.sense[12], 0x26, what);
  }
  assertCheck(run(unit, ...overwrite([0x01, 0, 0, 4, 0xff])), '05/1a/00');
});

test('SANITIZE: an erase takes no parameters, and service actions that are not there are refused', () => {
  const { unit } = makeBackgroundUnit();
  for (const action of ['02', '03', '1f']) assertCheck(run(unit, `48 ${action} 00 00 00 00 00 00 08 00`), '05/24/00', '7');
  assertCheck(run(unit, '48 04 00 00 00 00 00 00 00 00'), '05/24/00', '1.4');
  // ZNR is reserved where there are no zones.
  assertCheck(run(unit, '48 42 00 00 00 00 00 00 00 00'), '05/24/00', '1.6');
});

test('SANITIZE OVERWRITE, BLOCK ERASE, CRYPTOGRAPHIC ERASE: a write-protected medium keeps its data', () => {
  const { unit, store } = makeBackgroundUnit();
  unit.softwareWriteProtected = true;
  const before = store.bytes.slice();
  assertCheck(run(unit, ...overwrite([0x01, 0, 0, 1, 0])), '07/27/00');
  assertCheck(run(unit, BLOCK_ERASE), '07/27/00');
  assertCheck(run(unit, CRYPTOGRAPHIC_ERASE), '07/27/00');
  assert.equal(store.bytes, before);
  assertCheck(run(makeBackgroundUnit({ readOnly: true }).unit, BLOCK_ERASE), '07/27/00');
});

test('SANITIZE OVERWRITE, BLOCK ERASE, CRYPTOGRAPHIC ERASE, EXIT FAILURE MODE: conflict with a reservation of another nexus as writes do', () => {
  for (const serviceAction of [0x01, 0x02, 0x03, 0x1f]) assert.is(disk.commands.findNamed(0x48, serviceAction)?.reservation, 'write');
});

test('SANITIZE BLOCK ERASE: with IMMED it ends once it is kept that it goes on, before a block is touched', async () => {
  const { unit, store, state, io } = makeBackgroundUnit();
  io.hold();
  let writesWhenSaved = -1;
  const save = state.save.bind(state);
  state.save = (...section) => {
    if (writesWhenSaved === -1) writesWhenSaved = store.calls.length;
    return save(...section);
  };
  assertGood(await runDeferred(unit, BLOCK_ERASE_IMMED));
  assert.is(writesWhenSaved, 0);
  assert.is(state.sections.has('sanitize'), true);
  assertCheck(run(unit, '00'), '02/04/1b');
  await io.release();
  assertGood(run(unit, '00'));
});

test('SANITIZE BLOCK ERASE: while it runs the unit answers what asks about it, with its progress, and refuses the rest', async () => {
  const { unit, io } = makeBackgroundUnit();
  io.hold();
  assertGood(await runDeferred(unit, BLOCK_ERASE_IMMED));
  await io.step();
  for (const allowed of ['12 00 00 00 60 00', 'a0 00 00 00 00 00 00 00 00 10 00 00', 'a3 0c 00 00 00 00 00 00 01 00 00 00', '4d 00 40 00 00 00 00 01 00 00']) {
    assertGood(run(unit, allowed));
  }
  for (const refused of ['00', '1b 00 00 00 01 00', '28 00 00 00 00 00 00 00 01 00', '1a 00 3f 00 ff 00', BLOCK_ERASE, '04 00 00 00 00 00']) {
    const command = run(unit, refused);
    assertCheck(command, '02/04/1b');
    assert.is(command.sense[15], 0x80, 'a progress indication');
  }
  const sense = dataInOf(run(unit, '03 00 00 00 fc 00'));
  assert.equal([sense[2], sense[12], sense[13]], [0x02, 0x04, 0x1b]);
  const progress = Buffer.from(sense).readUInt16BE(16) / 0x10000;
  assert.ok(Math.abs(progress - 8192 / LARGE_BLOCK_COUNT) < 0.001, `progress ${progress}`);
  const descriptors = dataInOf(run(unit, '03 01 00 00 fc 00'));
  assert.is(descriptors[8], 0x02, 'a sense key specific descriptor');
  await io.release();
});

test('SANITIZE BLOCK ERASE: neither an abort nor a reset nor the loss of its nexus ends it', async () => {
  const made = makeBackgroundUnit();
  made.io.hold();
  const { TestDeferral } = await import('../scsi-fixture.js');
  const deferral = new TestDeferral();
  run(made.unit, BLOCK_ERASE, {}, deferral);
  await turn();
  deferral.onAbort?.();
  await deferral.done;
  made.unit.reset('logical-unit-reset');
  made.unit.loseNexus(otherNexus);
  assertCheck(run(made.unit, '00'), '02/04/1b');
  await made.io.release();
  assertGood(run(made.unit, '00'));
  assert.ok(isFilled(made, () => 0));
});

test('SANITIZE OVERWRITE: the end of the process does not end it: it goes on in the pass where it was', async () => {
  const first = makeBackgroundUnit();
  first.io.hold();
  assertGood(await runDeferred(first.unit, ...overwrite([0x82, 0, 0, 1, 0x5a], { flags: 0x80 })));
  for (let count = 0; count < 5; count++) await first.io.step();
  // What it would do next is lost with the process.
  const { store, state } = first;
  assert.is((state.load('sanitize') as { passIndex: number }).passIndex, 1);

  const second = makeBackgroundUnit({ store, state });
  assertCheck(run(second.unit, '00'), '02/04/1b');
  await turn();
  assertGood(run(second.unit, '00'));
  assert.ok(isFilled(second, () => 0x5a));
  assert.is(state.sections.size, 0);
});

test('SANITIZE BLOCK ERASE: progress is kept behind a flush, and after a restart the work goes on behind the mark', async () => {
  const markBytes = 256 * 1024 * 1024;
  const store = new MemoryStore(BLOCK, { claimedSizeBytes: 2 * markBytes });
  const first = makeBackgroundUnit({ store });
  first.io.hold();
  assertGood(await runDeferred(first.unit, BLOCK_ERASE_IMMED));
  let callsWhenMarked = -1;
  const save = first.state.save.bind(first.state);
  first.state.save = (...section) => {
    callsWhenMarked = store.calls.length;
    return save(...section);
  };
  while (callsWhenMarked === -1) await first.io.step();
  assert.is((first.state.load('sanitize') as { lba: number }).lba, markBytes / BLOCK);
  assert.is(store.calls[callsWhenMarked - 1]?.call, 'flush');

  const later = new MemoryStore(BLOCK, { claimedSizeBytes: 2 * markBytes });
  const second = makeBackgroundUnit({ store: later, state: first.state });
  await turn();
  assertGood(run(second.unit, '00'));
  assert.is(later.calls[0]?.positionBytes, markBytes);
});

test('SANITIZE BLOCK ERASE: a medium that is resized meanwhile is erased to its new end', async () => {
  const { unit, store, io, state } = makeBackgroundUnit();
  io.hold();
  assertGood(await runDeferred(unit, BLOCK_ERASE_IMMED));
  await io.step();
  const larger = new MemoryStore(2 * store.sizeBytes);
  larger.bytes.set(store.bytes);
  const medium = unit.medium as Medium;
  unit.changeMedium(new Medium(larger, medium.shape));
  await io.release();
  assertGood(run(unit, '00'));
  assert.ok(larger.bytes.every((byte) => byte === 0));
  assert.is(state.sections.size, 0);
});

test('SANITIZE BLOCK ERASE: it has failed when what it wrote cannot be put on stable storage', async () => {
  const { unit, store } = makeBackgroundUnit();
  store.flush = () => StoreFault.io;
  assertCheck(await runDeferred(unit, BLOCK_ERASE), '03/31/03');
});

test('SANITIZE: what is kept and cannot be understood counts as a failure that only another sanitize ends', async () => {
  for (const kept of [7, {}, { overwrite: { pattern: 'zz', count: 1, invert: false }, allowsUnrestrictedExit: true, passIndex: 0, lba: 0, failed: false }]) {
    const { unit, state } = makeBackgroundUnit();
    state.sections.set('sanitize', kept);
    const again = makeBackgroundUnit({ state, blockCount: 8 });
    await turn();
    assertCheck(run(again.unit, '00'), '03/31/03');
    assertCheck(run(again.unit, EXIT_FAILURE_MODE), '05/24/00', '1.4');
    assertGood(await runDeferred(again.unit, BLOCK_ERASE));
    assertGood(run(again.unit, '00'));
    assertGood(run(unit, '00'));
  }
});

test('SANITIZE BLOCK ERASE: it does not begin when it cannot be kept that it has', async () => {
  const { unit, store, state } = makeBackgroundUnit();
  state.fails = true;
  assertCheck(await runDeferred(unit, BLOCK_ERASE), '04/44/00');
  assert.is(store.calls.length, 0);
  assertGood(run(unit, '00'));
});

test('SANITIZE EXIT FAILURE MODE: ends a failure only where AUSE allowed it', async () => {
  const { unit, store, state } = makeBackgroundUnit();
  assertGood(run(unit, EXIT_FAILURE_MODE));
  store.fault = StoreFault.io;
  assertCheck(await runDeferred(unit, WITH_AUSE), '03/31/03');
  assertCheck(run(unit, '28 00 00 00 00 00 00 00 01 00'), '03/31/03');
  assert.equal([...dataInOf(run(unit, '03 00 00 00 fc 00')).subarray(2, 3)], [0x03]);
  // A failure outlives the process.
  const again = makeBackgroundUnit({ store, state });
  assertCheck(run(again.unit, '00'), '03/31/03');
  assertGood(await runDeferred(unit, EXIT_FAILURE_MODE));
  assertGood(run(unit, '00'));
  assert.is(state.sections.size, 0);
});

test('SANITIZE BLOCK ERASE: after a failure without AUSE only a sanitize without AUSE and without an error makes the medium accessible', async () => {
  const { unit, store } = makeBackgroundUnit();
  store.fault = StoreFault.io;
  assertCheck(await runDeferred(unit, BLOCK_ERASE), '03/31/03');
  assertCheck(run(unit, EXIT_FAILURE_MODE), '05/24/00', '1.4');
  assertCheck(run(unit, WITH_AUSE), '05/24/00', '1.5');
  store.fault = 0;
  assertGood(await runDeferred(unit, BLOCK_ERASE));
  assertGood(run(unit, '00'));
});

test('SANITIZE BLOCK ERASE: work in the background leaves others their share of the medium', async () => {
  const { unit, io } = makeBackgroundUnit();
  assertGood(await runDeferred(unit, BLOCK_ERASE));
  assert.is(
    io.pacedBytes.reduce((sum, bytes) => sum + bytes, 0),
    LARGE_BLOCK_COUNT * BLOCK,
  );
  assert.ok(io.pacedBytes.every((bytes) => bytes <= 4 * 1024 * 1024));
});

test('SANITIZE BLOCK ERASE: a thin medium gives its space back, and what has none is not looked at twice', async () => {
  const store = new MemoryStore(BLOCK * LARGE_BLOCK_COUNT);
  const unmapped: [number, number][] = [];
  const provisioning = {
    granularityBytes: 4096,
    usedBytes: 0,
    spaceBytes: null,
    anchor: () => 0,
    unmap(positionBytes: number, lengthBytes: number) {
      unmapped.push([positionBytes, lengthBytes]);
      store.bytes.fill(0, positionBytes, positionBytes + lengthBytes);
      return 0;
    },
    // Only the second megabyte has space.
    extentAt: (positionBytes: number, lengthBytes: number) =>
      positionBytes < 1 << 20
        ? { allocated: false, lengthBytes: (1 << 20) - positionBytes }
        : { allocated: positionBytes < 2 << 20, lengthBytes: positionBytes < 2 << 20 ? (2 << 20) - positionBytes : lengthBytes },
  };
  Object.assign(store, { provisioning });
  const { unit } = makeBackgroundUnit({ store, thin: true });
  assertGood(await runDeferred(unit, BLOCK_ERASE));
  assert.is(unmapped[0]?.[0], 1 << 20);
  assert.is(unmapped.length, 1);
  assert.is(store.bytes[1 << 20], 0);
});

test.run();
