import * as assert from 'uvu/assert';
import { decodeDataIn, decodeScsiResponse, Opcode, opcodeName, readOpcode } from '../../../engine/pdu/index.js';
import { serialDifference } from '../../../engine/session/command-window.js';
import type { SentPdu } from '../task/recording-output.js';
import { Lun, type Scene } from './scene.js';
import { type LoginChoices, loggedIn, TestInitiator } from './test-initiator.js';

export const PORT = { initiatorName: 'iqn.2024-01.test:recovering', isid: '80000000000a' };
/** What DefaultTime2Wait and DefaultTime2Retain come to by default. */
export const RETAIN_MS = 22_000;

export function keysOf(errorRecoveryLevel: number, ...more: string[]): string[] {
  return [
    `ErrorRecoveryLevel=${errorRecoveryLevel}`,
    'MaxConnections=4',
    'MaxRecvDataSegmentLength=1024',
    'MaxBurstLength=2048',
    'FirstBurstLength=2048',
    ...more,
  ];
}

/** An initiator of a session of this level that owes no acknowledgement. */
export function recovering(scene: Scene, errorRecoveryLevel: number, choices: LoginChoices = {}, ...keys: string[]): TestInitiator {
  const initiator = loggedIn(scene, { ...PORT, keys: keysOf(errorRecoveryLevel, ...keys), ...choices });
  acknowledge(initiator);
  return initiator;
}

/** One more connection of the session of `first`. */
export function joined(scene: Scene, first: TestInitiator, cid: number, choices: LoginChoices = {}): TestInitiator {
  const initiator = new TestInitiator(scene);
  const { tsih } = first.connection.session;
  assert.is(initiator.join(first, { ...PORT, tsih, cid, keys: ['MaxRecvDataSegmentLength=1024'], ...choices }).status, 0, 'the connection joins');
  return initiator;
}

/** Tells the target that all it has sent so far has arrived, without asking for an answer. */
export function acknowledge(initiator: TestInitiator): void {
  initiator.expStatSN = initiator.connection.statSN;
  initiator.nopOut({ immediate: true, initiatorTaskTag: 0xffffffff });
}

/** PDUs in short: `data 3 @1024 +512 F S`, `status 0`, `r2t 0`, names of others. */
export function shortly(sent: readonly SentPdu[]): string[] {
  return sent.map(({ header, data }) => {
    const opcode = readOpcode(header, 0);
    if (opcode === Opcode.dataIn) {
      const pdu = decodeDataIn(header, 0);
      const flags = `${pdu.final ? ' F' : ''}${pdu.acknowledge ? ' A' : ''}${pdu.statusPresent ? ' S' : ''}`;
      return `data ${pdu.dataSN} @${pdu.bufferOffset} +${data.length}${flags}`;
    }
    if (opcode === Opcode.scsiResponse) return `status ${decodeScsiResponse(header, 0).status}`;
    if (opcode === Opcode.readyToTransfer) return `r2t ${header.getUint32(36)} @${header.getUint32(40)} +${header.getUint32(44)}`;
    if (opcode === Opcode.reject) return `reject ${header.getUint8(2)}`;
    return opcodeName(opcode);
  });
}

export function statSNOf({ header }: SentPdu): number {
  return header.getUint32(24);
}

/** All is answered and acknowledged, and nothing is left anywhere. */
export function finishRecovery(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.transport.output.flush();
    if (!initiator.connection.isOpen) continue;
    assert.ok(serialDifference(initiator.connection.statSN, initiator.expStatSN) >= 0);
    acknowledge(initiator);
    assert.ok(initiator.connection.retransmission?.isEmpty ?? true, 'nothing waits for an acknowledgement');
  }
  scene.assertIdle();
  assert.is(scene.admission.retainedBytes, 0, 'bytes kept to be sent again');
}

/** Puts a pattern into the store that no two blocks share, and answers a part of it. */
export function patterned(scene: Scene, lun: number = Lun.copy): (lba: number, lbaCount: number) => Buffer {
  const { bytes } = scene.stores[lun] as { bytes: Uint8Array };
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at >> 9) + at * 7;
  return (lba, lbaCount) => Buffer.from(bytes.subarray(lba * 512, (lba + lbaCount) * 512));
}

export function joinedData(sent: readonly SentPdu[]): Buffer {
  return Buffer.concat(sent.filter(({ header }) => readOpcode(header, 0) === Opcode.dataIn).map(({ data }) => data));
}
