import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandRow, VARIABLE_LENGTH_OPCODE } from '../../../../../engine/scsi/command-table.js';
import { disk, protectedDisk } from '../../../../../engine/scsi/sbc/disk.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import { assertCheck, assertGood, dataInOf, makeUnit, otherNexus, run } from '../../scsi-fixture.js';
import { makeScene, type Type, types } from './protection-fixture.js';

const RESERVE_6 = '16 00 00 00 00 00';
const PROTECT_RESERVED_BITS = 0xc0;

const rows = protectedDisk.commands.rows.filter((row) => !disk.commands.rows.includes(row));
/** READ, WRITE, VERIFY, WRITE AND VERIFY and WRITE SAME with 32 bytes tell what tags to expect. */
const hasTags = (row: CommandRow) => row.opcode === VARIABLE_LENGTH_OPCODE && row.name !== 'XDWRITEREAD (32)';
const typeOf = (row: CommandRow): Type => (hasTags(row) ? 2 : 1);

/** The CDB of a row for no blocks, which with WRITE SAME are all up to the end; the 6-byte commands have one. */
function cdbOf(row: CommandRow, protect: number): string {
  const cdb = Buffer.alloc(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.opcode === VARIABLE_LENGTH_OPCODE) {
    cdb[7] = row.cdbLength - 8;
    cdb.writeUInt16BE(row.serviceAction as number, 8);
  }
  cdb[row.opcode === VARIABLE_LENGTH_OPCODE ? 10 : 1] = protect;
  if (row.cdbLength === 6) cdb[4] = 1;
  return cdb.toString('hex');
}

test('the commands of a unit with protection information are those of one without, and those that transfer blocks differ', () => {
  assert.equal(
    protectedDisk.commands.rows.map(({ name }) => name),
    disk.commands.rows.map(({ name }) => name),
  );
  assert.is(rows.length, 26);
});

for (const row of rows) {
  if (row.cdbLength > 6) {
    test(`${row.name}: reserved values of its PROTECT field are refused, and all where there is no protection information`, () => {
      const flagsAt = row.opcode === VARIABLE_LENGTH_OPCODE ? 10 : 1;
      assertCheck(run(makeScene(typeOf(row)).unit, cdbOf(row, PROTECT_RESERVED_BITS)), '05/24/00', `${flagsAt}.7`);
      for (const bit of [5, 6, 7]) assertCheck(run(makeUnit(), cdbOf(row, 1 << bit)), '05/24/00', `${flagsAt}.${bit}`);
    });

    test(`${row.name}: REPORT SUPPORTED OPERATION CODES says that its PROTECT field is evaluated`, () => {
      const flagsAt = row.opcode === VARIABLE_LENGTH_OPCODE ? 10 : 1;
      const ask = Buffer.from('a30c03000000000000ff0000', 'hex');
      ask[3] = row.opcode;
      ask.writeUInt16BE(row.serviceAction ?? 0, 4);
      const usageOf = (unit: ReturnType<typeof makeUnit>) => dataInOf(run(unit, ask.toString('hex'))).subarray(4);
      assert.is((usageOf(makeScene(typeOf(row)).unit)[flagsAt] as number) & 0xe0, 0xe0);
      assert.is((usageOf(makeUnit())[flagsAt] as number) & 0xe0, 0);
    });

    test(`${row.name}: protection information of type 2 comes with the tags that the command tells, or not at all`, () => {
      for (const type of types) {
        const isRefused = hasTags(row) ? type !== 2 : type === 2;
        if (isRefused) assertCheck(run(makeScene(type).unit, cdbOf(row, 0x20)), '05/20/00');
        else assert.is.not(run(makeScene(type).unit, cdbOf(row, 0x20)).sense[12], 0x20);
      }
    });
  }

  test(`${row.name}: runs for no blocks with protection information`, () => {
    const isOfBlock = row.cdbLength === 6 || row.name.startsWith('WRITE SAME');
    const dataOut = new Uint8Array(isOfBlock ? 520 : 0);
    if (row.name.startsWith('WRITE SAME')) {
      // Up to the end, of a block that is not checked.
      assertGood(run(makeScene(typeOf(row)).unit, cdbOf(row, 0x60), { dataOut }));
    } else assertGood(run(makeScene(typeOf(row)).unit, cdbOf(row, row.cdbLength === 6 ? 0 : 0x20), { dataOut }));
  });

  test(`${row.name}: conflicts with a reservation of another nexus, with protection information as without`, () => {
    const { unit } = makeScene(typeOf(row));
    assertGood(run(unit, RESERVE_6, { nexus: otherNexus }));
    assert.is(run(unit, cdbOf(row, 0)).status, ScsiStatus.reservationConflict);
  });
}

test('WRITE (6) and READ (6): a range beyond the medium is refused where there is protection information', () => {
  assertCheck(run(makeScene(1).unit, '0a 00 04 00 01 00', { dataOut: new Uint8Array(512) }), '05/21/00');
  assertCheck(run(makeScene(1).unit, '08 00 04 00 01 00'), '05/21/00');
});

test('INQUIRY and READ CAPACITY (16) tell of protection information and its type', () => {
  for (const type of types) {
    const { unit } = makeScene(type);
    assert.is((dataInOf(run(unit, '12 00 00 00 60 00'))[5] as number) & 0x01, 0x01);
    const capacity = dataInOf(run(unit, '9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00'));
    assert.is(capacity[12], ((type - 1) << 1) | 1);
    assert.is((capacity[13] as number) >> 4, 0, 'P_I_EXPONENT: one protection information interval a block');
    const extended = dataInOf(run(unit, '12 01 86 00 40 00'));
    assert.is(extended[4], ([0b000, 0b010, 0b100][type - 1] as number) * 8 + 0b111, 'SPT, GRD_CHK, APP_CHK and REF_CHK');
    assert.is((dataInOf(run(unit, '1a 08 0a 00 40 00'))[4 + 5] as number) & 0x80, 0x80, 'ATO: application tags belong to the initiators');
  }
  assert.is((dataInOf(run(makeUnit(), '12 00 00 00 60 00'))[5] as number) & 0x01, 0);
});

test('INQUIRY: MAXIMUM TRANSFER LENGTH counts blocks with their protection information', () => {
  const limits = dataInOf(run(makeScene(1).unit, '12 01 b0 00 40 00'));
  assert.is(Buffer.from(limits).readUInt32BE(8), Math.floor((256 * 512) / 520));
});

test.run();
