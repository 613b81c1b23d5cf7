import * as assert from 'uvu/assert';
import {
  BHS_LENGTH,
  crc32c,
  decodeDataIn,
  decodeLoginResponse,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  decodeTaskManagementResponse,
  emptyDataOut,
  emptyScsiCommand,
  encodeDataOut,
  encodeLoginRequest,
  encodeLogoutRequest,
  encodeLunHigh,
  encodeNopOut,
  encodeScsiCommand,
  encodeSnack,
  encodeTaskManagementRequest,
  encodeTextRequest,
  LoginStage,
  Opcode,
  opcodeName,
  paddedLength,
  RESERVED_TAG,
  readOpcode,
  writeDigest,
} from '../../../engine/pdu/index.js';
import type { Connection } from '../../../engine/session/connection.js';
import { hex } from '../../support/assert-bytes.js';
import type { SentPdu } from '../task/recording-output.js';
import { MemoryTransport } from './memory-transport.js';
import { BLOCK, type Scene, TARGET_NAME } from './scene.js';

export interface LoginChoices {
  readonly initiatorName?: string;
  readonly targetName?: string;
  readonly isid?: string;
  readonly tsih?: number;
  readonly cid?: number;
  readonly cmdSN?: number;
  readonly expStatSN?: number;
  readonly keys?: readonly string[];
  readonly discovery?: boolean;
}

export interface CommandChoices {
  readonly lun?: number;
  readonly immediate?: boolean;
  readonly attribute?: number;
  readonly cmdSN?: number;
  readonly initiatorTaskTag?: number;
  /** Bytes of Data-In the initiator takes; sets R. */
  readonly read?: number;
  /** Bytes of Data-Out the initiator offers; sets W. */
  readonly write?: number;
  readonly data?: Uint8Array;
  /** False when an unsolicited Data-Out sequence follows. */
  readonly final?: boolean;
  readonly ahs?: Uint8Array;
  /** The data digest is wrong. */
  readonly corrupt?: boolean;
}

export interface DataOutChoices {
  readonly targetTransferTag?: number;
  readonly dataSN?: number;
  readonly bufferOffset?: number;
  readonly final?: boolean;
  /** The data digest is wrong. */
  readonly corrupt?: boolean;
}

let portCount = 0;

/** An initiator at the other end of a `MemoryTransport`: builds PDUs and numbers them, and decodes what comes back. */
export class TestInitiator {
  readonly transport: MemoryTransport;
  /** What all connections of a session share. */
  #numbers = { cmdSN: 1, tag: 0x100 };
  /** What it says of the answers that have arrived; a test moves it on. */
  expStatSN = 1;
  /** Called between a header and its data segment, which then come in two chunks. */
  betweenChunks: (() => void) | null = null;
  readonly #lunByTag = new Map<number, number>();
  #digests = { header: false, data: false };

  constructor(scene: Scene, remoteAddress?: string) {
    this.transport = new MemoryTransport(scene.context, remoteAddress);
  }

  get cmdSN(): number {
    return this.#numbers.cmdSN;
  }

  set cmdSN(cmdSN: number) {
    this.#numbers.cmdSN = cmdSN;
  }

  /** Another connection of the session that `first` has opened; answers the Login Response. */
  join(first: TestInitiator, choices: LoginChoices & { readonly tsih: number }) {
    this.#numbers = first.#numbers;
    return this.login({ cmdSN: first.cmdSN, ...choices });
  }

  /** The task tag that was chosen last. */
  get lastTag(): number {
    return this.#numbers.tag - 1;
  }

  get connection(): Connection {
    return this.transport.connection;
  }

