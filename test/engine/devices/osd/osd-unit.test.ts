import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { osd } from '../../../../engine/devices/osd/osd.js';
import { deviceKinds } from '../../../../engine/devices/registry.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { noteCommand } from '../../../support/command-coverage.js';
import { encodeOsd, Osd, osdUint } from '../../../support/osd-cdb.js';
import { assertGood, dataInOf, nexus, run, runDeferred, otherNexus as secondNexus } from '../../scsi/scsi-fixture.js';
import { bytes, failed, good, OBJECT, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const R = 0x90000000;
/** Of another initiator: registrations go by its name. */
const otherNexus = { ...secondNexus, initiatorPortName: 'iqn.2024-01.test:other,i,0x80123456789a' };

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed({ host: { nexusesOf: () => [nexus, otherNexus] } });
});
test.after.each(() => bed.close());

test('INQUIRY: an object storage device with the versions of OSD and OSD-2', () => {
  const data = Buffer.from(dataInOf(run(bed.unit, '120000006000')));
  assert.is(data[0], 0x11);
  assert.is(data.subarray(58, 68).toString('hex'), '00a00460034004400960');
});

test('INQUIRY: the OSD Information page has the system ID, the Security Token page another token for each nexus', async () => {
  const pages = Buffer.from(dataInOf(run(bed.unit, '120100010000'))).subarray(4);
  assert.is(pages.toString('hex'), '008083868788b0b1');
  const systemId = Buffer.from(dataInOf(run(bed.unit, '1201b0010000'))).subarray(4);
  assert.is(systemId.toString('hex'), '010300103123456789abcdef0000000000000000');
  const attribute = good(await bed.run({ action: Osd.GET_ATTRIBUTES, get: [{ page: R + 1, number: 3 }] }));
  assert.is(attribute.retrieved.subarray(24, 44).toString('hex'), systemId.toString('hex'));
  const token = (by: typeof nexus) => Buffer.from(dataInOf(run(bed.unit, '1201b1010000', { nexus: by }))).toString('hex');
  assert.is(token(nexus), token(nexus));
  assert.is.not(token(nexus), token(otherNexus));
});

test('MODE SENSE (10): sense data have the descriptor format, and that cannot be changed', () => {
  const current = Buffer.from(dataInOf(run(bed.unit, '5a080a00000000010000')));
  assert.is((current[8 + 2] as number) & 0x04, 0x04);
  const changeable = Buffer.from(dataInOf(run(bed.unit, '5a084a00000000010000')));
  assert.is((changeable[8 + 2] as number) & 0x04, 0);
  const answer = run(bed.unit, '5a083f00000000000100');
  assert.is(answer.status, ScsiStatus.good);
});

test('TEST UNIT READY, REQUEST SENSE, LOG SENSE, REPORT LUNS: the unit is ready and says so', () => {
  assertGood(run(bed.unit, '000000000000'));
  assertGood(run(bed.unit, '030000001200'));
  assertGood(run(bed.unit, '4d007000000000010000'));
  assertGood(run(bed.unit, 'a00000000000000001000000'));
});

test('an opcode that is none: sense data in the descriptor format', () => {
  const command = run(bed.unit, '28000000000000000100');
  assert.is(command.status, ScsiStatus.checkCondition);
  assert.is(command.sense[0], 0x72);
  assert.is(command.sense[2], 0x20);
});

test('an OSD CDB of another length or of OSD-1, and a service action that is none', async () => {
  const { cdb } = encodeOsd({ action: Osd.READ });
  const other = (patch: (bytes: Buffer) => void, length = 236) => {
    const copy = Buffer.from(cdb);
    patch(copy);
    return run(bed.unit, copy.subarray(0, length).toString('hex'));
  };
  for (const command of [
    other((copy) => copy.writeUInt8(192, 7), 200),
    other((copy) => copy.writeUInt8(229, 7)),
    other((copy) => copy.writeUInt16BE(0x8805, 8)),
    other((copy) => copy.writeUInt16BE(0x88b2, 8)),
  ]) {
    assert.is(command.status, ScsiStatus.checkCondition);
    assert.is(Buffer.from(command.sense.subarray(1, 4)).toString('hex'), '052400');
  }
});

test('REPORT SUPPORTED OPERATION CODES: every service action, one by one', () => {
  const rows = osd.commands.rows.filter(({ opcode }) => opcode === 0x7f);
  assert.is(rows.length, Object.keys(Osd).length);
  for (const { serviceAction = 0 } of rows) {
    const command = run(bed.unit, `a30c027f${serviceAction.toString(16)}000010000000`.slice(0, 24));
    assertGood(command);
    const data = Buffer.from(dataInOf(command));
    assert.is((data[1] as number) & 0x07, 3, `${serviceAction.toString(16)} is supported`);
    assert.is(data.readUInt16BE(2), 236);
    assert.is(data.readUInt16BE(4 + 8), serviceAction);
  }
});

