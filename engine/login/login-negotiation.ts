import { assert, ProtocolViolation } from '../errors.js';
import type { Limits } from '../limits.js';
import { encodeTextData, type KeyValuePair, type LoginRequestPdu, type LoginResponsePdu, LoginStage, LoginStatus } from '../pdu/index.js';
import { type AuthExchange, type AuthMethod, type AuthMethods, type AuthStep, defaultAuthMethods, NO_AUTHENTICATION } from './auth-method.js';
import { textToWire } from './iscsi-name.js';
import { KeyNegotiator } from './key-negotiator.js';
import type { LoginAuthority, LoginTarget, SessionRegistry } from './login-authority.js';
import { defaultParameters, type MutableParameters, type NegotiatedParameters, type TargetOffers } from './negotiated-parameters.js';
import { AnswerQueue, TextCollector } from './text-exchange.js';

/** Stages that a Login Request with the T bit may go to. RFC 7143 §6.3 "Login Phase", §11.12.3. */
const transitions: ReadonlyMap<number, readonly number[]> = new Map([
  [LoginStage.securityNegotiation, [LoginStage.loginOperationalNegotiation, LoginStage.fullFeaturePhase]],
  [LoginStage.loginOperationalNegotiation, [LoginStage.fullFeaturePhase]],
]);

/** The only version there is, RFC 7143 §11.12.4. */
const VERSION = 0x00;

export interface LoginOptions {
  readonly limits: Limits;
  readonly offers: TargetOffers;
  readonly authority: LoginAuthority;
  readonly registry: SessionRegistry;
  readonly authMethods?: AuthMethods;
}

export type LoginOutcome =
  | { readonly kind: 'continue' }
  | {
      readonly kind: 'full-feature';
      readonly parameters: NegotiatedParameters;
      readonly isid: string;
      /** What the registry gave out. */
      readonly tsih: number;
      readonly cid: number;
      /** CmdSN of the login requests: immediate, so the first command carries it too. RFC 7143 §4.2.2.1. */
      readonly cmdSN: number;
    }
  /** Send the response, then close. `message` is for the log. */
  | { readonly kind: 'failed'; readonly status: number; readonly message: string };

export interface LoginStep {
  /** `statSN`, `expCmdSN` and `maxCmdSN` are 0: the caller owns these numbers and fills them in. */
  readonly response: LoginResponsePdu;
  readonly data: Buffer;
  readonly outcome: LoginOutcome;
}

type State = 'login' | 'full-feature' | 'failed';

function violation(message: string, clause: string, status: number = LoginStatus.initiatorError): ProtocolViolation {
  return new ProtocolViolation(message, { kind: 'login', status }, clause);
}

/** The login phase of one connection, from the target's side: each request gives exactly one response. RFC 7143 §6.3. */
export class LoginNegotiation {
  readonly #options: LoginOptions;
  readonly #authMethods: AuthMethods;
  readonly #parameters: MutableParameters = defaultParameters();
  readonly #collector: TextCollector;
  readonly #answer = new AnswerQueue();
  /** Both are set by the first request. */
  #first: LoginRequestPdu | null = null;
  #keys: KeyNegotiator | null = null;

  #state: State = 'login';
  #stage: number = LoginStage.securityNegotiation;
  /** The leading text has been read: who, to what, and whether that exists. */
  #isIntroduced = false;
  #target: LoginTarget | null = null;
  #hasDeclaredLength = false;
  #authMethod: AuthMethod | null = null;
  #authExchange: AuthExchange | null = null;
  #isAuthenticated = false;
  #hasOfferedMethods = false;
  /** As whom the initiator authenticated. */
  #user: string | null = null;
  /** Text of a failure: where a redirection leads. */
  #failurePairs: KeyValuePair[] = [];

  constructor(options: LoginOptions) {
    this.#options = options;
    this.#authMethods = options.authMethods ?? defaultAuthMethods;
    this.#collector = new TextCollector(options.limits);
  }

  /** Takes one Login Request and its data segment (not kept). Not to be called after `full-feature` or `failed`. */
  receive(pdu: LoginRequestPdu, data: Uint8Array): LoginStep {
    assert(this.#state === 'login', 'login is over');
    return this.#guard(pdu, () => this.#receive(pdu, data));
  }

  /** Any other PDU that arrives before login is through. RFC 7143 §11.13.5, status 0x020b. */
  receiveOther(initiatorTaskTag: number): LoginStep {
    assert(this.#state === 'login', 'login is over');
    const header = this.#first ?? { currentStage: 0, isid: '000000000000', tsih: 0 };
    return this.#guard({ ...header, initiatorTaskTag }, () => {
      throw violation('a PDU other than Login Request came during login', 'RFC 7143 §6.3 "Login Phase"', LoginStatus.invalidDuringLogin);
    });
  }

