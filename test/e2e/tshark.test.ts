import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, opcodeName } from '../../engine/pdu/index.js';
import { captureTest, FAULTS, LOST_PACKETS, NEW_CONNECTIONS, NOT_DISSECTED, SharedCapture } from '../support/capture-test.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { describeFrames, PacketCapture } from '../support/packet-capture.js';
import { CONNECTION_COUNT, PING_TEXT, recordSessions } from './recorded-sessions.js';

// A dissector that shares no code with us reads what we say: PDUs that both halves of this repository get wrong in the same way
// would show here.

const TARGET_NAME = 'iqn.2026-11.io.lunloom:capture';
const LAB = {
  targets: [
    {
      name: TARGET_NAME,
      luns: [
        { lun: 0, store: 'ram:16MiB', execution: 'inline', vendor: 'ACME', product: 'Anvil' },
        { lun: 1, store: 'ram:16MiB', 'block-size': 4096, execution: 'pool' },
      ],
    },
  ],
  limits: { nopInIntervalMs: 1000 },
};

/** `…,t,0x0001`, ended by at least one zero byte and padded to a multiple of four. SPC-4 "SCSI name string designator format". */
const NAME_DESIGNATOR_LENGTH = Math.ceil((TARGET_NAME.length + ',t,0x0001'.length + 1) / 4) * 4;

async function record(): Promise<PacketCapture> {
  const lunloom = await LunloomProcess.start({ config: LAB });
  const capture = await PacketCapture.start(lunloom.port).catch(async (error: unknown) => {
    await lunloom.kill();
    throw error;
  });
  try {
    await recordSessions(lunloom);
    await capture.stop();
  } catch (error) {
    capture.remove();
    await lunloom.kill();
    throw error;
  }
  assert.is(lunloom.stderr, '');
  return capture;
}

const shared = new SharedCapture(record);
test.after(() => shared.remove());

const summarize = (filter: string, path?: string) => shared.summarize(filter, path);
const valuesOf = (filter: string, field: string) => shared.valuesOf(filter, field);

captureTest('the capture is whole: every connection from its first to its last packet', async () => {
  assert.equal(await summarize(LOST_PACKETS), []);
  assert.is((await summarize(NEW_CONNECTIONS)).length, CONNECTION_COUNT);
  assert.equal(await summarize('tcp.flags.reset == 1'), []);
});

captureTest('Wireshark finds nothing malformed, and all of it is iSCSI', async () => {
  assert.equal(await summarize(FAULTS), []);
  assert.equal(await summarize(NOT_DISSECTED), []);
});

/** Requests of an initiator and the PDU that ends each. */
const ANSWERS = [
  [Opcode.loginRequest, Opcode.loginResponse],
  [Opcode.textRequest, Opcode.textResponse],
  [Opcode.taskManagementRequest, Opcode.taskManagementResponse],
  [Opcode.logoutRequest, Opcode.logoutResponse],
  [Opcode.nopOut, Opcode.nopIn],
] as const;

captureTest('Wireshark counts an answer for each request', async () => {
  const opcodes = (await valuesOf('iscsi', 'iscsi.opcode')).map(Number);
  const countOf = (opcode: number) => opcodes.filter((each) => each === opcode).length;
  for (const [request, answer] of ANSWERS) {
    assert.ok(countOf(request) > 0, `${opcodeName(request)} was sent`);
    assert.is(countOf(answer), countOf(request), `${opcodeName(answer)} to ${opcodeName(request)}`);
  }
  // The status of a command comes alone or with its last data.
  const withData = (await valuesOf('iscsi.opcode == 0x25', 'iscsi.scsidata.S')).filter((bit) => bit === '1').length;
  assert.ok(withData > 0 && countOf(Opcode.scsiResponse) > 0);
  assert.is(countOf(Opcode.scsiResponse) + withData, countOf(Opcode.scsiCommand));
  assert.is(countOf(Opcode.dataOut), countOf(Opcode.readyToTransfer));
  assert.ok(countOf(Opcode.readyToTransfer) >= 8, 'a long write is asked for in bursts');
  assert.is(countOf(Opcode.asyncMessage), 1);
  assert.is(countOf(Opcode.reject), 1);
  // A Reject carries the header that it refuses, and Wireshark reads that too.
  assert.is(countOf(Opcode.snackRequest), 2);
});

captureTest('Wireshark reads from INQUIRY, READ CAPACITY and sense data what was meant', async () => {
  const vendors = new Set((await valuesOf('scsi.inquiry.vendor_id', 'scsi.inquiry.vendor_id')).map((vendor) => vendor.trim()));
  assert.equal([...vendors].sort(), ['ACME', 'LUNLOOM']);
  const senses = await valuesOf('scsi.sns.key', 'scsi.sns.ascascq');
  for (const sense of ['0x2100', '0x2900']) assert.ok(senses.includes(sense), `${sense} is among ${senses}`);
  const { port } = await shared.recorded;
  const targets = await shared.describe('iscsi.opcode == 0x24');
  assert.match(targets, `KeyValue: TargetName=${TARGET_NAME}`);
  assert.match(targets, `KeyValue: TargetAddress=127.0.0.1:${port},1`);
  assert.match(targets, 'KeyValue: X-com.example.unknown=NotUnderstood');
});

captureTest('Wireshark finds every digest right', async () => {
  const text = await shared.describe('iscsi.headerdigest32');
  const countOf = (what: RegExp) => text.match(what)?.length ?? 0;
  assert.ok(countOf(/HeaderDigest: 0x[0-9a-f]{8} \(Good CRC32\)/g) > 40);
  assert.ok(countOf(/DataDigest: 0x[0-9a-f]{8} \(Good CRC32\)/g) > 20);
  assert.is(countOf(/Bad CRC32/g), 0);
});

/** A copy of the capture in which `to` stands wherever `from` stood; both have the same length. */
async function spoil(from: Uint8Array, to: Uint8Array): Promise<string> {
  const { path } = await shared.recorded;
  const bytes = readFileSync(path);
  let count = 0;
  for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from, at + 1), count++) bytes.set(to, at);
  assert.ok(count > 0, 'the capture holds what is to be spoilt');
  writeFileSync(`${path}.spoilt`, bytes);
  return `${path}.spoilt`;
}

captureTest('Wireshark would have seen a wrong digest and a malformed page', async () => {
  const { port } = await shared.recorded;
  const wrongDigests = await describeFrames(await spoil(Buffer.from(PING_TEXT), Buffer.from(PING_TEXT.toUpperCase())), port, 'iscsi.headerdigest32');
  assert.is(wrongDigests.match(/DataDigest: 0x[0-9a-f]{8} \(Bad CRC32/g)?.length, 2, 'of the ping and of its answer');
  // A designator of page 83h that claims to be longer than the page.
  const name = Buffer.from(`${TARGET_NAME},t,`);
  const padded = (lengthBytes: number) => Buffer.concat([Buffer.of(0x53, 0x98, 0x00, lengthBytes), name]);
  const path = await spoil(padded(NAME_DESIGNATOR_LENGTH), padded(0xff));
  assert.is((await summarize(FAULTS, path)).length, 2, 'in both sessions');
});

test.run();
