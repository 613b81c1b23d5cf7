import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../engine/clock.js';
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
import { type CheckName, ConformanceChecks } from './checks.js';
import { InitiatorError, LoginError } from './errors.js';
import { ISCSI_PORT } from './iscsi-url.js';
import { KeyNegotiation, type KeyOffers, type NegotiatedKeys } from './key-negotiation.js';
import { initiatorLimits } from './limits.js';
import { serialNext } from './serial.js';
import { Wire, type WireReceiver } from './wire.js';

export type DigestName = 'None' | 'CRC32C';

/** How to log in, whatever the connection. */
export interface LoginPhaseOptions {
  /** Needed for a normal session. */
  readonly targetName?: string;
  readonly initiatorName?: string;
  /** Normal when there is a target name, Discovery otherwise. */
  readonly sessionType?: 'Normal' | 'Discovery';
  /** 12 hex digits; a random one of type 10b otherwise. RFC 7143 §11.12.5. */
  readonly isid?: string;
  /** Not zero to join or reinstate a session. */
  readonly tsih?: number;
  readonly cid?: number;
  /** CmdSN of the login and of the first command. */
  readonly cmdSN?: number;
  /** `none` passes the security stage with AuthMethod=None, `skip` starts with the operational one. CHAP comes later. */
  readonly security?: 'skip' | 'none';
  readonly digests?: { readonly header?: DigestName; readonly data?: DigestName };
  /** Other values for operational keys, further keys, or null to leave one out. */
  readonly offers?: KeyOffers;
  /** Checks whose violation is noted but does not end the session. */
  readonly tolerate?: readonly CheckName[];
  readonly loginMsMax?: number;
  readonly clock?: Clock;
}

export interface LoginOptions extends LoginPhaseOptions {
  readonly host: string;
  /** 3260 unless told. */
  readonly port?: number;
  readonly connectMsMax?: number;
}

export interface LoginResult {
  readonly negotiated: NegotiatedKeys;
  /** All that the target said, as text: answers and declarations, TargetPortalGroupTag among them. */
  readonly answers: ReadonlyMap<string, string>;
  readonly isid: string;
  readonly tsih: number;
  readonly cid: number;
  /** CmdSN of the next non-immediate request. */
  readonly cmdSN: number;
  /** StatSN that the next response has to carry. */
  readonly expStatSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
}

const DEFAULT_INITIATOR_NAME = 'iqn.2025-01.dev.lunloom:initiator';
const VERSION = 0;

/** A random ISID: type 10b, 24 random bits and a random qualifier. RFC 7143 §11.12.5. */
export function randomIsid(): string {
  return `80${randomBytes(5).toString('hex')}`;
}

/**
 * Connects and logs in. `onFullFeature` is called while the last Login Response is taken and answers who gets whatever
 * comes behind it: nothing can slip in between. Rejects with `LoginError`, `TargetViolation` or `InitiatorError`
 * (`CONNECT_FAILED`, `CONNECT_TIMEOUT`, `LOGIN_TIMEOUT`, `CONNECTION_CLOSED`, `ARGUMENT_INVALID`).
 */
export async function connectAndLogin(
  options: LoginOptions,
  onFullFeature: (wire: Wire, result: LoginResult, checks: ConformanceChecks) => WireReceiver,
): Promise<LoginResult> {
  const exchange = new LoginExchange(options, new ConformanceChecks(options.tolerate), onFullFeature);
  const wire = await Wire.connect(
    {
      host: options.host,
      port: options.port ?? ISCSI_PORT,
      connectMsMax: options.connectMsMax ?? initiatorLimits.connectMsMax,
      clock: options.clock ?? systemClock,
    },
    exchange,
    defaultLimits.loginDataSegmentLengthBytesMax,
  );
  return exchange.run(wire);
}

/** Logs in over a wire that is already connected; as `connectAndLogin`. */
export function loginOver(wire: Wire, options: LoginPhaseOptions, onFullFeature: (wire: Wire, result: LoginResult) => WireReceiver): Promise<LoginResult> {
  const exchange = new LoginExchange(options, new ConformanceChecks(options.tolerate), onFullFeature);
  wire.setReceiver(exchange);
  return exchange.run(wire);
}

/** The login phase of one connection as the initiator goes through it. RFC 7143 §6.3, §11.12, §11.13. */
class LoginExchange implements WireReceiver {
  readonly #options: LoginPhaseOptions;
  readonly #checks: ConformanceChecks;
  readonly #onFullFeature: (wire: Wire, result: LoginResult, checks: ConformanceChecks) => WireReceiver;
  readonly #negotiation: KeyNegotiation;
  readonly #sessionType: 'Normal' | 'Discovery';
  readonly #isid: string;
  readonly #cmdSN: number;
  #wire: Wire | null = null;
  #resolve: ((result: LoginResult) => void) | null = null;
  #reject: ((error: InitiatorError) => void) | null = null;
  #cancelTimer: () => void = () => {};

