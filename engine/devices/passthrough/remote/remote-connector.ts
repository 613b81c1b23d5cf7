import { InitiatorError } from '../../../../initiator/errors.js';
import { type IscsiUrl, maskIscsiUrl, parseIscsiUrl } from '../../../../initiator/iscsi-url.js';
import type { DeviceLunConfig } from '../../../config/engine-config.js';
import { readSecretText } from '../../../config/secret-source.js';
import { TargetError } from '../../../errors.js';
import type { OpenContext } from '../../device-kind.js';
import { SessionConnector } from './session-connector.js';

/** The connector of a LUN whose device is at a remote target. Throws `TargetError` `PASSTHROUGH_SECRET` and `PASSTHROUGH_SOURCE`. */
export function remoteConnector(config: DeviceLunConfig, context: Pick<OpenContext, 'clock' | 'limits'>): SessionConnector {
  const { source, options } = config.device;
  const environment = {
    ...process.env,
    ...secretFrom(options['secret-file'], 'LUNLOOM_CHAP_SECRET'),
    ...secretFrom(options['target-secret-file'], 'LUNLOOM_CHAP_TARGET_SECRET'),
  };
  const initiatorName = options['initiator-name'] as string | undefined;
  return new SessionConnector({
    url: urlOf(source, environment),
    name: maskIscsiUrl(source),
    isPerNexus: options['session'] !== 'shared',
    clock: context.clock,
    limits: context.limits,
    ...(initiatorName === undefined ? {} : { initiatorName }),
  });
}

function urlOf(source: string, environment: NodeJS.ProcessEnv): IscsiUrl {
  try {
    return parseIscsiUrl(source, environment);
  } catch (error) {
    if (!(error instanceof InitiatorError)) throw error;
    throw new TargetError('PASSTHROUGH_SOURCE', `${error.message}; or give the LUN a secret-file`, { cause: error });
  }
}

function secretFrom(path: unknown, variable: string): Record<string, string> {
  if (typeof path !== 'string') return {};
  const read = readSecretText({ file: path });
  if (read.fault !== undefined) throw new TargetError('PASSTHROUGH_SECRET', read.fault);
  return { [variable]: read.value };
}