test('reservations: a service action that changes something conflicts with those of others, one that reads only with exclusive access', async () => {
  const registered = '5f00000000000000180000';
  const register = Buffer.alloc(24);
  register.writeBigUInt64BE(1n, 8);
  assertGood(await runDeferred(bed.unit, registered.slice(0, 20), { dataOut: register, nexus }));
  const reserve = Buffer.alloc(24);
  reserve.writeBigUInt64BE(1n, 0);
  // RESERVE, Exclusive Access.
  assertGood(await runDeferred(bed.unit, '5f010300000000001800', { dataOut: reserve, nexus }));
  for (const [name, action] of Object.entries(Osd)) {
    const { cdb } = encodeOsd({ action });
    const command = await runDeferred(bed.unit, Buffer.from(cdb).toString('hex'), { nexus: otherNexus });
    if (action === Osd.PERFORM_SCSI_COMMAND) continue;
    assert.is(command.status, ScsiStatus.reservationConflict, name);
  }
  // Exclusive Access gives way to Write Exclusive: reads are for everybody then.
  assertGood(await runDeferred(bed.unit, '5f020300000000001800', { dataOut: reserve, nexus }));
  assertGood(await runDeferred(bed.unit, '5f010100000000001800', { dataOut: reserve, nexus }));
  const list = await bed.run({ action: Osd.LIST, length: 64, dataInLength: 64 }, { nexus: otherNexus });
  good(list);
  const sets = await bed.run({ action: Osd.LIST, length: 64, set: [{ page: R + 1, number: 9, value: bytes('x') }] }, { nexus: otherNexus });
  assert.is(sets.status, ScsiStatus.reservationConflict, 'a LIST that sets attributes writes');
});

test('PERFORM SCSI COMMAND: INQUIRY within, with attributes of the root behind its data', async () => {
  const inquiry = Buffer.alloc(16);
  inquiry.set(Buffer.from('120000002400', 'hex'));
  const answer = good(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[16, inquiry]], dataInLength: 0x24, get: [{ page: R + 1, number: 0x110 }] }));
  assert.is(answer.dataIn[0], 0x11);
  assert.is(answer.dataIn.subarray(8, 16).toString(), 'LUNLOOM ');
  assert.is(answer.retrieved[24], 2);
});

test('PERFORM SCSI COMMAND: MODE SELECT within has its list in the Data-Out', async () => {
  const select = Buffer.alloc(16);
  select.set(Buffer.from('55100000000000001400', 'hex'));
  const page = Buffer.from(dataInOf(run(bed.unit, '5a080a00000000010000'))).subarray(8);
  const data = Buffer.concat([Buffer.alloc(8), page]);
  data.set([(page[0] as number) & 0x3f], 8);
  good(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[16, select]], data }));
});

test('PERFORM SCSI COMMAND: errors within are its own, and an OSD command within is refused', async () => {
  const perform = (hex: string) => {
    const inner = Buffer.alloc(16);
    inner.set(Buffer.from(hex, 'hex'));
    return bed.run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[16, inner]] });
  };
  failed(await perform('28000000000000000100'), '05/2000');
  failed(await perform('120055000000'), '05/2400', 2);
  failed(await perform('7f000000000000e48885'), '05/2400', 16);
  failed(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[32, Uint8Array.of(1)]] }), '05/2400', 32);
});

test('PERFORM SCSI COMMAND: conflicts with a reservation as the command within does', async () => {
  assertGood(await runDeferred(bed.unit, '160000000000', { nexus }));
  const answer = await bed.run({ action: Osd.PERFORM_SCSI_COMMAND }, { nexus: otherNexus });
  assert.is(answer.status, ScsiStatus.reservationConflict, 'TEST UNIT READY within');
  const inquiry = Buffer.from('12000000240000000000000000000000', 'hex');
  good(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[16, inquiry]] }, { nexus: otherNexus }));
});

