import { fault, type Parsed, quoted } from '../../../config/parsed.js';
import { SecurityMethod } from './capability.js';

const methods = { nosec: SecurityMethod.noSec, capkey: SecurityMethod.capKey, cmdrsp: SecurityMethod.cmdRsp, alldata: SecurityMethod.allData } as const;
export const SECURITY_FORM = `one of ${Object.keys(methods).join(', ')}`;

/** `security=cmdrsp` of a LUN: the method that is asked for where no partition has its own. */
export function parseSecurityMethod(text: string): Parsed<number> {
  return Object.hasOwn(methods, text) ? { value: methods[text as keyof typeof methods] } : fault(`expected ${SECURITY_FORM}, found ${quoted(text)}`);
}
