import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { executeUnitCommand, prepare } from '../../../../engine/scsi/device-server.js';
import { Asc } from '../../../../engine/scsi/sense.js';
import { ControlMode } from '../../../../engine/scsi/spc/control-mode.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import type { MediumIo } from '../../../../engine/scsi/unit-host.js';
import { CommandFlag } from '../../../../engine/shm/layout.js';
import type { Durability } from '../../../../engine/store/store.js';
import { hex } from '../../../support/assert-bytes.js';
import { seededRandom } from '../../../support/random.js';
import { MemoryStore } from '../memory-store.js';
import {
  assertCheck,
  assertGood,
  BLOCK,
  BLOCK_COUNT,
  type CommandOptions,
  dataInOf,
  makeCommand,
  makeUnit,
  nexus,
  otherNexus,
  run,
  runDeferred,
  TestDeferral,
} from '../scsi-fixture.js';
import { MemoryState, makeSharedUnit, senseParameters } from './mode-fixture.js';

const CONTROL_TAIL = '00 00 ffff 0000';
const CONTROL = `0a 0a 02 10 00 00 ${CONTROL_TAIL}`;
const SWP = `0a 0a 02 10 08 00 ${CONTROL_TAIL}`;
const CACHING_OFF = `08 12 ${'00'.repeat(18)}`;

const HEADER_6 = '00 00 00 00';
const HEADER_10 = '0000 00 00 00 00 0000';

/** MODE SELECT (6) of header and pages. */
function select6(pages: string, options: { header?: string; flags?: string } & CommandOptions = {}): [string, CommandOptions] {
  const dataOut = hex(`${options.header ?? HEADER_6} ${pages}`);
  return [`15 ${options.flags ?? '10'} 00 00 ${dataOut.length.toString(16).padStart(2, '0')} 00`, { ...options, dataOut }];
}

function select10(pages: string, options: { header?: string; flags?: string } & CommandOptions = {}): [string, CommandOptions] {
  const dataOut = hex(`${options.header ?? HEADER_10} ${pages}`);
  return [`55 ${options.flags ?? '10'} 00 00 00 00 00 ${dataOut.length.toString(16).padStart(4, '0')} 00`, { ...options, dataOut }];
}

/** INVALID FIELD IN PARAMETER LIST at this byte and bit of the list. */
function assertListFault(command: ReturnType<typeof run>, pointer: string): void {
  assertCheck(command, '05/26/00');
  const [keyed, high, low] = command.sense.subarray(15, 18) as unknown as [number, number, number];
  assert.is(keyed & 0xc8, 0x88, 'a field pointer into the parameter list, with a bit');
  assert.is(`${(high << 8) | low}.${keyed & 7}`, pointer);
}

test('MODE SELECT (6): SWP write-protects the unit and shows as WP', () => {
  const unit = makeUnit();
  assertGood(run(unit, ...select6(SWP)));
  assertCheck(run(unit, '2a 00 00000000 00 0001 00', { dataOut: new Uint8Array(BLOCK) }), '07/27/00');
  assert.is(dataInOf(run(unit, '1a 08 0a 00 ff 00'))[2], 0x90, 'WP and DPOFUA');
  assertGood(run(unit, ...select6(CONTROL)));
  assertGood(run(unit, '2a 00 00000000 00 0001 00', { dataOut: new Uint8Array(BLOCK) }));
  assert.is(dataInOf(run(unit, '1a 08 0a 00 ff 00'))[2], 0x10);
});

test('MODE SELECT (10): D_SENSE turns sense data to the descriptor format, of commands that are unknown too', () => {
  const unit = makeUnit();
  assertGood(run(unit, ...select10(`0a 0a 06 10 00 00 ${CONTROL_TAIL}`)));
  for (const cdb of ['28 00 ffffffff 00 0001 00', 'ff']) {
    const command = run(unit, cdb);
    assert.is(command.status, ScsiStatus.checkCondition);
    assert.is(command.sense[0], 0x72, cdb);
  }
  assertGood(run(unit, ...select10(CONTROL)));
  assert.is(run(unit, 'ff').sense[0], 0x70);
});

