import * as assert from 'uvu/assert';
import {
  BHS_LENGTH,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  encodeDataOut,
  encodeLogoutRequest,
  encodeLunHigh,
  encodeNopOut,
  encodeScsiCommand,
  encodeTaskManagementRequest,
  encodeTextRequest,
  LogoutReason,
  Opcode,
  opcodeName,
  RESERVED_TAG,
  type ReadyToTransferPdu,
  type ScsiResponsePdu,
  TaskAttribute,
} from '../../engine/pdu/index.js';
import {
  cdb as cdbs,
  framePdu,
  type LoginPhaseOptions,
  type LoginResult,
  RawConnection,
  type ReceivedPdu,
  type SendPduOptions,
} from '../../initiator/index.js';

const ANSWER_MS_MAX = 5_000;
const QUIET_MS = 60;

/** A PDU that is sent as told: framing only adds what `corrupt…` and the digests of the connection ask for. */
type Framing = Pick<SendPduOptions, 'corruptHeaderDigest' | 'corruptDataDigest'>;

interface Numbered {
  readonly immediate?: boolean;
  /** The next one unless told; told ones do not count. */
  readonly cmdSN?: number;
  readonly initiatorTaskTag?: number;
}

export interface CommandFields extends Numbered, Framing {
  readonly lun?: number;
  readonly cdb: Uint8Array;
  readonly read?: boolean;
  readonly write?: boolean;
  readonly final?: boolean;
  readonly attribute?: number;
  /** EDTL. */
  readonly expectedLength?: number;
  readonly data?: Uint8Array;
  readonly ahs?: Uint8Array;
  /** What the header says, when it is to lie. */
  readonly totalAHSLengthBytes?: number;
  readonly dataSegmentLength?: number;
}

export interface DataOutFields extends Framing {
  readonly lun?: number;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag?: number;
  readonly dataSN?: number;
  readonly bufferOffset?: number;
  readonly final?: boolean;
  readonly data: Uint8Array;
}

export type HostileLoginOptions = LoginPhaseOptions;

/**
 * An initiator that says what it is told, right or wrong, one PDU at a time: builders answer the bytes of a PDU, `send` puts
 * any of them on the wire in one piece.
 */
export class HostileInitiator {
  readonly raw: RawConnection;
  cmdSN = 1;
  expStatSN = 0;
  #login: LoginResult | null = null;
  #nextTag = 0x1000;

  private constructor(raw: RawConnection) {
    this.raw = raw;
  }

  static async connect(port: number): Promise<HostileInitiator> {
    return new HostileInitiator(await RawConnection.connect('127.0.0.1', port));
  }

  /** Logs in and takes the unit attentions of LUNs 0 to 2. */
  static async login(port: number, options: HostileLoginOptions): Promise<HostileInitiator> {
    const initiator = await HostileInitiator.connect(port);
    initiator.#login = await initiator.raw.login({ initiatorName: 'iqn.2025-01.dev.lunloom:attacker', ...options });
    initiator.cmdSN = initiator.login.cmdSN;
    initiator.expStatSN = initiator.login.expStatSN;
    if (options.sessionType !== 'Discovery') for (const lun of [0, 1, 2]) await initiator.#clearUnitAttentions(lun);
    return initiator;
  }

  get login(): LoginResult {
    assert.ok(this.#login !== null, 'this connection has logged in');
    return this.#login;
  }

  takeTag(): number {
    return this.#nextTag++;
  }

  send(...pdus: Uint8Array[]): void {
    this.raw.sendBytes(pdus.length === 1 ? (pdus[0] as Uint8Array) : Buffer.concat(pdus));
  }

  destroy(): void {
    this.raw.destroy();
  }

  // --- Builders ----------------------------------------------------------------------------------------------------

  command(fields: CommandFields): Buffer {
    const { cdb, read = false, write = false, final = true, data, ahs } = fields;
    const immediate = fields.immediate ?? false;
    const header = this.#header((view) =>
      encodeScsiCommand(
        {
          immediate,
          final,
          read,
          write,
          attribute: fields.attribute ?? TaskAttribute.simple,
          lunHigh: encodeLunHigh(fields.lun ?? 0),
          lunLow: 0,
          initiatorTaskTag: fields.initiatorTaskTag ?? this.takeTag(),
          expectedDataTransferLength: fields.expectedLength ?? 0,
          cmdSN: this.#takeCmdSN(fields),
          expStatSN: this.expStatSN,
        },
        cdb,
        fields.totalAHSLengthBytes ?? ahs?.length ?? 0,
        fields.dataSegmentLength ?? data?.length ?? 0,
        view,
        0,
      ),
    );
    return this.#frame(header, fields, data, ahs);
  }