  /** Logs in with one request and takes the response. */
  login(choices: LoginChoices = {}): { status: number; tsih: number; statSN: number; expCmdSN: number; maxCmdSN: number } {
    this.cmdSN = choices.cmdSN ?? 1;
    this.expStatSN = choices.expStatSN ?? 1;
    const type = choices.discovery === true ? ['SessionType=Discovery'] : ['SessionType=Normal', `TargetName=${choices.targetName ?? TARGET_NAME}`];
    const keys = [`InitiatorName=${choices.initiatorName ?? `iqn.2024-01.test:host${++portCount}`}`, ...type, ...(choices.keys ?? [])];
    const text = Buffer.from(keys.map((key) => `${key}\0`).join(''));
    const { header, view } = newHeader();
    const stages = { transit: true, continue: false, currentStage: LoginStage.loginOperationalNegotiation, nextStage: LoginStage.fullFeaturePhase };
    const names = { isid: choices.isid ?? '800000000001', tsih: choices.tsih ?? 0, initiatorTaskTag: 1, cid: choices.cid ?? 0, versionMax: 0, versionMin: 0 };
    encodeLoginRequest({ ...stages, ...names, cmdSN: this.cmdSN, expStatSN: this.expStatSN }, text.length, view, 0);
    this.#push(header, text);
    this.#digests = this.transport.digests;
    const [sent, ...more] = this.transport.output.take();
    assert.is(more.length, 0, 'one Login Response');
    assert.ok(sent !== undefined, 'a Login Response');
    return decodeLoginResponse(sent.header, 0);
  }

  /** Sends a SCSI Command and answers its task tag. */
  command(cdb: string, choices: CommandChoices = {}): number {
    const { header, view } = newHeader();
    const pdu = emptyScsiCommand();
    pdu.initiatorTaskTag = choices.initiatorTaskTag ?? this.#numbers.tag++;
    pdu.immediate = choices.immediate ?? false;
    pdu.attribute = choices.attribute ?? 1;
    pdu.lunHigh = encodeLunHigh(choices.lun ?? 0);
    this.#lunByTag.set(pdu.initiatorTaskTag, choices.lun ?? 0);
    pdu.read = choices.read !== undefined;
    pdu.write = choices.write !== undefined;
    pdu.expectedDataTransferLength = choices.write ?? choices.read ?? 0;
    pdu.final = choices.final ?? true;
    pdu.cmdSN = this.#takeCmdSN(pdu.immediate, choices.cmdSN);
    pdu.expStatSN = this.expStatSN;
    const ahs = choices.ahs ?? new Uint8Array(0);
    encodeScsiCommand(pdu, hex(cdb), ahs.length, choices.data?.length ?? 0, view, 0);
    this.#push(Buffer.concat([header, ahs]), choices.data, choices.corrupt);
    return pdu.initiatorTaskTag;
  }

  /** READ (10) of whole blocks. */
  read(lba: number, lbaCount: number, choices: CommandChoices = {}): number {
    return this.command(cdb10(0x28, lba, lbaCount), { read: lbaCount * BLOCK, ...choices });
  }

  /** WRITE (10) of whole blocks; with `data` as immediate data. */
  write(lba: number, lbaCount: number, choices: CommandChoices = {}): number {
    return this.command(cdb10(0x2a, lba, lbaCount), { write: lbaCount * BLOCK, ...choices });
  }

  dataOut(initiatorTaskTag: number, data: Uint8Array, choices: DataOutChoices = {}): void {
    const { header, view } = newHeader();
    const pdu = emptyDataOut();
    pdu.initiatorTaskTag = initiatorTaskTag;
    pdu.targetTransferTag = choices.targetTransferTag ?? RESERVED_TAG;
    pdu.dataSN = choices.dataSN ?? 0;
    pdu.bufferOffset = choices.bufferOffset ?? 0;
    pdu.final = choices.final ?? true;
    pdu.expStatSN = this.expStatSN;
    encodeDataOut(pdu, data.length, view, 0);
    this.#push(header, data, choices.corrupt);
  }