test('MODE SELECT (6): TST, QERR, TAS, NUAR and the queue algorithm reach who asks for them, with one call a change', () => {
  const unit = makeUnit();
  const mode = unit.part(ControlMode);
  let calls = 0;
  mode.onChange(() => calls++);
  assertGood(run(unit, ...select6(`0a 0a 22 0e 00 40 ${CONTROL_TAIL}`)));
  const values = ({ taskSetType, queueErrorManagement, taskAbortedStatus, unrestrictedReordering, noAttentionOnRelease }: ControlMode) => [
    taskSetType,
    queueErrorManagement,
    taskAbortedStatus,
    unrestrictedReordering,
    noAttentionOnRelease,
  ];
  assert.equal(values(mode), [1, 3, true, false, true]);
  assert.is(calls, 1);
  assertGood(run(unit, ...select6(`0a 0a 22 0e 00 40 ${CONTROL_TAIL}`)));
  assert.is(calls, 1, 'nothing has changed');
  unit.reset('logical-unit-reset');
  assert.equal(values(mode), [0, 0, false, true, false]);
  assert.is(calls, 2);
});

test('MODE SELECT (6): values that a changeable field cannot have', () => {
  const unit = makeUnit();
  assertListFault(run(unit, ...select6(`0a 0a 42 10 00 00 ${CONTROL_TAIL}`)), '6.7');
  assertListFault(run(unit, ...select6(`0a 0a 02 20 00 00 ${CONTROL_TAIL}`)), '7.7');
  assertListFault(run(unit, ...select6(`0a 0a 02 14 00 00 ${CONTROL_TAIL}`)), '7.2');
});

test('MODE SELECT (10): a field that cannot be changed must be what it is', () => {
  const unit = makeUnit();
  assertListFault(run(unit, ...select10(`0a 0a 00 10 00 00 ${CONTROL_TAIL}`)), '10.1');
  assertListFault(run(unit, ...select10(`0a 0a 02 10 10 00 ${CONTROL_TAIL}`)), '12.4');
  assertListFault(run(unit, ...select10(`4a 01 001c 06 ${'00'.repeat(27)}`)), '12.0');
  assertGood(run(unit, ...select10(`4a 01 001c 07 ${'00'.repeat(27)}`)));
});

test('MODE SELECT (6): a list with something wrong in it changes nothing', () => {
  const unit = makeSharedUnit();
  assertListFault(run(unit, ...select6(`${SWP} ${CONTROL.replace('02', '00')}`)), '18.1');
  assertListFault(run(unit, ...select6(`${SWP} 0b 0a ${'00'.repeat(10)}`)), '16.5');
  assert.not.ok(unit.softwareWriteProtected);
  assert.equal(unit.pendingUnitAttentions(otherNexus), []);
});

test('MODE SELECT (6): a later page of the list goes before an earlier one of the same code', () => {
  const unit = makeUnit();
  assertGood(run(unit, ...select6(`${SWP} ${CONTROL}`)));
  assert.not.ok(unit.softwareWriteProtected);
  assertGood(run(unit, ...select6(`${CONTROL} ${SWP}`)));
  assert.ok(unit.softwareWriteProtected);
});

test('MODE SELECT (6): pages and subpages that are not there, and lengths that pages have not', () => {
  const unit = makeUnit();
  assertListFault(run(unit, ...select6(`3f 0a ${'00'.repeat(10)}`)), '4.5');
  assertListFault(run(unit, ...select6(`4a 02 0008 ${'00'.repeat(8)}`)), '5.7');
  assertListFault(run(unit, ...select6(`4a 00 000a ${'00'.repeat(10)}`)), '5.7');
  assertListFault(run(unit, ...select6(`0a 0b ${'00'.repeat(11)}`)), '5.7');
  assertListFault(run(unit, ...select6(`4a 01 001d ${'00'.repeat(29)}`)), '6.7');
});