  #stage: number;
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
    options: LoginPhaseOptions,
    checks: ConformanceChecks,
    onFullFeature: (wire: Wire, result: LoginResult, checks: ConformanceChecks) => WireReceiver,
  ) {
    this.#options = options;
    this.#checks = checks;
    this.#onFullFeature = onFullFeature;
    this.#sessionType = options.sessionType ?? (options.targetName === undefined ? 'Discovery' : 'Normal');
    this.#isid = (options.isid ?? randomIsid()).toLowerCase();
    if (!/^[0-9a-f]{12}$/.test(this.#isid)) throw new InitiatorError('ARGUMENT_INVALID', `an ISID is 12 hex digits, not ${JSON.stringify(options.isid)}`);
    this.#cmdSN = options.cmdSN ?? 1;
    this.#stage = options.security === 'none' ? LoginStage.securityNegotiation : LoginStage.loginOperationalNegotiation;
    const digests = { HeaderDigest: options.digests?.header ?? 'None', DataDigest: options.digests?.data ?? 'None' };
    this.#negotiation = new KeyNegotiation(this.#sessionType, { ...digests, ...options.offers }, checks);
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
        this.#send(true);
      } catch (error) {
        // A key or value that cannot be sent: the caller's mistake, but the socket is ours to close.
        wire.destroy(new InitiatorError('ARGUMENT_INVALID', 'the login request cannot be encoded', { cause: error }));
      }
    });
  }

  /** The keys that the first request of a login must carry. RFC 7143 §6.3. */
  #identity(): KeyValuePair[] {
    const pairs: KeyValuePair[] = [
      ['InitiatorName', this.#options.initiatorName ?? DEFAULT_INITIATOR_NAME],
      ['SessionType', this.#sessionType],
    ];
    if (this.#options.targetName !== undefined) pairs.push(['TargetName', this.#options.targetName]);
    return pairs;
  }

  #stageKeys(): KeyValuePair[] {
    return this.#stage === LoginStage.securityNegotiation ? [['AuthMethod', 'None']] : this.#negotiation.offers();
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
        isid: this.#isid,
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
    if (response.isid !== this.#isid) wrong(`the ISID is ${response.isid}, not ${this.#isid}`);
    if (response.currentStage !== this.#stage) wrong(`the stage is ${response.currentStage}, not ${this.#stage}`);
    if (response.transit && response.continue) wrong('T and C are both set');
    if (response.transit && !this.#sentTransit) wrong('the target goes to the next stage, which was not asked for');
    // The target may go less far than was asked (never the other way), but there is nothing between these stages.
    if (response.transit && response.nextStage !== this.#nextStage) wrong(`the next stage is ${response.nextStage}, not ${this.#nextStage}`);
    if (this.#requestCount > 1 && response.statSN !== this.#expStatSN) {
      this.#checks.violation('statSN', `a Login Response has StatSN ${response.statSN}, not ${this.#expStatSN}`);
    }
    if (response.expCmdSN !== this.#cmdSN) this.#checks.violation('expCmdSN', `a Login Response has ExpCmdSN ${response.expCmdSN}, not ${this.#cmdSN}`);
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
    if (this.#stage === LoginStage.securityNegotiation) this.#takeSecurityKeys(pairs);
    else replies = this.#negotiation.accept(pairs);
    if (!response.transit) {
      this.#outgoing = encodeTextData(replies);
      this.#send(true);
      return;
    }
    if (replies.length > 0) this.#checks.violation('loginAnswer', 'the target makes offers and ends the stage before they could be answered');
    this.#stage = response.nextStage;
    if (this.#stage === LoginStage.fullFeaturePhase) {
      this.#finish(response);
      return;
    }
    this.#outgoing = encodeTextData(this.#stageKeys());
    this.#send(true);
  }

  #takeSecurityKeys(pairs: readonly KeyValuePair[]): void {
    for (const [key, value] of pairs) {
      this.#negotiation.answers.set(key, value);
      if (key === 'AuthMethod' && value !== 'None') this.#checks.violation('keyAnswer', `AuthMethod=${value} was not offered`);
    }
  }

  #finish(response: LoginResponsePdu): void {
    const wire = this.#wire;
    assert(wire !== null, 'a login runs on a wire');
    if (response.tsih === 0) this.#checks.violation('loginAnswer', 'the last Login Response carries no TSIH');
    const negotiated = this.#negotiation.finish();
    const result: LoginResult = {
      negotiated,
      answers: this.#negotiation.answers,
      isid: this.#isid,
      tsih: response.tsih,
      cid: this.#options.cid ?? 0,
      cmdSN: this.#cmdSN,
      expStatSN: this.#expStatSN,
      expCmdSN: response.expCmdSN,
      maxCmdSN: response.maxCmdSN,
    };
    this.#cancelTimer();
    wire.setDigests(negotiated.headerDigest, negotiated.dataDigest);
    wire.setDataSegmentLengthMax(negotiated.maxRecvDataSegmentLength);
    wire.setReceiver(this.#onFullFeature(wire, result, this.#checks));
    this.#resolve?.(result);
  }

  onFramingFault(): void {}

  onTurnEnd(): void {}

  onClosed(cause: InitiatorError): void {
    this.#cancelTimer();
    this.#reject?.(cause);
  }
}
