import { systemClock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import { defaultLimits } from '../engine/limits.js';
import {
  BHS_LENGTH,
  decodeLoginResponse,
  encodeLoginRequest,
  encodeTextData,
  type KeyValuePair,
  type LoginResponsePdu,
  LoginStage,
  Opcode,
  opcodeName,
  parseTextData,
  readOpcode,
} from '../engine/pdu/index.js';
import { ChapClient } from './chap.js';
import type { ConformanceChecks } from './checks.js';
import { InitiatorError, LoginError } from './errors.js';
import { KeyNegotiation, type NegotiatedKeys } from './key-negotiation.js';
import { listText, offersOf } from './key-options.js';
import { keyRow } from './key-table.js';
import type { LoginPhaseOptions, LoginResult, OnFullFeature, PortalAddress } from './login.js';
import { serialNext } from './serial.js';
import type { Wire, WireReceiver } from './wire.js';

const VERSION = 0;

export interface IdentifiedLoginOptions extends LoginPhaseOptions {
  readonly isid: string;
  readonly initiatorName: string;
}

function negotiationOf(options: LoginPhaseOptions, sessionType: 'Normal' | 'Discovery', checks: ConformanceChecks): KeyNegotiation {
  const { digests = {}, keys = {}, offers = {}, tsih = 0 } = options;
  const digestOffers = { HeaderDigest: listText(digests.header ?? 'None'), DataDigest: listText(digests.data ?? 'None') };
  const all = { ...digestOffers, ...offersOf(keys), ...offers };
  // A connection that a session adds by itself inherits the options of the first, keys of the whole session and all.
  const isMeant = ([key]: [string, unknown]): boolean => options.sessionKeys === undefined || keyRow(key)?.leadingOnly !== true;
  return new KeyNegotiation(sessionType, Object.fromEntries(Object.entries(all).filter(isMeant)), checks, tsih !== 0);
}

/** The login phase of one connection as the initiator goes through it. RFC 7143 §6.3, §11.12, §11.13. */
export class LoginExchange implements WireReceiver {
  readonly #options: IdentifiedLoginOptions;
  readonly #checks: ConformanceChecks;
  readonly #onFullFeature: OnFullFeature;
  readonly #addresses: { readonly address: PortalAddress; readonly lastingAddress: PortalAddress } | null;
  readonly #chap: ChapClient | null;
  readonly #negotiation: KeyNegotiation;
  readonly #sessionType: 'Normal' | 'Discovery';
  readonly #cmdSN: number;
  #wire: Wire | null = null;
  #resolve: ((result: LoginResult) => void) | null = null;
  #reject: ((error: InitiatorError) => void) | null = null;
  #cancelTimer: () => void = () => {};

  #stage: number;
  /** What the target chose of our AuthMethod offer. */
  #authMethod: string | null = null;
  /** Text that is to be sent yet, and whether the request that ends it asks for the next stage. */
  #outgoing: Buffer = Buffer.alloc(0);
  #sentTransit = false;
  #sentContinue = false;
  #requestCount = 0;
  #incoming: Buffer[] = [];
  #incomingLength = 0;
  #expStatSN = 0;
  #response: LoginResponsePdu | null = null;

  constructor(
    options: IdentifiedLoginOptions,
    checks: ConformanceChecks,
    onFullFeature: OnFullFeature,
    addresses: { readonly address: PortalAddress; readonly lastingAddress: PortalAddress } | null,
  ) {
    this.#options = options;
    this.#checks = checks;
    this.#onFullFeature = onFullFeature;
    this.#addresses = addresses;
    this.#sessionType = options.sessionType ?? (options.targetName === undefined ? 'Discovery' : 'Normal');
    this.#cmdSN = options.cmdSN ?? 1;
    this.#chap = options.chap === undefined ? null : new ChapClient(options.chap, checks);
    const secures = options.security === 'none' || this.#chap !== null;
    this.#stage = secures ? LoginStage.securityNegotiation : LoginStage.loginOperationalNegotiation;
    this.#negotiation = negotiationOf(options, this.#sessionType, checks);
  }

  run(wire: Wire): Promise<LoginResult> {
    this.#wire = wire;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (wire.isClosed) {
        reject(new InitiatorError('CONNECTION_CLOSED', 'the connection closed before the login'));
        return;
      }
      const loginMsMax = this.#options.loginMsMax ?? defaultLimits.loginTimeMsMax;
      const clock = this.#options.clock ?? systemClock;
      this.#cancelTimer = clock.after(loginMsMax, () => wire.destroy(new InitiatorError('LOGIN_TIMEOUT', `no login within ${loginMsMax} ms`)));
      try {
        this.#outgoing = encodeTextData([...this.#identity(), ...this.#stageKeys()]);
        // With CHAP to come, the stage is not over with the first request.
        this.#send(this.#chap === null || this.#stage !== LoginStage.securityNegotiation);
      } catch (error) {
        // A key or value that cannot be sent: the caller's mistake, but the socket is ours to close.
        wire.destroy(new InitiatorError('ARGUMENT_INVALID', 'the login request cannot be encoded', { cause: error }));
      }
    });
  }

  /** The keys that the first request of a login must carry. RFC 7143 §6.3. */
  #identity(): KeyValuePair[] {
    const pairs: KeyValuePair[] = [
      ['InitiatorName', this.#options.initiatorName],
      ['SessionType', this.#sessionType],
    ];
    if (this.#options.targetName !== undefined) pairs.push(['TargetName', this.#options.targetName]);
    return pairs;
  }

  #stageKeys(): KeyValuePair[] {
    return this.#stage === LoginStage.securityNegotiation ? [['AuthMethod', this.#authMethods.join(',')]] : this.#negotiation.offers();
  }

  get #authMethods(): string[] {
    if (this.#chap === null) return ['None'];
    return this.#options.security === 'none' ? ['CHAP', 'None'] : ['CHAP'];
  }

  get #nextStage(): number {
    return this.#stage === LoginStage.securityNegotiation ? LoginStage.loginOperationalNegotiation : LoginStage.fullFeaturePhase;
  }

  /** Sends the next part of the outgoing text; the last part asks for the next stage when `transit` is set. */
  #send(transit: boolean): void {
    const wire = this.#wire;
    assert(wire !== null, 'a login runs on a wire');
    if (++this.#requestCount > defaultLimits.loginRoundCountMax) {
      throw new InitiatorError('LOGIN_FAILED', `the target did not come to an end within ${defaultLimits.loginRoundCountMax} requests`);
    }
    const part = this.#outgoing.subarray(0, defaultLimits.loginDataSegmentLengthBytesMax);
    this.#outgoing = this.#outgoing.subarray(part.length);
    this.#sentContinue = this.#outgoing.length > 0;
    this.#sentTransit = transit && !this.#sentContinue;
    const at = wire.beginPdu(BHS_LENGTH);
    encodeLoginRequest(
      {
        transit: this.#sentTransit,
        continue: this.#sentContinue,
        currentStage: this.#stage,
        nextStage: this.#sentTransit ? this.#nextStage : 0,
        versionMax: VERSION,
        versionMin: VERSION,
        isid: this.#options.isid,
        tsih: this.#options.tsih ?? 0,
        initiatorTaskTag: 0,
        cid: this.#options.cid ?? 0,
        cmdSN: this.#cmdSN,
        expStatSN: this.#expStatSN,
      },
      part.length,
      wire.view,
      at,
    );
    wire.endPdu(at, BHS_LENGTH, part);
  }

  onHeader(_bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number): void {
    const opcode = readOpcode(view, at);
    if (opcode !== Opcode.loginResponse) this.#checks.violation('wrongAnswer', `${opcodeName(opcode)} came during the login`);
    if (ahsLengthBytes > 0) this.#checks.violation('unexpectedAhs', 'a Login Response carries an AHS');
    this.#response = decodeLoginResponse(view, at);
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number): void {
    const response = this.#response;
    assert(response !== null, 'data follows a header');
    this.#incomingLength += lengthBytes;
    if (this.#incomingLength > defaultLimits.loginTextBytesMax) {
      this.#checks.violation('textFormat', `the text of a login exceeds ${defaultLimits.loginTextBytesMax} bytes`);
    }
    if (lengthBytes > 0) this.#incoming.push(Buffer.from(bytes.subarray(at, at + lengthBytes)));
    this.#checkResponse(response);
    this.#expStatSN = serialNext(response.statSN);
    if (response.status !== 0) throw new LoginError(response.status, this.#incomingPairs().find(([key]) => key === 'TargetAddress')?.[1] ?? null);
    if (response.continue || this.#sentContinue) {
      this.#send(this.#outgoing.length > 0);
      return;
    }
    this.#takeText(response);
  }

  #checkResponse(response: LoginResponsePdu): void {
    const wrong = (what: string): void => this.#checks.violation('loginAnswer', what);
    if (response.status !== 0) return;
    if (response.versionActive !== VERSION) wrong(`version ${response.versionActive} is active, which was not offered`);
    if (response.initiatorTaskTag !== 0) wrong(`the Initiator Task Tag is 0x${response.initiatorTaskTag.toString(16)}, not that of the request`);
    if (response.isid !== this.#options.isid) wrong(`the ISID is ${response.isid}, not ${this.#options.isid}`);
    if (response.currentStage !== this.#stage) wrong(`the stage is ${response.currentStage}, not ${this.#stage}`);
    if (response.transit && response.continue) wrong('T and C are both set');
    if (response.transit && !this.#sentTransit) wrong('the target goes to the next stage, which was not asked for');
    // The target may go less far than was asked (never the other way), but there is nothing between these stages.
    if (response.transit && response.nextStage !== this.#nextStage) wrong(`the next stage is ${response.nextStage}, not ${this.#nextStage}`);
    if (this.#requestCount > 1 && response.statSN !== this.#expStatSN) {
      this.#checks.violation('statSN', `a Login Response has StatSN ${response.statSN}, not ${this.#expStatSN}`);
    }
    // Others of the session's connections move it meanwhile.
    const joins = (this.#options.tsih ?? 0) !== 0;
    if (!joins && response.expCmdSN !== this.#cmdSN)
      this.#checks.violation('expCmdSN', `a Login Response has ExpCmdSN ${response.expCmdSN}, not ${this.#cmdSN}`);
  }

  #incomingPairs(): readonly KeyValuePair[] {
    const pairs = parseTextData(Buffer.concat(this.#incoming));
    this.#incoming = [];
    if (pairs !== null) return pairs;
    this.#checks.violation('textFormat', 'the text of a Login Response is malformed');
    return [];
  }

  #takeText(response: LoginResponsePdu): void {
    let replies: KeyValuePair[] = [];
    const pairs = this.#incomingPairs();
    const isSecurity = this.#stage === LoginStage.securityNegotiation;
    if (isSecurity) replies = this.#takeSecurityKeys(pairs);
    else replies = this.#negotiation.accept(pairs);
    if (!response.transit) {
      this.#outgoing = encodeTextData(replies);
      this.#send(!isSecurity || this.#isSecurityOver);
      return;
    }
    if (replies.length > 0) this.#checks.violation('loginAnswer', 'the target makes offers and ends the stage before they could be answered');
    if (isSecurity && this.#authMethod !== 'None') this.#chap?.finish();
    this.#stage = response.nextStage;
    if (this.#stage === LoginStage.fullFeaturePhase) {
      this.#finish(response);
      return;
    }
    this.#outgoing = encodeTextData(this.#stageKeys());
    this.#send(true);
  }

  /** True when nothing is left for us to say in the security stage, so that the next request asks to leave it. */
  get #isSecurityOver(): boolean {
    return this.#chap === null || this.#authMethod === 'None' || this.#chap.hasAnswered;
  }

  /** RFC 7143 §12: the method first, then what the method says. */
  #takeSecurityKeys(pairs: readonly KeyValuePair[]): KeyValuePair[] {
    for (const [key, value] of pairs) this.#negotiation.answers.set(key, value);
    const keys = new Map(pairs);
    const method = keys.get('AuthMethod');
    if (method !== undefined) {
      if (!this.#authMethods.includes(method)) this.#checks.violation('keyAnswer', `AuthMethod=${method} was not offered`);
      const isFirst = this.#authMethod === null;
      this.#authMethod = method;
      if (isFirst && method === 'CHAP') return this.#chap?.offer() ?? [];
    }
    return this.#authMethod === 'CHAP' ? (this.#chap?.accept(keys) ?? []) : [];
  }

  #finish(response: LoginResponsePdu): void {
    const wire = this.#wire;
    assert(wire !== null, 'a login runs on a wire');
    if (response.tsih === 0) this.#checks.violation('loginAnswer', 'the last Login Response carries no TSIH');
    const { tsih = 0 } = this.#options;
    if (tsih !== 0 && response.tsih !== tsih) this.#checks.violation('loginAnswer', `the TSIH is ${response.tsih}, not ${tsih}`);
    const negotiated = this.#agreed();
    const result: LoginResult = {
      negotiated,
      answers: this.#negotiation.answers,
      isid: this.#options.isid,
      tsih: response.tsih,
      cid: this.#options.cid ?? 0,
      cmdSN: this.#cmdSN,
      expStatSN: this.#expStatSN,
      expCmdSN: response.expCmdSN,
      maxCmdSN: response.maxCmdSN,
      address: this.#addresses?.address ?? null,
      lastingAddress: this.#addresses?.lastingAddress ?? null,
    };
    this.#cancelTimer();
    wire.setDigests(negotiated.headerDigest, negotiated.dataDigest);
    wire.setDataSegmentLengthMax(negotiated.maxRecvDataSegmentLength);
    wire.setReceiver(this.#onFullFeature(wire, result, this.#checks));
    this.#resolve?.(result);
  }

  /** A connection that joins has digests and segment lengths of its own; the rest is the session's. RFC 7143 §13. */
  #agreed(): NegotiatedKeys {
    const own = this.#negotiation.finish();
    const { sessionKeys } = this.#options;
    if (sessionKeys === undefined) return own;
    const { headerDigest, dataDigest, maxRecvDataSegmentLength, targetMaxRecvDataSegmentLength } = own;
    return { ...sessionKeys, headerDigest, dataDigest, maxRecvDataSegmentLength, targetMaxRecvDataSegmentLength };
  }

  onFramingFault(): void {}

  onTurnEnd(): void {}

  onClosed(cause: InitiatorError): void {
    this.#cancelTimer();
    this.#reject?.(cause);
  }
}
