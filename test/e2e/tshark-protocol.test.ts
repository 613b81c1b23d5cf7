// test-timeout: 180 s
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TargetConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';
import { Opcode, opcodeName } from '../../engine/pdu/index.js';
import { Asc } from '../../engine/scsi/sense.js';
import { MUTUAL, USER } from '../engine/login/chap-fixture.js';
import { captureTest, FAULTS, LOST_PACKETS, NOT_DISSECTED, SharedCapture } from '../support/capture-test.js';
import { type DescribedPdu, PacketCapture, parseDescription } from '../support/packet-capture.js';
import { BLOCK, BROKEN_LBA, EXCHANGE_LENGTH, GUARDED_NAME, recordProtocol, SHORT_TEXT_LENGTH, TARGET_NAME } from './protocol-sessions.js';

// As tshark.test.ts, with everything of RFC 7143 that needs more than a session that goes well: every PDU in both directions,
// AHS, data in both directions, several connections, and recovery at every level.

const folder = mkdtempSync(join(tmpdir(), 'lunloom-protocol-'));
const image = join(folder, 'short.img');
const SECRETS = { LUNLOOM_PROTOCOL_USER: USER.secret, LUNLOOM_PROTOCOL_TARGET: MUTUAL.secret };
const RAM = { kind: 'ram', sizeBytes: 8 * 1024 * 1024 } as const;
/** Of fixed format sense data. */
const SENSE_LENGTH = 18;
const disk = { blockLengthBytes: BLOCK, readOnly: false } as const;

/** What discovery says of one target, beside its name; bytes. */
const ADDRESSES_LENGTH = 'TargetName=\0'.length + 2 * 'TargetAddress=127.0.0.1:12345,1\0'.length;
const fillerName = (letter: string, lengthBytes: number) => 'iqn.2026-11.io.lunloom:'.padEnd(lengthBytes - ADDRESSES_LENGTH, letter);
const REST_LENGTH = SHORT_TEXT_LENGTH - TARGET_NAME.length - GUARDED_NAME.length - 2 * ADDRESSES_LENGTH;
/**
 * Targets whose names are as long as it takes for the first Text Response to end behind a pair: Wireshark reads each by itself, and
 * takes one that is continued in the next for a fault.
 */
const FILLERS = [fillerName('a', REST_LENGTH >> 1), fillerName('b', REST_LENGTH - (REST_LENGTH >> 1)), fillerName('c', 150), fillerName('d', 160)];

const TARGETS: readonly TargetConfig[] = [
  {
    name: TARGET_NAME,
    luns: [
      { lun: 0, store: RAM, ...disk },
      { lun: 1, store: { kind: 'file', path: image, sizeBytes: 2 * BROKEN_LBA * BLOCK, direct: false }, ...disk },
    ],
  },
  {
    name: GUARDED_NAME,
    users: [{ name: USER.name, secret: { env: 'LUNLOOM_PROTOCOL_USER' } }],
    mutual: { name: MUTUAL.name, secret: { env: 'LUNLOOM_PROTOCOL_TARGET' } },
    luns: [{ lun: 0, store: RAM, ...disk }],
  },
  ...FILLERS.map((name) => ({ name, luns: [{ lun: 0, store: RAM, ...disk }] })),
];

async function record(): Promise<PacketCapture> {
  Object.assign(process.env, SECRETS);
  const defects: unknown[] = [];
  const limits = { nopInIntervalMs: 500, defaultTime2WaitSecondsMin: 0, dataOutRecoveryMs: 300 };
  const portals = [
    { address: '127.0.0.1', port: 0 },
    { address: '127.0.0.1', port: 0, portalGroupTag: 7 },
  ];
  const engine = await Engine.start(
    { portals, targets: TARGETS, execution: 'inline', workerCount: 0, insecure: false, limits },
    { onDefect: (error) => defects.push(error) },
  );
  const port = engine.portals[0]?.port ?? 0;
  let capture: PacketCapture | null = null;
  try {
    capture = await PacketCapture.start(port);
    await recordProtocol({ engine, port, image });
    await capture.stop();
    assert.equal(defects, []);
    return capture;
  } catch (error) {
    capture?.remove();
    throw error;
  } finally {
    for (const name of Object.keys(SECRETS)) delete process.env[name];
    await engine.stop({ immediately: true });
  }
}