  /** WRITE (10) of `expectedLength` bytes at `lba`; as much of it in the PDU as `data` says. */
  write(lba: number, expectedLength: number, fields: Omit<CommandFields, 'cdb' | 'write' | 'expectedLength'> = {}): Buffer {
    return this.command({ cdb: cdbs.writeCdb(10, lba, expectedLength / 512), write: true, expectedLength, ...fields });
  }

  read(lba: number, expectedLength: number, fields: Omit<CommandFields, 'cdb' | 'read' | 'expectedLength'> = {}): Buffer {
    return this.command({ cdb: cdbs.readCdb(10, lba, expectedLength / 512), read: true, expectedLength, ...fields });
  }

  testUnitReady(fields: Omit<CommandFields, 'cdb'> = {}): Buffer {
    return this.command({ cdb: cdbs.testUnitReadyCdb(), ...fields });
  }

  dataOut(fields: DataOutFields): Buffer {
    const { initiatorTaskTag, targetTransferTag = RESERVED_TAG, dataSN = 0, bufferOffset = 0, final = true, data } = fields;
    const lunHigh = encodeLunHigh(fields.lun ?? 0);
    const pdu = { final, lunHigh, lunLow: 0, initiatorTaskTag, targetTransferTag, expStatSN: this.expStatSN, dataSN, bufferOffset };
    return this.#frame(
      this.#header((view) => encodeDataOut(pdu, data.length, view, 0)),
      fields,
      data,
    );
  }

  /** A NOP-Out that wants an answer, unless its tag is the reserved one. */
  ping(data: Uint8Array = new Uint8Array(0), fields: Numbered & Framing = {}): Buffer {
    const { immediate = false, initiatorTaskTag = this.takeTag() } = fields;
    const pdu = {
      immediate,
      lunHigh: 0,
      lunLow: 0,
      initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      cmdSN: this.#takeCmdSN(fields),
      expStatSN: this.expStatSN,
    };
    return this.#frame(
      this.#header((view) => encodeNopOut(pdu, data.length, view, 0)),
      fields,
      data,
    );
  }

  text(data: Uint8Array, fields: Numbered & { readonly final?: boolean; readonly continue?: boolean; readonly targetTransferTag?: number } = {}): Buffer {
    const { immediate = false, initiatorTaskTag = this.takeTag(), targetTransferTag = RESERVED_TAG } = fields;
    const flags = { final: fields.final ?? true, continue: fields.continue ?? false };
    const pdu = { immediate, ...flags, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag, cmdSN: this.#takeCmdSN(fields), expStatSN: this.expStatSN };
    return this.#frame(
      this.#header((view) => encodeTextRequest(pdu, data.length, view, 0)),
      {},
      data,
    );
  }

  taskManagement(
    fields: Numbered & { readonly function: number; readonly lun?: number; readonly referencedTaskTag?: number; readonly refCmdSN?: number },
  ): Buffer {
    const { immediate = true, initiatorTaskTag = this.takeTag(), referencedTaskTag = RESERVED_TAG, refCmdSN = 0, lun = 0 } = fields;
    const target = { function: fields.function, lunHigh: encodeLunHigh(lun), lunLow: 0, referencedTaskTag, refCmdSN, expDataSN: 0 };
    const pdu = { immediate, initiatorTaskTag, ...target, cmdSN: this.#takeCmdSN({ ...fields, immediate }), expStatSN: this.expStatSN };
    return this.#frame(
      this.#header((view) => encodeTaskManagementRequest(pdu, view, 0)),
      {},
    );
  }

  logout(fields: Numbered = {}): Buffer {
    const { immediate = true, initiatorTaskTag = this.takeTag() } = fields;
    const pdu = {
      immediate,
      reason: LogoutReason.closeSession,
      initiatorTaskTag,
      cid: 0,
      cmdSN: this.#takeCmdSN({ ...fields, immediate }),
      expStatSN: this.expStatSN,
    };
    return this.#frame(
      this.#header((view) => encodeLogoutRequest(pdu, view, 0)),
      {},
    );
  }

  /** A header of zeros but for an opcode, a tag and a CmdSN, framed with `data`. */
  bare(opcode: number, data: Uint8Array = new Uint8Array(0)): Buffer {
    const header = this.#header((view) => {
      view.setUint8(0, opcode);
      view.setUint8(1, 0x80);
      view.setUint32(4, data.length);
      view.setUint32(16, this.takeTag());
      view.setUint32(24, this.cmdSN);
    });
    return this.#frame(header, {}, data);
  }

  #header(encode: (view: DataView) => void): Buffer {
    const header = Buffer.alloc(BHS_LENGTH);
    encode(new DataView(header.buffer, header.byteOffset, BHS_LENGTH));
    return header;
  }

  #frame(header: Buffer, framing: Framing, data?: Uint8Array, ahs?: Uint8Array): Buffer {
    const { headerDigest, dataDigest } = this.raw.wire;
    const { corruptHeaderDigest = false, corruptDataDigest = false } = framing;
    return framePdu(header, { headerDigest, dataDigest, corruptHeaderDigest, corruptDataDigest, ...(data ? { data } : {}), ...(ahs ? { ahs } : {}) });
  }

  #takeCmdSN({ cmdSN, immediate = false }: Numbered): number {
    if (cmdSN !== undefined) return cmdSN >>> 0;
    const next = this.cmdSN;
    if (!immediate) this.cmdSN = (next + 1) >>> 0;
    return next;
  }

  // --- Answers -----------------------------------------------------------------------------------------------------

  /** The next PDU, which must have this opcode. */
  async expect(opcode: number): Promise<ReceivedPdu> {
    const pdu = await this.raw.nextPdu(ANSWER_MS_MAX);
    assert.is(opcodeName(pdu.opcode), opcodeName(opcode));
    this.#noteStatSN(pdu);
    return pdu;
  }

  /** The next PDU must be a Reject for this reason that sends back the header of `rejected`. RFC 7143 §11.17. */
  async expectReject(reason: number, rejected?: Uint8Array): Promise<void> {
    const pdu = await this.expect(Opcode.reject);
    assert.is(decodeReject(pdu.view, 0).reason, reason, 'the reason of the Reject');
    if (rejected !== undefined) assert.equal(pdu.data.toString('hex'), Buffer.from(rejected.subarray(0, BHS_LENGTH)).toString('hex'), 'the rejected header');
  }

  async expectResponse(initiatorTaskTag: number): Promise<ScsiResponsePdu & { readonly sense: Buffer }> {
    const pdu = await this.expect(Opcode.scsiResponse);
    const response = decodeScsiResponse(pdu.view, 0);
    assert.is(response.initiatorTaskTag, initiatorTaskTag, 'the tag of the response');
    return { ...response, sense: pdu.data.subarray(2) };
  }

  async expectStatus(initiatorTaskTag: number, status: number): Promise<void> {
    assert.is((await this.expectResponse(initiatorTaskTag)).status, status, 'the status of the command');
  }

  /** CHECK CONDITION with this sense key, ASC and ASCQ (fixed or descriptor format). RFC 7143 §11.4.7.2. */
  async expectSense(initiatorTaskTag: number, key: number, ascAscq: number): Promise<void> {
    const { status, sense } = await this.expectResponse(initiatorTaskTag);
    assert.is(status, 0x02, 'CHECK CONDITION');
    const fixed = ((sense[0] as number) & 0x7e) === 0x70;
    assert.is((sense[fixed ? 2 : 1] as number) & 0x0f, key, 'the sense key');
    assert.is(sense.readUInt16BE(fixed ? 12 : 2).toString(16), ascAscq.toString(16), 'ASC and ASCQ');
  }

  async expectR2T(initiatorTaskTag: number): Promise<ReadyToTransferPdu> {
    const r2t = decodeReadyToTransfer((await this.expect(Opcode.readyToTransfer)).view, 0);
    assert.is(r2t.initiatorTaskTag, initiatorTaskTag, 'the tag of the R2T');
    return r2t;
  }

  /** All Data-In of a read up to its status, which must be GOOD. */
  async expectData(initiatorTaskTag: number, lengthBytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let length = 0; length < lengthBytes; ) {
      const pdu = await this.expect(Opcode.dataIn);
      assert.is(pdu.view.getUint32(16), initiatorTaskTag, 'the tag of the Data-In');
      pieces.push(pdu.data);
      length += pdu.data.length;
      if (length >= lengthBytes) assert.is((pdu.view.getUint8(1) & 1) === 1 && pdu.view.getUint8(3), 0, 'GOOD in the last Data-In');
    }
    return Buffer.concat(pieces);
  }

  /** Nothing comes, and the connection stays. */
  async expectNothing(): Promise<void> {
    const pdu = await this.raw.nothingFor(QUIET_MS);
    assert.is(pdu === null ? 'nothing' : opcodeName(pdu.opcode), 'nothing');
  }

  /** The target closes, and says no more than these. */
  async expectClose(...opcodes: number[]): Promise<ReceivedPdu[]> {
    const pdus = await this.raw.expectClose(ANSWER_MS_MAX);
    assert.equal(
      pdus.map((pdu) => opcodeName(pdu.opcode)),
      opcodes.map(opcodeName),
    );
    return pdus;
  }

  /** The connection still does its work: a ping comes back, and nothing else does before it. */
  async expectAlive(): Promise<void> {
    const data = Buffer.from('are you there?');
    const initiatorTaskTag = this.takeTag();
    this.send(this.ping(data, { initiatorTaskTag, immediate: true }));
    const pdu = await this.expect(Opcode.nopIn);
    assert.is(pdu.view.getUint32(16), initiatorTaskTag);
    assert.ok(pdu.data.equals(data), 'the ping comes back as it was');
  }

  /** Writes and reads back in order: CmdSN, data and the logical unit are as they should be. */
  async expectServed(lba: number, lun = 0): Promise<void> {
    const data = Buffer.alloc(1024, this.cmdSN & 0xff);
    const writeTag = this.takeTag();
    this.send(this.write(lba, data.length, { lun, data, initiatorTaskTag: writeTag }));
    await this.expectStatus(writeTag, 0);
    const readTag = this.takeTag();
    this.send(this.read(lba, data.length, { lun, initiatorTaskTag: readTag }));
    assert.ok((await this.expectData(readTag, data.length)).equals(data), 'what was written is read back');
  }

  #noteStatSN(pdu: ReceivedPdu): void {
    const hasStatSN = pdu.opcode !== Opcode.readyToTransfer && (pdu.opcode !== Opcode.dataIn || (pdu.view.getUint8(1) & 1) === 1);
    const unanswered = pdu.opcode === Opcode.nopIn && pdu.view.getUint32(16) === RESERVED_TAG;
    if (hasStatSN && !unanswered) this.expStatSN = (pdu.view.getUint32(24) + 1) >>> 0;
  }

  async #clearUnitAttentions(lun: number): Promise<void> {
    for (let status = 2; status !== 0; ) {
      const initiatorTaskTag = this.takeTag();
      this.send(this.testUnitReady({ lun, initiatorTaskTag }));
      ({ status } = await this.expectResponse(initiatorTaskTag));
    }
  }
}