  /** An immediate Task Management Function Request; answers its tag. */
  taskManagement(
    functionCode: number,
    choices: { lun?: number; referencedTaskTag?: number; cmdSN?: number; refCmdSN?: number; expDataSN?: number } = {},
  ): number {
    const { header, view } = newHeader();
    const initiatorTaskTag = this.#numbers.tag++;
    const immediate = choices.cmdSN === undefined;
    encodeTaskManagementRequest(
      {
        immediate,
        function: functionCode,
        // That of the task it names, unless the test has another in mind.
        lunHigh: encodeLunHigh(choices.lun ?? this.#lunByTag.get(choices.referencedTaskTag ?? RESERVED_TAG) ?? 0),
        lunLow: 0,
        initiatorTaskTag,
        referencedTaskTag: choices.referencedTaskTag ?? RESERVED_TAG,
        refCmdSN: choices.refCmdSN ?? 0,
        expDataSN: choices.expDataSN ?? 0,
        cmdSN: this.#takeCmdSN(immediate, choices.cmdSN),
        expStatSN: this.expStatSN,
      },
      view,
      0,
    );
    this.#push(header);
    return initiatorTaskTag;
  }

  nopOut(choices: { initiatorTaskTag?: number; targetTransferTag?: number; immediate?: boolean; cmdSN?: number; data?: Uint8Array } = {}): number {
    const { header, view } = newHeader();
    const initiatorTaskTag = choices.initiatorTaskTag ?? this.#numbers.tag++;
    const immediate = choices.immediate ?? false;
    const targetTransferTag = choices.targetTransferTag ?? RESERVED_TAG;
    const cmdSN = this.#takeCmdSN(immediate, choices.cmdSN);
    encodeNopOut(
      { immediate, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag, cmdSN, expStatSN: this.expStatSN },
      choices.data?.length ?? 0,
      view,
      0,
    );
    this.#push(header, choices.data);
    return initiatorTaskTag;
  }

  /** A SNACK Request; BegRun and RunLength 0 mean all that is not acknowledged. */
  snack(type: number, choices: { initiatorTaskTag?: number; targetTransferTag?: number; begRun?: number; runLength?: number } = {}): void {
    const { header, view } = newHeader();
    const { initiatorTaskTag = RESERVED_TAG, targetTransferTag = RESERVED_TAG, begRun = 0, runLength = 0 } = choices;
    encodeSnack({ type, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag, expStatSN: this.expStatSN, begRun, runLength }, view, 0);
    this.#push(header);
  }

  /** An immediate Text Request of one PDU; answers its tag. */
  text(keys: string): number {
    const { header, view } = newHeader();
    const initiatorTaskTag = this.#numbers.tag++;
    const tags = { initiatorTaskTag, targetTransferTag: RESERVED_TAG };
    const numbers = { cmdSN: this.cmdSN, expStatSN: this.expStatSN };
    const data = Buffer.from(keys);
    encodeTextRequest({ immediate: true, final: true, continue: false, lunHigh: 0, lunLow: 0, ...tags, ...numbers }, data.length, view, 0);
    this.#push(header, data);
    return initiatorTaskTag;
  }

  logout(choices: { reason?: number; cmdSN?: number; cid?: number } = {}): number {
    const { header, view } = newHeader();
    const initiatorTaskTag = this.#numbers.tag++;
    const numbers = { cmdSN: this.#takeCmdSN(false, choices.cmdSN), expStatSN: this.expStatSN };
    encodeLogoutRequest({ immediate: false, reason: choices.reason ?? 0, initiatorTaskTag, cid: choices.cid ?? 0, ...numbers }, view, 0);
    this.#push(header);
    return initiatorTaskTag;
  }

  /** PDUs sent to us since the last call. */
  take(): SentPdu[] {
    return this.transport.output.take();
  }

  /** The one PDU sent to us since the last call. */
  takeOne(opcode: number): SentPdu {
    const sent = this.take();
    assert.is(sent.length, 1, `one PDU, not ${sent.map((pdu) => opcodeName(readOpcode(pdu.header, 0))).join(', ')}`);
    const pdu = sent[0] as SentPdu;
    assert.is(opcodeName(readOpcode(pdu.header, 0)), opcodeName(opcode));
    return pdu;
  }

  takeResponse() {
    const pdu = this.takeOne(Opcode.scsiResponse);
    return { ...decodeScsiResponse(pdu.header, 0), sense: senseText(pdu.data) };
  }

  takeDataIn() {
    const pdu = this.takeOne(Opcode.dataIn);
    return { ...decodeDataIn(pdu.header, 0), data: pdu.data, isView: pdu.isView };
  }

  takeR2T() {
    return decodeReadyToTransfer(this.takeOne(Opcode.readyToTransfer).header, 0);
  }

  takeReject() {
    const pdu = this.takeOne(Opcode.reject);
    return { ...decodeReject(pdu.header, 0), rejected: pdu.data };
  }

  takeTaskManagementResponse() {
    return decodeTaskManagementResponse(this.takeOne(Opcode.taskManagementResponse).header, 0);
  }

  assertSilent(): void {
    assert.equal(
      this.take().map((pdu) => opcodeName(readOpcode(pdu.header, 0))),
      [],
    );
  }

  /** Reports away the unit attention of the new nexus on every logical unit. */
  clearUnitAttentions(luns: readonly number[] = [0, 1, 2, 3]): this {
    for (const lun of luns) {
      this.command('00', { lun });
      assert.is(this.takeResponse().status, 2, 'CHECK CONDITION for the unit attention');
    }
    this.transport.output.flush();
    return this;
  }

  #takeCmdSN(immediate: boolean, given: number | undefined): number {
    if (given !== undefined) return given;
    const { cmdSN } = this;
    if (!immediate) this.cmdSN = (cmdSN + 1) >>> 0;
    return cmdSN;
  }

  /** Sends a header and its data with the digests that were negotiated. */
  #push(header: Uint8Array, data: Uint8Array = new Uint8Array(0), corrupt = false): void {
    const parts = [header];
    if (this.#digests.header) parts.push(digestOf(header));
    if (data.length > 0) {
      const padded = Buffer.concat([data, Buffer.alloc(paddedLength(data.length) - data.length)]);
      parts.push(padded);
      if (this.#digests.data) parts.push(digestOf(padded, corrupt));
    }
    const [first, ...rest] = parts as [Uint8Array, ...Uint8Array[]];
    if (this.betweenChunks === null || rest.length === 0) {
      this.transport.receive(Buffer.concat(parts));
      return;
    }
    this.transport.receive(first);
    this.betweenChunks();
    this.transport.receive(Buffer.concat(rest));
  }
}

function newHeader(): { header: Uint8Array; view: DataView } {
  const header = new Uint8Array(BHS_LENGTH);
  return { header, view: new DataView(header.buffer) };
}

function digestOf(bytes: Uint8Array, corrupt = false): Uint8Array {
  const digest = new Uint8Array(4);
  writeDigest(crc32c(bytes, 0, bytes.length) ^ (corrupt ? 1 : 0), new DataView(digest.buffer), 0);
  return digest;
}

/** The CDB of a ten-byte command on an extent, in hex digits. */
export function cdb10(opcode: number, lba: number, lbaCount: number): string {
  const cdb = Buffer.alloc(10);
  cdb[0] = opcode;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb.toString('hex');
}

/** Key and code of the sense data in a SCSI Response's data segment, as `05/24/00`; the empty string when there is none. */
function senseText(segment: Buffer): string {
  if (segment.length === 0) return '';
  assert.is(segment.readUInt16BE(0), segment.length - 2, 'SenseLength');
  return [4, 14, 15].map((at) => segment.toString('hex', at, at + 1)).join('/');
}

/** A scene with one initiator that has logged in and been told of power on. */
export function loggedIn(scene: Scene, choices: LoginChoices = {}): TestInitiator {
  const initiator = new TestInitiator(scene);
  assert.is(initiator.login(choices).status, 0, 'login succeeds');
  return initiator.clearUnitAttentions();
}