const shared = new SharedCapture(record);
test.after(async () => {
  await shared.remove();
  rmSync(folder, { recursive: true, force: true });
});

const sorted = (numbers: Iterable<number>) => [...new Set(numbers)].sort((a, b) => a - b);

captureTest('the capture is whole', async () => {
  assert.equal(await shared.summarize(LOST_PACKETS), []);
});

captureTest('nothing is malformed', async () => {
  assert.equal(await shared.summarize(FAULTS), []);
});

/** QUERY TASK SET, I_T NEXUS RESET and QUERY ASYNCHRONOUS EVENT, and "function succeeded": RFC 7144 came after this dissector. */
const UNKNOWN_FUNCTIONS = [10, 11, 12];
const UNKNOWN_RESPONSE = 7;

captureTest('all of it is iSCSI to Wireshark, but for what RFC 7144 added', async () => {
  const payloads = (await shared.valuesOf(NOT_DISSECTED, 'tcp.payload')).map((hex) => Buffer.from(hex, 'hex'));
  const functionsOf = (opcode: number, at: number) => payloads.filter((bytes) => ((bytes[0] ?? 0) & 0x3f) === opcode).map((bytes) => (bytes[at] ?? 0) & 0x7f);
  assert.equal(sorted(functionsOf(Opcode.taskManagementRequest, 1)), UNKNOWN_FUNCTIONS);
  const responses = functionsOf(Opcode.taskManagementResponse, 2);
  assert.ok(responses.every((response) => response === UNKNOWN_RESPONSE));
  assert.is(payloads.length, UNKNOWN_FUNCTIONS.length + responses.length);
});

/** What Wireshark remarks on though it is right, and why. */
const EXPECTED_REMARKS = [
  { remark: /^Connection (establish|finish)|^This frame (initiates|undergoes) the connection closing/, reason: 'connections begin and end' },
  { remark: /^Connection reset \(RST\)/, reason: 'what cuts a connection may do it while bytes are on their way' },
  { remark: /^D-SACK Sequence|retransmission|^Duplicate ACK|window/i, reason: 'the kernel, on a busy machine' },
  { remark: /^Unknown SCSI exchange, can not decode SCSI data$/, reason: 'behind TASK REASSIGN, data comes on another connection than its command' },
];

captureTest('Wireshark remarks on nothing that is not expected', async () => {
  const remarks = new Set(await shared.valuesOf('_ws.expert', '_ws.expert.message'));
  const unexpected = [...remarks].filter((each) => !EXPECTED_REMARKS.some(({ remark }) => remark.test(each)));
  assert.equal(unexpected, []);
  const streamsOf = async (filter: string) => [...new Set(await shared.valuesOf(filter, 'tcp.stream'))].sort();
  assert.equal(await streamsOf('_ws.expert.message contains "Unknown SCSI"'), await streamsOf('iscsi.taskmanfun.function == 8'));
});

const opcodeNames = (opcodes: Iterable<number>) => [...new Set(opcodes)].sort((a, b) => a - b).map(opcodeName);
const isRequest = (opcode: number) => opcode < Opcode.nopIn;
const numbersOf = async (filter: string, field: string) => (await shared.valuesOf(filter, field)).map(Number);

captureTest('every PDU of RFC 7143 is there, each in its direction', async () => {
  const { port } = await shared.recorded;
  const opcodes = Object.values(Opcode);
  assert.equal(opcodeNames(await numbersOf(`tcp.dstport == ${port}`, 'iscsi.opcode')), opcodeNames(opcodes.filter(isRequest)));
  // A Reject carries the header that it refuses, which Wireshark reads as well.
  const answers = (await numbersOf(`tcp.srcport == ${port}`, 'iscsi.opcode')).filter((opcode) => !isRequest(opcode));
  assert.equal(opcodeNames(answers), opcodeNames(opcodes.filter((opcode) => !isRequest(opcode))));
});