  #guard(header: Pick<LoginRequestPdu, 'currentStage' | 'isid' | 'tsih' | 'initiatorTaskTag'>, step: () => LoginStep): LoginStep {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof ProtocolViolation) || error.reaction.kind !== 'login') throw error;
      this.#state = 'failed';
      const { status } = error.reaction;
      const response = { ...this.#respond(header, false, false, 0), status };
      return { response, data: encodeTextData(this.#failurePairs), outcome: { kind: 'failed', status, message: error.message } };
    }
  }

  #receive(pdu: LoginRequestPdu, data: Uint8Array): LoginStep {
    this.#checkHeader(pdu, data);
    // RFC 7143 §11.13.7: who is sent text with the C bit asks for the rest with empty requests.
    if (!this.#answer.isEmpty) {
      if (data.length > 0 || pdu.continue) throw violation('a request with text came while our answer was under way', 'RFC 7143 §11.13.7');
      return this.#send(pdu);
    }
    const text = this.#collector.push(data, pdu.continue);
    if (text.kind === 'fault') throw violation(text.message, 'RFC 7143 §6.2 "Text Mode Negotiation"');
    if (text.kind === 'complete') this.#answer.set(this.#negotiate(pdu, text.pairs));
    return this.#send(pdu);
  }

  /** RFC 7143 §11.12: what each request must keep of the first one, and what the stages allow. */
  #checkHeader(pdu: LoginRequestPdu, data: Uint8Array): void {
    if (pdu.versionMin > VERSION) throw violation(`version ${pdu.versionMin} is not supported`, 'RFC 7143 §11.12.4', LoginStatus.unsupportedVersion);
    if (data.length > this.#options.limits.loginDataSegmentLengthBytesMax) throw violation('the data segment is longer than login allows', 'RFC 7143 §13.12');
    if (this.#first === null) {
      this.#first = pdu;
      this.#stage = pdu.currentStage;
      this.#keys = new KeyNegotiator(this.#parameters, this.#options.offers, pdu.tsih === 0);
    }
    const first = this.#first;
    if (pdu.isid !== first.isid || pdu.tsih !== first.tsih) throw violation('ISID or TSIH changed during login', 'RFC 7143 §11.12.5, §11.12.6');
    if (pdu.cid !== first.cid) throw violation('CID changed during login', 'RFC 7143 §11.12.7');
    if (pdu.initiatorTaskTag !== first.initiatorTaskTag) throw violation('Initiator Task Tag changed during login', 'RFC 7143 §6.3 "Login Phase"');
    const nextStages = transitions.get(pdu.currentStage);
    if (nextStages === undefined || pdu.currentStage !== this.#stage) throw violation(`stage ${pdu.currentStage} is not the current one`, 'RFC 7143 §11.12.3');
    if (!pdu.transit) return;
    if (pdu.continue) throw violation('the T and C bits stand together', 'RFC 7143 §11.12.2');
    if (!nextStages.includes(pdu.nextStage)) throw violation(`no transition from stage ${pdu.currentStage} to ${pdu.nextStage}`, 'RFC 7143 §11.12.3');
  }

  #negotiate(pdu: LoginRequestPdu, pairs: readonly KeyValuePair[]): KeyValuePair[] {
    const keys = this.#negotiator;
    const isSecurity = this.#stage === LoginStage.securityNegotiation;
    const claimed = isSecurity && this.#authExchange !== null ? (this.#authMethod?.keys ?? new Set<string>()) : undefined;
    const { initiatorName, targetName, sessionType } = this.#parameters;
    const outcome = keys.receive(pairs, isSecurity ? 'security' : 'operational', claimed);
    if (outcome.kind === 'violation') throw violation(outcome.message, outcome.clause, outcome.status);
    const answers = outcome.answers;
    const now = this.#parameters;
    if (!this.#isIntroduced) answers.push(...this.#introduce());
    else if (now.initiatorName !== initiatorName || now.targetName !== targetName || now.sessionType !== sessionType) {
      // The target's access control and AuthMethods were chosen by these three, so nobody may become another later.
      throw violation('InitiatorName, TargetName and SessionType belong into the first text', 'RFC 7143 §6.3 "Login Phase"');
    }
    if (isSecurity) answers.push(...this.#authenticate(outcome.operations, pdu.transit));
    else {
      this.#requireAuthentication();
      answers.push(...this.#declareLength());
      if (pdu.transit) answers.push(...keys.propose());
    }
    return answers;
  }

  get #negotiator(): KeyNegotiator {
    assert(this.#keys !== null, 'the first request sets the negotiator');
    return this.#keys;
  }

  /** What the first text of a login must say, and what we say to it. RFC 7143 §6.3 "Login Phase", §13.9. */
  #introduce(): KeyValuePair[] {
    this.#isIntroduced = true;
    const { initiatorName, targetName, sessionType } = this.#parameters;
    if (initiatorName === '') throw violation('InitiatorName is missing', 'RFC 7143 §13.5', LoginStatus.missingParameter);
    if (sessionType === 'discovery') return [];
    if (targetName === undefined) throw violation('TargetName is missing', 'RFC 7143 §13.4', LoginStatus.missingParameter);
    const lookup = this.#options.authority.findTarget(targetName, initiatorName);
    if (lookup.kind === 'refused') {
      if (lookup.targetAddress !== undefined) this.#failurePairs = [['TargetAddress', textToWire(lookup.targetAddress)]];
      throw violation(`${initiatorName} may not log in to ${targetName}`, 'RFC 7143 §11.13.5', lookup.status);
    }
    this.#target = lookup.target;
    const declarations: KeyValuePair[] = [['TargetPortalGroupTag', String(lookup.target.portalGroupTag)]];
    if (lookup.target.alias !== undefined) declarations.push(['TargetAlias', textToWire(lookup.target.alias)]);
    return this.#declare(declarations);
  }

  /** Our MaxRecvDataSegmentLength, once, as soon as the stage allows it. RFC 7143 §13.12. */
  #declareLength(): KeyValuePair[] {
    if (this.#hasDeclaredLength) return [];
    this.#hasDeclaredLength = true;
    const length = this.#options.offers.maxRecvDataSegmentLength;
    this.#parameters.targetMaxRecvDataSegmentLength = length;
    return this.#declare([['MaxRecvDataSegmentLength', String(length)]]);
  }

  #declare(declarations: KeyValuePair[]): KeyValuePair[] {
    this.#negotiator.declare(declarations);
    return declarations;
  }

  get #allowedMethods(): readonly string[] {
    return this.#target?.authMethods ?? this.#options.authority.discoveryAuthMethods;
  }