test('MODE SELECT (6) and (10): PS, which MODE SENSE has there, is ignored', () => {
  assertGood(run(makeUnit(), ...select6(SWP.replace('0a', '8a'))));
  assertGood(run(makeUnit(), ...select10(SWP.replace('0a', '8a'))));
});

test('MODE SELECT (6) and (10): a list that is cut off anywhere is PARAMETER LIST LENGTH ERROR', () => {
  const unit = makeUnit();
  const blocks = '00000400 00000200';
  const list6 = hex(`00 00 00 08 ${blocks} ${SWP} 4a 01 001c 07 ${'00'.repeat(27)}`);
  const list10 = hex(`0000 00 00 00 00 0008 ${blocks} ${SWP} 4a 01 001c 07 ${'00'.repeat(27)}`);
  for (const [list, cdbOf, wholeAt] of [
    [list6, (length: number) => `15 10 00 00 ${length.toString(16).padStart(2, '0')} 00`, [0, 12, 24]],
    [list10, (length: number) => `55 10 00 00 00 00 00 ${length.toString(16).padStart(4, '0')} 00`, [0, 16, 28]],
  ] as const) {
    for (let length = 0; length < list.length; length++) {
      if ((wholeAt as readonly number[]).includes(length)) continue;
      assertCheck(run(unit, cdbOf(length), { dataOut: list.subarray(0, length) }), '05/1a/00');
    }
    assert.not.ok(unit.softwareWriteProtected);
  }
  // The initiator sends less than the CDB says.
  assertCheck(run(unit, '15 10 00 00 1c 00', { dataOut: list6.subarray(0, 24) }), '05/1a/00');
});

test('MODE SELECT (6) and (10): an empty list, or one without pages, is no error and changes nothing', () => {
  const unit = makeSharedUnit();
  assertGood(run(unit, '15 10 00 00 00 00'));
  assertGood(run(unit, '55 10 00 00 00 00 00 0000 00'));
  assertGood(run(unit, ...select6('')));
  assertGood(run(unit, ...select6('', { flags: '00' })));
  assert.equal(unit.pendingUnitAttentions(otherNexus), []);
});

test('MODE SELECT (6): without PF pages are vendor specific, and there are no such', () => {
  assertCheck(run(makeUnit(), ...select6(SWP, { flags: '00' })), '05/24/00', '1.4');
});

test('MODE SELECT (6) and (10): reserved bits of the CDB and of the header', () => {
  const unit = makeUnit();
  assertCheck(run(unit, '15 12 00 00 00 00'), '05/24/00', '1.1');
  assertCheck(run(unit, '55 10 00 00 00 00 01 0000 00'), '05/24/00', '6.0');
  // MODE DATA LENGTH, medium type and what is beside WP and DPOFUA; these two only tell something.
  assertListFault(run(unit, ...select6(CONTROL, { header: '0f 00 00 00' })), '0.3');
  assertListFault(run(unit, ...select6(CONTROL, { header: '00 01 00 00' })), '1.0');
  assertListFault(run(unit, ...select6(CONTROL, { header: '00 00 20 00' })), '2.5');
  assertListFault(run(unit, ...select10(CONTROL, { header: '0000 00 00 02 00 0000' })), '4.1');
  assertListFault(run(unit, ...select10(CONTROL, { header: '0000 00 00 00 80 0000' })), '5.7');
  assertGood(run(unit, ...select6(CONTROL, { header: '00 00 90 00' })));
});