/** The values of a field, each once, as they came up. */
const inOrder = async (field: string) => [...new Set(await numbersOf(field, field))];

// Numbers, not our names of them: both halves of this repository take those from the same table.
captureTest('every SNACK, task management function, reason to log out and event has its number', async () => {
  assert.equal(await inOrder('iscsi.snack.type'), [0, 1, 2, 3], 'Data/R2T, Status, DataACK, R-Data, RFC 7143 §11.16.1');
  const functions =
    'QUERY TASK, ABORT TASK, ABORT TASK SET, CLEAR TASK SET, CLEAR ACA, LOGICAL UNIT RESET, TARGET WARM RESET, TASK REASSIGN, TARGET COLD RESET';
  assert.equal(await inOrder('iscsi.taskmanfun.function'), [9, 1, 2, 4, 3, 5, 6, 8, 7], `${functions}, RFC 7143 §11.5.1`);
  assert.equal(await inOrder('iscsi.logout.reason'), [0, 1, 2], 'the session, a connection, a connection for recovery, RFC 7143 §11.14.1');
  assert.equal(await inOrder('iscsi.logout.response'), [0]);
  assert.equal(await inOrder('iscsi.asyncevent'), [5, 4, 0, 1, 2, 3], 'FastAbort, renegotiation, sense data, logout, connection drop, session drop');
  assert.equal(await inOrder('iscsi.reject.reason'), [2, 3], 'a data digest was wrong, and a SNACK came at ErrorRecoveryLevel 0, RFC 7143 §11.17.1');
});

captureTest('the target asks whether the initiator lives, and is answered', async () => {
  const RESERVED = '0xffffffff';
  const asked = await shared.valuesOf(`iscsi.opcode == 0x20 && iscsi.targettransfertag != ${RESERVED}`, 'iscsi.targettransfertag');
  const answered = await shared.valuesOf(`iscsi.opcode == 0x00 && iscsi.targettransfertag != ${RESERVED}`, 'iscsi.targettransfertag');
  assert.ok(asked.length > 0);
  assert.equal(answered, asked);
});

captureTest('both kinds of AHS, alone and together', async () => {
  const rows = await shared.rowsOf('iscsi.ahs.type', ['iscsi.totalahslength', 'iscsi.ahs.type', 'iscsi.ahs.length', 'iscsi.ahs.bidir.length']);
  const kinds = new Set(rows.map((cells) => cells.map((values) => values.join('+')).join(' ')));
  const both = String(EXCHANGE_LENGTH);
  assert.ok(kinds.has('5 1 17 '), `an extended CDB is among ${[...kinds]}`);
  assert.ok(kinds.has(`2 2 5 ${both}`), `a read length is among ${[...kinds]}`);
  assert.ok(kinds.has(`7 1+2 17+5 ${both}`), `both are among ${[...kinds]}`);
});

/** Numbers and offsets of what the target sent for one bidirectional command. */
const R2TS_THEN_DATA = ['R2T 0 @0', 'R2T 1 @8192', 'data 2 @0', 'data 3 @4096', 'data 4 @8192', 'data 5 @12288', 'response 6'];

captureTest('R2Ts and Data-In of a bidirectional command count in one row, and its status comes alone', async () => {
  const streams = new Set(await shared.valuesOf('iscsi.ahs.bidir.length', 'tcp.stream'));
  assert.is(streams.size, 2, 'without digests, and with them');
  for (const stream of streams) {
    const pdus = parseDescription(await shared.describe(`tcp.stream == ${stream} && iscsi`));
    const long = pdus.filter(({ fields }) => fields.get('Bidirectional Read Data Length') === String(EXCHANGE_LENGTH));
    assert.is(long.length, 2, 'XDWRITEREAD (10) and (32)');
    for (const { fields } of long) {
      const answers = pdus.filter((pdu) => pdu.fields.get('InitiatorTaskTag') === fields.get('InitiatorTaskTag'));
      assert.equal(answers.flatMap(numberedAnswer), R2TS_THEN_DATA);
    }
  }
});

