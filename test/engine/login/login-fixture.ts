import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { defaultLimits, type LimitName, resolveLimits } from '../../../engine/limits.js';
import type { AuthMethod } from '../../../engine/login/auth-method.js';
import type { Admission, AdmissionRequest, LoginTarget, TargetLookup } from '../../../engine/login/login-authority.js';
import { LoginNegotiation, type LoginOptions, type LoginStep } from '../../../engine/login/login-negotiation.js';
import { type NegotiatedParameters, type TargetOffers, targetOffers } from '../../../engine/login/negotiated-parameters.js';
import { type LoginRequestPdu, LoginStatus } from '../../../engine/pdu/index.js';

export const TARGET_NAME = 'iqn.2026-11.io.lunloom:disk1';
export const INITIATOR_NAME = 'iqn.1993-08.org.debian:01:abcdef';

/** Text as initiators write it: lines joined and ended by zero bytes. Apart from `encodeTextData`, which is under test. */
export function text(...lines: string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1');
}

/** The lines of a data segment. */
export function lines(data: Uint8Array): string[] {
  const all = Buffer.from(data).toString('latin1').split('\0');
  return all.filter((line) => line !== '');
}

/** The value of a key in a data segment, or undefined. */
export function keyValue(data: Uint8Array, key: string): string | undefined {
  return lines(data)
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);
}

export function loginRequest(currentStage: number, nextStage: number | null, changes: Partial<LoginRequestPdu> = {}): LoginRequestPdu {
  return {
    transit: nextStage !== null,
    continue: false,
    currentStage,
    nextStage: nextStage ?? 0,
    isid: '00023d000001',
    tsih: 0,
    initiatorTaskTag: 0x10,
    versionMax: 0,
    versionMin: 0,
    cid: 0,
    cmdSN: 77,
    expStatSN: 0,
    ...changes,
  };
}

export interface Fixture {
  readonly login: LoginNegotiation;
  readonly admissions: AdmissionRequest[];
  send(currentStage: number, nextStage: number | null, lines: readonly string[], changes?: Partial<LoginRequestPdu>): LoginStep;
}

export interface FixtureOptions {
  offers?: Partial<TargetOffers>;
  limits?: Partial<Record<LimitName, number>>;
  target?: Partial<LoginTarget>;
  lookup?: TargetLookup;
  mayUse?: (targetName: string, initiatorName: string, user: string | null) => boolean;
  admission?: Admission;
  discoveryAuthMethods?: readonly string[];
  authMethods?: readonly AuthMethod[];
}

export function loginFixture(options: FixtureOptions = {}): Fixture {
  const limits = options.limits === undefined ? defaultLimits : resolveLimits(options.limits);
  const admissions: AdmissionRequest[] = [];
  const target: LoginTarget = { name: TARGET_NAME, portalGroupTag: 1, authMethods: ['None'], ...options.target };
  const loginOptions: LoginOptions = {
    limits,
    offers: targetOffers(limits, options.offers),
    authority: {
      discoveryAuthMethods: options.discoveryAuthMethods ?? ['None'],
      findTarget: (name) => options.lookup ?? (name === TARGET_NAME ? { kind: 'found', target } : { kind: 'refused', status: LoginStatus.targetNotFound }),
      mayUse: options.mayUse ?? (() => true),
    },
    registry: {
      admit(request) {
        admissions.push(request);
        return options.admission ?? { kind: 'admitted', tsih: 9 };
      },
    },
    ...(options.authMethods === undefined ? {} : { authMethods: new Map(options.authMethods.map((method) => [method.name, method])) }),
  };
  const login = new LoginNegotiation(loginOptions);
  return { login, admissions, send: (current, next, keys, changes) => login.receive(loginRequest(current, next, changes), text(...keys)) };
}

export const NORMAL = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, 'SessionType=Normal'] as const;

/** What a login that is through has agreed on. */
export function parametersOf(step: LoginStep): NegotiatedParameters {
  if (step.outcome.kind !== 'full-feature') throw new AssertionFailure(`login ended with ${JSON.stringify(step.outcome)}`);
  return step.outcome.parameters;
}

export function assertFailure(step: LoginStep, status: number): void {
  assert.is(step.outcome.kind, 'failed', JSON.stringify(step.outcome));
  assert.is(step.response.status, status, `0x${step.response.status.toString(16)}`);
  assert.is(step.response.transit, false);
  assert.is(step.response.continue, false);
}

/** T, C, CSG and NSG of a response. */
export function flags(step: LoginStep): (boolean | number)[] {
  const { transit, continue: isContinued, currentStage, nextStage } = step.response;
  return [transit, isContinued, currentStage, nextStage];
}