test('MODE SELECT (6) and (10): a block descriptor may repeat what is or leave the number of blocks to the unit', () => {
  const unit = makeUnit();
  for (const blocks of ['00000400', '00000000', 'ffffffff']) assertGood(run(unit, ...select6(CONTROL, { header: `00 00 00 08 ${blocks} 00000200` })));
  for (const blocks of ['0000000000000400', '0000000000000000', 'ffffffffffffffff']) {
    assertGood(run(unit, ...select10(CONTROL, { header: `0000 00 00 01 00 0010 ${blocks} 00000000 00000200` })));
  }
  assertListFault(run(unit, ...select6(CONTROL, { header: '00 00 00 08 000003ff 00000200' })), '6.7');
  assertListFault(run(unit, ...select6(CONTROL, { header: '00 00 00 08 00000400 00001000' })), '10.7');
  assertListFault(run(unit, ...select10(CONTROL, { header: '0000 00 00 01 00 0010 0000000000000401 00000000 00000200' })), '15.7');
  assertListFault(run(unit, ...select10(CONTROL, { header: '0000 00 00 01 00 0008 00000400 00000200' })), '6.7');
  assertListFault(run(unit, ...select6(CONTROL, { header: `00 00 00 10 ${'00'.repeat(16)}` })), '3.7');
});

test('MODE SELECT (6): the other nexuses are told that parameters have changed, if they have', () => {
  const unit = makeSharedUnit();
  assertGood(run(unit, ...select6(CONTROL)));
  assert.equal(unit.pendingUnitAttentions(otherNexus), []);
  assertGood(run(unit, ...select6(SWP)));
  assert.equal(unit.pendingUnitAttentions(nexus), []);
  assertCheck(run(unit, '00', { nexus: otherNexus }), '06/2a/01');
  assertGood(run(unit, '00', { nexus: otherNexus }));
});

test('MODE SELECT (6) and (10) are of the class of writing commands for reservations, and MODE SENSE of reading ones', () => {
  const classOf = (cdb: string) => makeUnit().deviceType.commands.find(makeCommand(cdb).cdb)?.reservation;
  assert.equal(['15', '55', '1a', '5a'].map(classOf), ['write', 'write', 'read', 'read']);
});

const volatile = (durability: Durability = 'power-loss') => new MemoryStore(BLOCK * BLOCK_COUNT, { durability });

/** Internal commands that are noted, and end with this status. */
class NotedIo implements MediumIo {
  readonly opcodes: number[] = [];
  status: number = ScsiStatus.good;

  execute(cdb: Uint8Array): ReturnType<MediumIo['execute']> {
    this.opcodes.push(cdb[0] as number);
    const sense = this.status === ScsiStatus.good ? new Uint8Array(0) : hex('70 00 03 00000000 0a 00000000 0c00 00 000000');
    return Promise.resolve({ status: this.status, sense, dataIn: new Uint8Array(0) });
  }

  pace(): Promise<void> {
    return Promise.resolve();
  }
}

test('MODE SELECT (6): WCE turned off flushes, then every write goes to stable storage until it is on again', async () => {
  const io = new NotedIo();
  const store = volatile();
  const unit = makeUnit({ store, host: { io } });
  assert.is(senseParameters(unit, 0x08)[0], 0x04);
  assert.is(senseParameters(unit, 0x08, 1)[0], 0x04);
  assertGood(await runDeferred(unit, ...select6(CACHING_OFF)));
  assert.equal(io.opcodes, [0x91], 'SYNCHRONIZE CACHE');
  assert.is(senseParameters(unit, 0x08)[0], 0x00);
  assert.is(senseParameters(unit, 0x08, 2)[0], 0x04, 'the default stays');
  const durable = () => {
    assertGood(run(unit, '2a 00 00000000 00 0001 00', { dataOut: new Uint8Array(BLOCK) }));
    return store.calls.at(-1)?.durable;
  };
  assert.is(durable(), true);
  assertGood(run(unit, ...select6(`08 12 04 ${'00'.repeat(17)}`)));
  assert.is(io.opcodes.length, 1, 'no flush to turn it on');
  assert.is(durable(), false);
});

