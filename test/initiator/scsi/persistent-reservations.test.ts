import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReservationType } from '../../../initiator/cdb.js';
import { InitiatorError } from '../../../initiator/errors.js';
import { encodeIscsiTransportId, parseIscsiTransportId } from '../../../initiator/scsi/transport-id.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { cdbHex, hex, scriptedUnit } from './scripted-unit.js';

const KEY = 0x1122334455667788n;
const OTHER = 0xaabbccddeeff0011n;
const keysHex = '1122334455667788aabbccddeeff0011';

/** The CDB and the parameter list of one PERSISTENT RESERVE OUT. */
async function sent(send: (unit: ReturnType<typeof scriptedUnit>['unit']) => Promise<void>): Promise<readonly [string, string]> {
  const { unit, commands } = scriptedUnit(() => ({}));
  await send(unit);
  assert.is(commands.length, 1);
  const [command] = commands as [(typeof commands)[number]];
  return [cdbHex(command), Buffer.from(command.dataOut ?? []).toString('hex')];
}

test('every service action of PERSISTENT RESERVE OUT', async () => {
  const type = ReservationType.exclusiveAccessRegistrantsOnly;
  const tail = '0000000000000000';
  const rows: readonly (readonly [string, Parameters<typeof sent>[0], string, string])[] = [
    ['REGISTER', ({ persistentReservations: pr }) => pr.register(OTHER, KEY), '00', '00'],
    ['RESERVE', ({ persistentReservations: pr }) => pr.reserve(KEY, type), '01', '06'],
    ['RELEASE', ({ persistentReservations: pr }) => pr.release(KEY, type), '02', '06'],
    ['CLEAR', ({ persistentReservations: pr }) => pr.clear(KEY), '03', '00'],
    ['PREEMPT', ({ persistentReservations: pr }) => pr.preempt(KEY, OTHER, type), '04', '06'],
    ['PREEMPT AND ABORT', ({ persistentReservations: pr }) => pr.preemptAndAbort(KEY, OTHER, type), '05', '06'],
  ];
  for (const [name, send, action, typeHex] of rows) {
    const [cdb, list] = await sent(send);
    assert.is(cdb, `5f${action}${typeHex}00000000001800`, name);
    const hasOther = ['REGISTER', 'PREEMPT', 'PREEMPT AND ABORT'].includes(name);
    assert.is(list, `${hasOther ? keysHex : `1122334455667788${'00'.repeat(8)}`}${tail}`, name);
  }
  assert.equal(await sent(({ persistentReservations: pr }) => pr.registerAndIgnoreExistingKey(OTHER, { persistThroughPowerLoss: true })), [
    '5f060000000000001800',
    `${'00'.repeat(8)}aabbccddeeff0011${'00000000'}01000000`,
  ]);
  assert.is((await sent(({ persistentReservations: pr }) => pr.replaceLostReservation(OTHER, type)))[0], '5f080600000000001800');
});

test('REGISTER for other initiator ports carries their TransportIDs', async () => {
  const [cdb, list] = await sent(({ persistentReservations: pr }) =>
    pr.register(OTHER, KEY, { allTargetPorts: true, initiatorPorts: [{ initiatorName: 'iqn.x:a', isid: '80123456789a' }] }),
  );
  const id = encodeIscsiTransportId({ initiatorName: 'iqn.x:a', isid: '80123456789A' }).length;
  assert.is(cdb, `5f000000000000${(24 + 4 + id).toString(16).padStart(4, '0')}00`);
  assert.is(list.slice(40, 48), '0c000000');
  assert.is(Number.parseInt(list.slice(48, 56), 16), id);
});

test('REGISTER AND MOVE', async () => {
  const fields = { key: KEY, serviceActionKey: OTHER, relativeTargetPortIdentifier: 1, initiatorPort: { initiatorName: 'iqn.x' }, unregister: true };
  const [cdb, list] = await sent(({ persistentReservations: pr }) => pr.registerAndMove(fields));
  assert.is(cdb, '5f070000000000003000');
  assert.is(list, `${keysHex}00020001${'00000018'}${'05000014'}69716e2e78${'00'.repeat(15)}`);
});

test('a TransportID comes back as it went', () => {
  for (const id of [{ initiatorName: 'iqn.2026-11.io.lunloom:x' }, { initiatorName: 'iqn.y', isid: '800102030405' }]) {
    const bytes = encodeIscsiTransportId(id);
    assert.is(bytes.length % 4, 0);
    assert.equal(parseIscsiTransportId(bytes), id);
    assert.is(parseIscsiTransportId(bytes.subarray(0, -1)), null);
  }
  assert.is(parseIscsiTransportId(hex('06000000')), null);
  assert.throws(
    () => encodeIscsiTransportId({ initiatorName: 'x', isid: '12' }),
    (error: unknown) => error instanceof InitiatorError,
  );
});

test('keys, the reservation and what the unit can do are read', async () => {
  const read = (dataIn: Buffer) => scriptedUnit(() => ({ dataIn })).unit.persistentReservations;
  assert.equal(await read(hex(`00000007 00000010 ${keysHex}`)).readKeys(), { generation: 7, keys: [KEY, OTHER] });
  assert.equal(await read(hex('00000007 00000000')).readReservation(), { generation: 7, reservation: null });
  const held = await read(hex('00000007 00000010 1122334455667788 00000000 00 05 0000')).readReservation();
  assert.equal(held.reservation, { key: KEY, scope: 0, type: 5 });
  const able = await read(hex('0008 1d 91 ea01 0000')).reportCapabilities();
  assert.equal(able.types, [1, 3, 5, 6, 7, 8]);
  assert.equal(
    [
      able.compatibleReservationHandling,
      able.specifyInitiatorPortsCapable,
      able.allTargetPortsCapable,
      able.persistThroughPowerLossActivated,
      able.allowedCommands,
    ],
    [true, true, true, true, 1],
  );
  assert.is((await read(hex('0008 00 00 ea01 0000')).reportCapabilities()).types, null);
});

test('READ FULL STATUS: one row a nexus, cut rows left out', async () => {
  const id = encodeIscsiTransportId({ initiatorName: 'iqn.x:a', isid: '80aabbccddee' });
  const row = Buffer.concat([hex(`1122334455667788 00000000 01 05 0000 0000 0001 000000${id.length.toString(16)}`), id]);
  const head = hex('00000003 00000000');
  head.writeUInt32BE(row.length * 2, 4);
  const { unit } = scriptedUnit(() => ({ dataIn: Buffer.concat([head, row, row.subarray(0, 30)]) }));
  const { registrations } = await unit.persistentReservations.readFullStatus();
  assert.is(registrations.length, 1);
  const [first] = registrations;
  assert.equal([first?.key, first?.isHolder, first?.type, first?.relativeTargetPortIdentifier], [KEY, true, 5, 1]);
  assert.equal(first?.initiatorPort, { initiatorName: 'iqn.x:a', isid: '80aabbccddee' });
  assertBytes(first?.transportId ?? Buffer.alloc(0), id);
});

test('a key beyond 64 bits is refused', async () => {
  const { unit, commands } = scriptedUnit(() => ({}));
  await unit.persistentReservations.register(1n << 64n).then(
    () => assert.unreachable(),
    (error: unknown) => assert.instance(error, InitiatorError),
  );
  assert.is(commands.length, 0);
});

test.run();