function numberedAnswer({ name, fields }: DescribedPdu): string[] {
  const [offset, r2tSN, dataSN] = [fields.get('BufferOffset'), fields.get('R2TSN'), fields.get('DataSN')];
  if (name === 'Ready To Transfer') return [`R2T ${r2tSN} @${offset}`];
  if (name === 'SCSI Data In') return [`data ${dataSN} @${offset}`];
  return name === 'SCSI Response' ? [`response ${Number(fields.get('ExpDataSN'))}`] : [];
}

captureTest('residuals of both directions', async () => {
  const fields = ['iscsi.scsiresponse.o', 'iscsi.scsiresponse.u', 'iscsi.scsiresponse.O', 'iscsi.scsiresponse.U'];
  const counts = ['iscsi.scsiresponse.bidireadresidualcount', 'iscsi.scsiresponse.residualcount'];
  const streams = [...new Set(await shared.valuesOf('iscsi.ahs.bidir.length', 'tcp.stream'))];
  for (const stream of streams) {
    const rows = await shared.rowsOf(`tcp.stream == ${stream} && iscsi.opcode == 0x21`, [...fields, ...counts]);
    const residuals = rows.map((cells) => cells.flat().map(Number)).filter((cells) => cells.some((cell) => cell !== 0));
    assert.equal(residuals, [
      [1, 0, 0, 0, 1024, 0],
      [0, 1, 0, 0, 2048, 0],
      [0, 0, 0, 1, 0, 2048],
    ]);
  }
});

captureTest('sense data is read as it was meant, also behind data and in an Asynchronous Message', async () => {
  const rows = await shared.rowsOf('iscsi.opcode == 0x21 && scsi.sns.key == 3', ['iscsi.expdatasn', 'scsi.sns.ascascq', 'iscsi.scsiresponse.senselength']);
  assert.equal(
    rows.map((cells) => cells.flat().map(Number)),
    [
      [2, Asc.unrecoveredReadError, SENSE_LENGTH],
      [0, Asc.unrecoveredReadError, SENSE_LENGTH],
    ],
  );
  assert.equal(await numbersOf('iscsi.asyncevent == 0', 'scsi.sns.ascascq'), [Asc.mediumMayHaveChanged]);
});

