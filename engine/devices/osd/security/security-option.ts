import { fault, type Parsed, quoted } from '../../../config/parsed.js';
import { SecurityMethod } from './capability.js';

const methods = { nosec: SecurityMethod.noSec, capkey: SecurityMethod.capKey, cmdrsp: SecurityMethod.cmdRsp, alldata: SecurityMethod.allData } as const;
export const SECURITY_FORM = `one of ${Object.keys(methods).join(', ')}`;

/** `security=cmdrsp` of a LUN: the name of the method that is asked for where no partition has its own. */
export function parseSecurityMethod(text: string): Parsed<string> {
  return Object.hasOwn(methods, text) ? { value: text } : fault(`expected ${SECURITY_FORM}, found ${quoted(text)}`);
}

/** The method of a checked name; NOSEC of none. */
export function securityMethodNamed(name: unknown): number {
  return typeof name === 'string' && Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : SecurityMethod.noSec;
}
