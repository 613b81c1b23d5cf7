import { testUnitReadyCdb } from '../../initiator/cdb.js';
import { withAhs } from './fake-target.js';
import { byteIs, data, first, ignore, reading, testing, type Violation, whole } from './violation.js';

/** What can go wrong with numbers, tags and the form of PDUs. */
export const sessionViolations: readonly Violation[] = [
  // Numbers, RFC 7143 §4.2.2.
  { name: 'StatSN is left out', check: 'statSN', script: testing(({ connection }, c) => connection.scsiResponse(c, { statSN: 1002 })) },
  { name: 'StatSN comes twice', check: 'statSN', script: testing(({ connection }, c) => connection.scsiResponse(c, { statSN: 1000 })) },
  {
    name: 'StatSN of a collapsed status is wrong',
    check: 'statSN',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 1024), { ...whole, statSN: 5 })),
  },
  { name: 'a ping counts a StatSN', check: 'statSN', script: async ({ connection }) => connection.nopIn({ targetTransferTag: 1, statSN: 1002 }) },
  { name: 'ExpCmdSN runs ahead', check: 'expCmdSN', script: testing(({ connection }, c) => connection.scsiResponse(c, { expCmdSN: 5 })) },
  { name: 'ExpCmdSN goes back', check: 'expCmdSNRegressed', script: testing(({ connection }, c) => connection.scsiResponse(c, { expCmdSN: 0 })) },
  { name: 'MaxCmdSN below ExpCmdSN - 1', check: 'maxCmdSN', script: testing(({ connection }, c) => connection.scsiResponse(c, { maxCmdSN: 0 })) },
  { name: 'MaxCmdSN goes back', check: 'maxCmdSNRegressed', script: testing(({ connection }, c) => connection.scsiResponse(c, { maxCmdSN: 20 })) },
  {
    name: 'MaxCmdSN goes back in a Data-In',
    check: 'maxCmdSNRegressed',
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 512), { ...first, maxCmdSN: 20 })),
  },

  // Tags and answers.
  {
    name: 'a response for a tag that is not in use',
    check: 'unknownTaskTag',
    script: testing(({ connection }, c) => connection.scsiResponse({ ...c, initiatorTaskTag: 99 })),
  },
  {
    name: 'Data-In for a tag that is not in use',
    check: 'unknownTaskTag',
    script: testing(({ connection }, c) => connection.dataIn({ ...c, initiatorTaskTag: 99 }, data.subarray(0, 4))),
  },
  {
    name: 'a second response',
    check: 'unknownTaskTag',
    script: testing(({ connection }, c) => {
      connection.scsiResponse(c);
      connection.scsiResponse(c);
    }),
  },
  {
    name: 'a SCSI Response for a ping',
    check: 'wrongAnswer',
    script: async ({ session, connection }) => {
      ignore(session.ping());
      connection.scsiResponse(await connection.next());
    },
  },
  {
    name: 'a Logout Response for a task management request',
    check: 'wrongAnswer',
    script: async ({ session, connection }) => {
      ignore(session.logicalUnitReset(0));
      connection.logoutResponse(await connection.next());
    },
  },
  {
    name: 'a response to an aborted command',
    check: 'unknownTaskTag',
    script: async ({ session, connection }) => {
      const victim = session.submit({ lun: 0, cdb: testUnitReadyCdb() });
      const command = await connection.next();
      ignore(session.abortTask(victim));
      connection.taskManagementResponse(await connection.next(), 0);
      connection.scsiResponse(command);
    },
  },
  {
    name: 'a ping comes back changed',
    check: 'pingData',
    script: async ({ session, connection }) => {
      ignore(session.ping(Buffer.from('hello')));
      connection.nopIn({ initiatorTaskTag: (await connection.next()).initiatorTaskTag }, Buffer.from('hullo'));
    },
  },
  {
    name: 'an answered ping has a Target Transfer Tag',
    check: 'targetTransferTag',
    script: async ({ session, connection }) => {
      ignore(session.ping());
      connection.nopIn({ initiatorTaskTag: (await connection.next()).initiatorTaskTag, targetTransferTag: 3 });
    },
  },
  {
    name: 'a ping of the target with data',
    check: 'unexpectedData',
    script: async ({ connection }) => connection.nopIn({ targetTransferTag: 3 }, Buffer.from('x')),
  },

  // Form.
  {
    name: 'an opcode of the initiator’s',
    check: 'unknownOpcode',
    script: testing(({ connection }, c) => connection.scsiResponse(c, {}, undefined, byteIs(0, 0x01))),
  },
  {
    name: 'a Login Response in the full-feature phase',
    check: 'unknownOpcode',
    script: testing(({ connection }, c) => connection.scsiResponse(c, {}, undefined, byteIs(0, 0x23))),
  },
  {
    name: 'the immediate bit in a response',
    check: 'reservedBits',
    script: testing(({ connection }, c) => connection.scsiResponse(c, {}, undefined, byteIs(0, 0x61))),
  },
  {
    name: 'a SCSI Response without F',
    check: 'finalBit',
    script: testing(({ connection }, c) => connection.scsiResponse(c, {}, undefined, byteIs(1, 0))),
  },
  { name: 'an AHS in a response', check: 'unexpectedAhs', script: testing(({ connection }, c) => connection.scsiResponse(c, {}, undefined, withAhs)) },
  {
    name: 'a Text Response with F and a Target Transfer Tag',
    check: 'targetTransferTag',
    script: async ({ session, connection }) => {
      ignore(session.text([]));
      connection.textResponse(await connection.next(), Buffer.alloc(0), { targetTransferTag: 4 });
    },
  },
  {
    name: 'a Text Response with F and C',
    check: 'finalBit',
    script: async ({ session, connection }) => {
      ignore(session.text([]));
      connection.textResponse(await connection.next(), Buffer.alloc(0), { continue: true });
    },
  },
  {
    name: 'text that is none',
    check: 'textFormat',
    script: async ({ session, connection }) => {
      ignore(session.text([]));
      connection.textResponse(await connection.next(), Buffer.from('no equals sign\0'));
    },
  },
  {
    name: 'a wrong header digest',
    check: 'headerDigest',
    options: { digests: { header: 'CRC32C' } },
    script: testing(({ connection }, c) => {
      connection.headerDigest = false;
      connection.hold();
      connection.scsiResponse(c);
      const bytes = connection.held();
      connection.sendRaw(Buffer.concat([bytes, Buffer.from('00000000', 'hex')]));
    }),
  },
  {
    name: 'a wrong data digest',
    check: 'dataDigest',
    options: { digests: { data: 'CRC32C' } },
    script: reading(({ connection }, c) => connection.dataIn(c, data.subarray(0, 100), first, undefined, true)),
  },
];