  /** SecurityNegotiation, RFC 7143 §6.3.2, §12.1. */
  #authenticate(operations: readonly KeyValuePair[], transit: boolean): KeyValuePair[] {
    const answers: KeyValuePair[] = [];
    const methodKeys: KeyValuePair[] = [];
    for (const [key, value] of operations) {
      if (key === 'AuthMethod') answers.push(...this.#chooseMethod(value));
      else methodKeys.push([key, value]);
    }
    if (methodKeys.length > 0 && this.#authExchange !== null) answers.push(...this.#takeAuthStep(this.#authExchange.receive(methodKeys)));
    if (!transit && this.#mustOfferMethods) {
      this.#hasOfferedMethods = true;
      answers.push(...this.#declare([['AuthMethod', this.#allowedMethods.join(',')]]));
    }
    return answers;
  }

  /** An initiator that stays in SecurityNegotiation without a word on AuthMethod leaves the choice to us. RFC 7143 §6.3.2. */
  get #mustOfferMethods(): boolean {
    return this.#authMethod === null && !this.#hasOfferedMethods && !this.#allowedMethods.includes(NO_AUTHENTICATION);
  }

  #chooseMethod(offer: string): KeyValuePair[] {
    const allowed = this.#allowedMethods;
    const name = offer.split(',').find((value) => allowed.includes(value) && this.#authMethods.has(value));
    const method = name === undefined ? undefined : this.#authMethods.get(name);
    if (method === undefined) throw violation(`no common AuthMethod in ${offer}`, 'RFC 7143 §12.1', LoginStatus.authenticationFailure);
    const { initiatorName, targetName, sessionType } = this.#parameters;
    this.#authMethod = method;
    this.#authExchange = method.open({ initiatorName, targetName: sessionType === 'normal' ? (targetName ?? null) : null, sessionType });
    // The answer to an offer of ours needs no answer.
    const answers: KeyValuePair[] = this.#hasOfferedMethods ? [] : [['AuthMethod', method.name]];
    return [...answers, ...this.#takeAuthStep(this.#authExchange.begin())];
  }

  #takeAuthStep(step: AuthStep): readonly KeyValuePair[] {
    if (step.kind === 'failed') throw violation(step.message, 'RFC 7143 §12.1', step.status);
    if (step.kind === 'done') {
      this.#authExchange = null;
      this.#conclude(step.user ?? null);
    }
    return step.pairs;
  }

  /** Leaving or skipping SecurityNegotiation without a word on AuthMethod means None. RFC 7143 §6.3.2. */
  #requireAuthentication(): void {
    if (this.#isAuthenticated) return;
    if (this.#authMethod !== null || !this.#allowedMethods.includes(NO_AUTHENTICATION)) {
      throw violation('the initiator did not authenticate', 'RFC 7143 §6.3.2', LoginStatus.authenticationFailure);
    }
    this.#conclude(null);
  }

  /** It is known who the initiator is, and so what it may do. */
  #conclude(user: string | null): void {
    this.#isAuthenticated = true;
    this.#user = user;
    const { initiatorName } = this.#parameters;
    const target = this.#target;
    if (target === null || this.#options.authority.mayUse(target.name, initiatorName, user)) return;
    throw violation(`${initiatorName} may not use ${target.name}`, 'RFC 7143 §11.13.5', LoginStatus.authorizationFailure);
  }

  /** The response to `pdu`: the next piece of our text, and the transition when both sides are ready for it. */
  #send(pdu: LoginRequestPdu): LoginStep {
    const data = this.#answer.next(this.#options.limits.loginDataSegmentLengthBytesMax);
    const isContinued = !this.#answer.isEmpty;
    if (isContinued || !pdu.transit || !this.#isReadyFor(pdu.nextStage)) {
      return { response: this.#respond(pdu, false, isContinued, 0), data, outcome: { kind: 'continue' } };
    }
    this.#stage = pdu.nextStage;
    if (pdu.nextStage !== LoginStage.fullFeaturePhase) return { response: this.#respond(pdu, true, false, pdu.nextStage), data, outcome: { kind: 'continue' } };
    return this.#admit(pdu, data);
  }

  #isReadyFor(nextStage: number): boolean {
    if (this.#stage === LoginStage.securityNegotiation) {
      if (this.#authExchange !== null) return false;
      this.#requireAuthentication();
    }
    if (nextStage !== LoginStage.fullFeaturePhase) return true;
    if (this.#negotiator.hasOpenOffers) return false;
    const { blocker } = this.#negotiator;
    if (blocker !== null) throw violation(`key ${blocker} ended at a value that this target does not work with`, 'RFC 7143 §6.3.3');
    return true;
  }

  #admit(pdu: LoginRequestPdu, data: Buffer): LoginStep {
    const parameters = this.#finalParameters();
    const { isid, tsih, cid, cmdSN } = pdu;
    const { initiatorName, targetName = null, sessionType } = parameters;
    const admission = this.#options.registry.admit({ isid, tsih, cid, cmdSN, initiatorName, targetName, user: this.#user, sessionType, parameters });
    if (admission.kind === 'refused') throw violation('the session was not admitted', 'RFC 7143 §6.3.1', admission.status);
    assert(admission.tsih > 0, 'an admitted session has a TSIH');
    this.#state = 'full-feature';
    return {
      response: { ...this.#respond(pdu, true, false, pdu.nextStage), tsih: admission.tsih },
      data,
      outcome: { kind: 'full-feature', parameters, isid, tsih: admission.tsih, cid, cmdSN },
    };
  }

  #finalParameters(): NegotiatedParameters {
    const { targetName, ...rest } = this.#parameters;
    // A MaxBurstLength settled after FirstBurstLength, or left at a small value, bounds it all the same. RFC 7143 §13.14.
    const firstBurstLength = Math.min(rest.firstBurstLength, rest.maxBurstLength);
    // A discovery session has no target, whatever name it came with. RFC 7143 §13.21.
    return targetName !== undefined && rest.sessionType === 'normal' ? { ...rest, firstBurstLength, targetName } : { ...rest, firstBurstLength };
  }

  #respond(
    header: Pick<LoginRequestPdu, 'currentStage' | 'isid' | 'tsih' | 'initiatorTaskTag'>,
    transit: boolean,
    isContinued: boolean,
    nextStage: number,
  ): LoginResponsePdu {
    return {
      transit,
      continue: isContinued,
      currentStage: header.currentStage,
      nextStage,
      isid: header.isid,
      tsih: header.tsih,
      initiatorTaskTag: header.initiatorTaskTag,
      versionMax: VERSION,
      versionActive: VERSION,
      status: LoginStatus.success,
      statSN: 0,
      expCmdSN: 0,
      maxCmdSN: 0,
    };
  }
}