captureTest('the only wrong digest is the one that was made wrong', async () => {
  const text = await shared.describe('iscsi.headerdigest32 || iscsi.datadigest32');
  const countOf = (what: RegExp) => text.match(what)?.length ?? 0;
  assert.ok(countOf(/HeaderDigest: 0x[0-9a-f]{8} \(Good CRC32\)/g) > 100);
  assert.ok(countOf(/DataDigest: 0x[0-9a-f]{8} \(Good CRC32\)/g) > 50);
  assert.is(countOf(/HeaderDigest: 0x[0-9a-f]{8} \(Bad CRC32/g), 0);
  const wrong = parseDescription(text).filter(({ fields }) => fields.has('DataDigest'));
  assert.ok(wrong.length > 0);
  assert.is(countOf(/DataDigest: 0x[0-9a-f]{8} \(Bad CRC32/g), 1);
});

/** Key-value pairs of the PDUs of some kinds, each once. */
async function pairsOf(filter: string): Promise<string[]> {
  const text = await shared.describe(filter);
  return [...new Set([...text.matchAll(/KeyValue: (.+)/g)].map(([, pair]) => pair as string))];
}

captureTest('CHAP, one-way and mutual: names, algorithms and responses, and no secret anywhere', async () => {
  const pairs = await pairsOf('iscsi.opcode == 0x03 || iscsi.opcode == 0x23');
  for (const pair of ['CHAP_A=5', 'CHAP_A=7', `CHAP_N=${USER.name}`, `CHAP_N=${MUTUAL.name}`, 'AuthMethod=CHAP']) assert.ok(pairs.includes(pair), pair);
  assert.ok(pairs.some((pair) => pair.startsWith('CHAP_C=0x')) && pairs.some((pair) => pair.startsWith('CHAP_R=0b')));
  assert.equal(sorted(await numbersOf('iscsi.login.status', 'iscsi.login.status')), [0], 'every login succeeded');
  const bytes = readFileSync((await shared.recorded).path);
  for (const secret of Object.values(SECRETS)) assert.is(bytes.indexOf(secret), -1);
});

captureTest('discovery tells all targets by both portals, in more than one Text Response', async () => {
  const pairs = await pairsOf('iscsi.opcode == 0x24');
  assert.equal(
    pairs.filter((pair) => pair.startsWith('TargetName=')),
    TARGETS.map(({ name }) => `TargetName=${name}`),
  );
  const groups = pairs.filter((pair) => pair.startsWith('TargetAddress=')).map((pair) => pair.slice(pair.indexOf(',')));
  assert.equal(groups.sort(), [',1', ',7']);
  assert.ok((await numbersOf('iscsi.opcode == 0x24', 'iscsi.text.C')).includes(1));
});

captureTest('several connections: one row of CmdSN, digests of their own, and one leaves before the others', async () => {
  const [stream = ''] = await shared.valuesOf('iscsi.opcode == 0x03 && iscsi.cid == 2', 'tcp.stream');
  const [tsih = ''] = await shared.valuesOf(`tcp.stream == ${stream} && iscsi.opcode == 0x03`, 'iscsi.tsih');
  const streams = await shared.valuesOf(`iscsi.opcode == 0x23 && iscsi.tsih == ${tsih} && iscsi.login.T == 1 && iscsi.login.nsg == 3`, 'tcp.stream');
  assert.is(streams.length, 3);
  const ofSession = `tcp.stream in {${streams.join(',')}}`;
  assert.equal(sorted(await numbersOf(`${ofSession} && iscsi.opcode == 0x03`, 'iscsi.cid')), [0, 1, 2]);
  const cmdSNs = sorted(await numbersOf(`${ofSession} && iscsi.opcode == 0x01`, 'iscsi.cmdsn'));
  assert.ok(cmdSNs.length > 18);
  assert.is((cmdSNs.at(-1) as number) - (cmdSNs[0] as number) + 1, cmdSNs.length, 'none is left out');
  for (const each of streams) assert.ok((await numbersOf(`tcp.stream == ${each} && iscsi.opcode == 0x01`, 'iscsi.cmdsn')).length >= 6);
  assert.equal(await shared.valuesOf(`tcp.stream == ${stream}`, 'iscsi.headerdigest32'), []);
  assert.is.not((await shared.valuesOf(`tcp.stream == ${stream}`, 'iscsi.datadigest32')).length, 0);
});

/** All that is due for a read of 16 KiB, and for a write of which the first half had arrived. */
const READ_ANSWERS = ['data 0 @0', 'data 1 @4096', 'data 2 @8192', 'data 3 @12288', 'response 4'];
const WRITE_ANSWERS = ['R2T 2 @8192', 'response 0'];

captureTest('TASK REASSIGN: a read goes on with the data that did not arrive, a write is asked for the rest of its data', async () => {
  const continuations: string[][] = [];
  for (const stream of new Set(await shared.valuesOf('iscsi.taskmanfun.function == 8', 'tcp.stream'))) {
    const pdus = parseDescription(await shared.describe(`tcp.stream == ${stream} && iscsi`));
    for (const [at, { name, fields }] of pdus.entries()) {
      if (name !== 'Task Management Function' || fields.get('Function') !== 'Target') continue;
      const tag = fields.get('ReferencedTaskTag');
      continuations.push(pdus.slice(at).flatMap((pdu) => (pdu.fields.get('InitiatorTaskTag') === tag ? numberedAnswer(pdu) : [])));
    }
  }
  assert.is(continuations.length, 4, 'two by reinstatement, two by logout');
  for (const [at, continuation] of continuations.entries()) {
    assert.ok(continuation.length > 1);
    assert.equal(continuation, (at % 2 === 0 ? READ_ANSWERS : WRITE_ANSWERS).slice(-continuation.length));
  }
});

test.run();
