import { TargetError } from '../engine/errors.js';
import { InitiatorError } from '../initiator/errors.js';
import { maskIscsiUrl } from '../initiator/iscsi-url.js';

/**
 * What an initiator could not do, as the fault of whoever named the target: `LOAD_USAGE` for a URL that is none, `LOAD_TARGET`
 * for a target that cannot be reached, refuses, breaks the protocol or falls silent. Other errors stay what they are.
 */
export function asTargetFault(url: string, error: unknown): unknown {
  if (!(error instanceof InitiatorError)) return error;
  const isUsage = error.code === 'URL_INVALID' || error.code === 'NOT_SUPPORTED' || error.code === 'ARGUMENT_INVALID';
  return isUsage
    ? new TargetError('LOAD_USAGE', error.message, { cause: error })
    : new TargetError('LOAD_TARGET', `${maskIscsiUrl(url)}: ${error.message}`, { cause: error });
}