test('MODE SELECT (6): SWP flushes first, and a flush that fails leaves all as it was', async () => {
  const io = new NotedIo();
  const unit = makeSharedUnit({ store: volatile(), host: { io } });
  io.status = ScsiStatus.checkCondition;
  assertCheck(await runDeferred(unit, ...select6(`${SWP} ${CACHING_OFF}`)), '03/0c/00');
  assert.not.ok(unit.softwareWriteProtected);
  assert.is(unit.commandFlags & CommandFlag.writeThrough, 0);
  assert.equal(unit.pendingUnitAttentions(otherNexus), []);
  unit.setCommandFlag(CommandFlag.descriptorSense, true);
  const described = await runDeferred(unit, ...select6(CACHING_OFF));
  assert.equal([...described.sense.subarray(0, 4)], [0x72, 0x03, 0x0c, 0x00], 'in the format of the initiator');
  io.status = ScsiStatus.good;
  assertGood(await runDeferred(unit, ...select6(SWP)));
  assert.ok(unit.softwareWriteProtected);
  assert.is(io.opcodes.length, 3);
});

test('MODE SELECT (6): WCE is fixed at 0 where there is no volatile cache to turn on', () => {
  for (const durability of ['none', 'process'] as const) {
    const unit = makeUnit({ store: volatile(durability) });
    assert.equal([senseParameters(unit, 0x08)[0], senseParameters(unit, 0x08, 1)[0]], [0, 0]);
    assertListFault(run(unit, ...select6(`08 12 04 ${'00'.repeat(17)}`)), '6.2');
    assertGood(run(unit, ...select6(CACHING_OFF)));
    assert.is(unit.commandFlags & CommandFlag.writeThrough, 0);
  }
});

test('MODE SELECT (6) and (10): SP is refused where nothing is kept, and MODE SENSE has no PS then', () => {
  const unit = makeUnit();
  assertCheck(run(unit, ...select6(SWP, { flags: '11' })), '05/24/00', '1.0');
  assertCheck(run(unit, ...select10(SWP, { flags: '11' })), '05/24/00', '1.0');
  assert.is(dataInOf(run(unit, '1a 08 0a 00 ff 00'))[4], 0x0a);
});

test('MODE SELECT (6): SP saves, a reset brings back what was saved, and so does a restart', async () => {
  const state = new MemoryState();
  const unit = makeSharedUnit({ host: { state } });
  assert.is(dataInOf(run(unit, '1a 08 0a 00 ff 00'))[4], 0x8a, 'PS');
  assert.is(dataInOf(run(unit, '1a 08 01 00 ff 00'))[4], 0x01, 'nothing to be saved');
  assert.equal(senseParameters(unit, 0x0a, 3), senseParameters(unit, 0x0a, 2), 'saved values are the defaults until some are saved');
  const deferral = new TestDeferral();
  const command = run(unit, ...select6(SWP, { flags: '11' }), deferral);
  assert.ok(deferral.isDeferred, 'it ends only when the values are on stable storage');
  await deferral.done;
  assertGood(command);
  assert.equal(unit.pendingUnitAttentions(otherNexus), [{ asc: Asc.modeParametersChanged }]);
  assertGood(run(unit, ...select6(`0a 0a 06 10 00 00 ${CONTROL_TAIL}`)));
  assert.is(senseParameters(unit, 0x0a, 3)[2], 0x08, 'the saved value is not the current one');
  assert.equal([unit.softwareWriteProtected, unit.descriptorSense], [false, true]);
  unit.reset('logical-unit-reset');
  assert.equal([unit.softwareWriteProtected, unit.descriptorSense], [true, false]);
  const restarted = makeUnit({ host: { state } });
  assert.equal([restarted.softwareWriteProtected, restarted.descriptorSense], [true, false]);
  assert.is(senseParameters(restarted, 0x0a)[2], 0x08);
});

test('MODE SELECT (10): SP saves the current values of all pages, also with an empty list', async () => {
  const state = new MemoryState();
  const unit = makeUnit({ host: { state } });
  assertGood(run(unit, ...select10(SWP)));
  assertGood(await runDeferred(unit, '55 11 00 00 00 00 00 0000 00'));
  assert.is(state.saveCount, 1);
  assert.ok(makeUnit({ host: { state } }).softwareWriteProtected);
});