test('PERFORM TASK MANAGEMENT FUNCTION: task sets are aborted and cleared, the unit is reset, others are not known', async () => {
  const perform = (what: number, tag = 9) =>
    bed.run({
      action: Osd.PERFORM_TASK_MANAGEMENT_FUNCTION,
      patches: [
        [16, Uint8Array.of(what)],
        [24, u64(tag)],
      ],
    });
  good(await perform(0x02));
  good(await perform(0x04));
  good(await perform(0x01));
  failed(await perform(0x01, 0), '05/2400', 24);
  failed(await perform(0x80), '05/2400', 24);
  good(await perform(0x40));
  failed(await perform(0x10), '05/2400', 16);
  good(await perform(0x08));
  const attention = run(bed.unit, '000000000000', { nexus: otherNexus });
  assert.is(Buffer.from(attention.sense.subarray(0, 4)).toString('hex'), '72062903');
});

test('PERFORM SCSI COMMAND and PERFORM TASK MANAGEMENT FUNCTION: take the device management permission', async () => {
  const capability = Buffer.alloc(104);
  capability[0] = 2;
  capability[48] = 0x01;
  capability[55] = 0x20;
  capability.writeBigUInt64BE(0xffffffffffffffffn, 88);
  failed(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, capability }), '05/2400', 129);
  failed(await bed.run({ action: Osd.PERFORM_TASK_MANAGEMENT_FUNCTION, capability, patches: [[16, Uint8Array.of(2)]] }), '05/2400', 129);
  capability[50] = 0x80;
  good(await bed.run({ action: Osd.PERFORM_SCSI_COMMAND, capability }));
});

test('the longest transfer is bounded, and software write protection holds for all that changes', async () => {
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE, partition: PARTITION, object: OBJECT }));
  failed(await bed.run({ action: Osd.WRITE, partition: PARTITION, object: OBJECT, length: 2 ** 40 }), '05/2400', 32);
  failed(await bed.run({ action: Osd.READ, partition: PARTITION, object: OBJECT, length: 2 ** 40, patches: [[40, u64(2n ** 64n - 1n)]] }), '05/2400', 32);
  const longest = bed.unit.host.limits.transferLengthBytesMax;
  failed(await bed.run({ action: Osd.READ, partition: PARTITION, object: OBJECT, length: longest + 1 }), '05/2400', 32);
  good(await bed.run({ action: Osd.LIST, partition: PARTITION, length: 2 ** 40 }, { expectedDataInLength: 4096 }));
  bed.unit.softwareWriteProtected = true;
  failed(await bed.run({ action: Osd.CREATE, partition: PARTITION }), '07/2700');
  good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object: OBJECT }));
});

test('hostile CDBs and data: whatever bytes come, a command ends with an outcome and the device goes on', async () => {
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, partition: PARTITION, object: OBJECT, length: 5, data: bytes('bytes') }));
  let seed = 20261123;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const actions = Object.values(Osd).filter((action) => action !== Osd.FORMAT_OSD && action !== Osd.SET_MASTER_KEY);
  for (let round = 0; round < 600; round++) {
    const action = actions[random(actions.length)] as number;
    const { cdb, dataOut } = encodeOsd({
      action,
      partition: PARTITION,
      object: random(3) === 0 ? 0n : OBJECT,
      length: random(64),
      data: Buffer.from(Array.from({ length: 96 }, () => random(256))),
      set: [{ page: random(2) * 0x10000 + random(8), number: random(12), value: osdUint(random(2 ** 30), random(9)) }],
      get: [{ page: random(2) === 0 ? 0xffffffff : random(8), number: 0xffffffff }],
    });
    const mutated = Buffer.from(cdb);
    for (let count = random(4); count > 0; count--) mutated[10 + random(90)] = random(256);
    mutated[13] = 0;
    const noise = Buffer.from(dataOut);
    for (let count = random(4); count > 0; count--) noise[random(noise.length)] = random(256);
    const command = await runDeferred(bed.unit, mutated.toString('hex'), { dataOut: noise, expectedDataInLength: 65_536 });
    const sense = Buffer.from(command.sense.subarray(0, 4)).toString('hex');
    assert.is.not(sense, '72044400', `no defect: ${mutated.toString('hex')} with ${noise.toString('hex')}`);
  }
  good(await bed.run({ action: Osd.LIST, length: 64, dataInLength: 64 }));
});

test('--lun 4=osd:DIR is a kind of device with its options', () => {
  const kind = deviceKinds.find(({ name }) => name === 'osd');
  assert.ok(kind);
  assert.is(kind.options.security?.parse('cmdrsp'), 'cmdrsp');
  assert.throws(() => kind.options.security?.parse('none'), /expected one of nosec, capkey, cmdrsp, alldata/);
  assert.is(kind.options.capacity?.parse('1GiB'), 2 ** 30);
  assert.is(typeof noteCommand, 'function');
});

test.run();