test('MODE SELECT (6): a save that fails is HARDWARE ERROR, and nothing has changed', async () => {
  const state = new MemoryState();
  const unit = makeSharedUnit({ host: { state } });
  state.failing = true;
  assertCheck(await runDeferred(unit, ...select6(SWP, { flags: '11' })), '04/44/00');
  assert.not.ok(unit.softwareWriteProtected);
  assert.is(senseParameters(unit, 0x0a, 3)[2], 0);
  assert.equal(unit.pendingUnitAttentions(otherNexus), []);
});

test('saved values that no page can have are not taken, whatever is in the state', () => {
  const good = '0210080000 00ffff0000'.replace(' ', '');
  for (const value of ['x', '02', `${good}00`, good.replace('02', '42'), 7, null]) {
    const state = new MemoryState();
    state.sections.set('modePages', { '0a': value, '99': 'ff' });
    const unit = makeUnit({ host: { state } });
    assert.equal(senseParameters(unit, 0x0a), senseParameters(unit, 0x0a, 2), String(value));
  }
  const state = new MemoryState();
  state.sections.set('modePages', { '0a': good.replace('02', 'ff').replace('ff10', '0210') });
  assert.ok(makeUnit({ host: { state } }).softwareWriteProtected);
});

test('WCE that was turned off stays off when the medium comes back', () => {
  const unit = makeUnit({ store: volatile(), removable: true, host: { io: new NotedIo() } });
  const { medium } = unit;
  assertGood(run(unit, ...select6(CACHING_OFF)));
  unit.changeMedium(null);
  assert.is(unit.commandFlags & CommandFlag.writeThrough, 0);
  unit.changeMedium(medium);
  assert.is(unit.commandFlags & CommandFlag.writeThrough, CommandFlag.writeThrough);
});

test('MODE SELECT: what was selected does not lie in the memory that the parameter list came in, which the arena gives to others', () => {
  const unit = makeUnit();
  const [cdb, { dataOut }] = select6(SWP);
  const command = makeCommand(cdb, dataOut === undefined ? {} : { dataOut });
  // As the arena does: the `slice` of a Buffer is no copy.
  const arena = Buffer.from(command.dataOut);
  command.dataOut = arena;
  const row = prepare(command, unit, nexus);
  assert.ok(row !== null && row.runsOn === 'main');
  executeUnitCommand(row, command, unit, nexus, new TestDeferral());
  assertGood(command);
  const before = senseParameters(unit, 0x0a);
  arena.fill(0xff);
  assert.equal(senseParameters(unit, 0x0a), before);
});

test('any MODE SELECT of what the changeable mask allows is read back, by six and by ten, saved and not', async () => {
  const seed = Number(process.env['LUNLOOM_SEED'] ?? 1);
  const random = seededRandom(seed);
  const state = new MemoryState();
  const unit = makeSharedUnit({ store: volatile(), host: { state, io: new NotedIo() } });
  const pages = [0x01, 0x02, 0x08, 0x0a, 0x1a, 0x1c];
  for (let round = 0; round < 600; round++) {
    const code = pages[random.below(pages.length)] as number;
    const current = senseParameters(unit, code);
    const mask = senseParameters(unit, code, 1);
    const asked = current.map((byte, at) => (byte & ~(mask[at] as number)) | (random.below(256) & (mask[at] as number)));
    const isLegal = code !== 0x0a || ((asked[0] as number) >> 5 <= 1 && (asked[1] as number) >> 4 <= 1 && ((asked[1] as number) & 6) !== 4);
    const page = Buffer.from([code, asked.length, ...asked]).toString('hex');
    const flags = random.boolean() ? '11' : '10';
    const command = await runDeferred(unit, ...(random.boolean() ? select6(page, { flags }) : select10(page, { flags })));
    const context = `seed ${seed}, round ${round}, page ${page}`;
    assert.is(command.status === ScsiStatus.good, isLegal, context);
    assert.equal(senseParameters(unit, code), isLegal ? asked : current, context);
    if (isLegal && flags === '11') assert.equal(senseParameters(unit, code, 3), asked, context);
  }
});

test.run();
