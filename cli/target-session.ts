import { TargetError } from '../engine/errors.js';
import { LoginStatus } from '../engine/pdu/index.js';
import {
  InitiatorError,
  type IscsiUrl,
  LogicalUnitClient,
  LoginError,
  loginOptionsOf,
  maskIscsiUrl,
  parseIscsiUrl,
  type RetryOptions,
  Session,
} from '../initiator/index.js';

export interface UnitSessionOptions {
  /** CRC32C for headers and data, whatever the URL says. */
  readonly digests?: boolean;
  readonly initiatorName?: string | undefined;
  readonly retry?: RetryOptions;
}

/** A logical unit that is logged in to. */
export interface OpenUnit {
  readonly url: IscsiUrl;
  readonly session: Session;
  readonly unit: LogicalUnitClient;
  /** Logs out, or just closes what is broken; never rejects. */
  close(): Promise<void>;
}

const USAGE_CODES: readonly string[] = ['URL_INVALID', 'ARGUMENT_INVALID', 'NOT_SUPPORTED'];

/**
 * What an initiator could not do, in words for who typed the URL: `INITIATOR_USAGE`, `INITIATOR_FAILED` for commands that the
 * unit refused, `INITIATOR_TARGET` for a target that cannot be reached, refuses us or is lost. Other errors stay what they are.
 */
export function asInitiatorFault(url: string, error: unknown): unknown {
  if (!(error instanceof InitiatorError)) return error;
  if (error.code === 'URL_INVALID') return new TargetError('INITIATOR_USAGE', error.message, { cause: error });
  const message = `${maskIscsiUrl(url)}: ${faultWords(error)}`;
  if (USAGE_CODES.includes(error.code)) return new TargetError('INITIATOR_USAGE', message, { cause: error });
  return new TargetError(error.code === 'SCSI_STATUS' ? 'INITIATOR_FAILED' : 'INITIATOR_TARGET', message, { cause: error });
}

/** What an initiator could not do, without the address. */
export function faultWords(error: InitiatorError): string {
  // The name of the option, in the words of a URL.
  return error instanceof LoginError ? loginWords(error) : error.message.replace('allowWeakSecret', '?allow_weak_secret=1');
}

/** `login was refused: target not found (status 0x0203)`. */
function loginWords(error: LoginError): string {
  if (error.code === 'LOGIN_REDIRECTED') return error.message;
  const name = Object.entries(LoginStatus).find(([, status]) => status === error.status)?.[0];
  const what = name === undefined ? '' : `: ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
  // tgt means SHA-1 by the number that has been SHA-256's since RFC 7143, so that right secrets fail there.
  const hint =
    error.status === LoginStatus.authenticationFailure ? '; it takes the right user%secret@ in front of the host (tgt wants ?chap_algorithm=md5 too)' : '';
  return `login was refused${what} (status 0x${error.status.toString(16).padStart(4, '0')})${hint}`;
}

/** Runs `use`, its errors in words as `asInitiatorFault` has them. */
export async function withFaultsOf<T>(url: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    throw asInitiatorFault(url, error);
  }
}

const closing = async (session: Session): Promise<void> => {
  if (session.isClosed) return;
  await session.logout().catch(() => session.destroy());
};

/** The part of a login that every command has in common. */
export function commonLogin(initiatorName: string | undefined): { readonly tolerate: 'harmless'; readonly initiatorName?: string } {
  // Whatever target there is: what it does against the rules without any danger to data is not our affair.
  return { tolerate: 'harmless', ...(initiatorName === undefined ? {} : { initiatorName }) };
}

/** Logs in to the target of `url`. Rejects as `Session.login`. */
export async function openUnit(url: string, options: UnitSessionOptions = {}): Promise<OpenUnit> {
  const parsed = parseIscsiUrl(url);
  const digests = options.digests === true ? { digests: { header: 'CRC32C', data: 'CRC32C' } as const } : {};
  const session = await Session.login({ ...loginOptionsOf(parsed), ...digests, ...commonLogin(options.initiatorName), targetName: parsed.targetName });
  return { url: parsed, session, unit: new LogicalUnitClient(session, parsed.lun, options.retry), close: () => closing(session) };
}

/** Logs in, runs `use`, logs out whatever happens. Rejects with what `asInitiatorFault` makes of it. */
export function withUnit<T>(url: string, options: UnitSessionOptions, use: (opened: OpenUnit) => Promise<T>): Promise<T> {
  return withFaultsOf(url, async () => {
    const opened = await openUnit(url, options);
    try {
      return await use(opened);
    } finally {
      await opened.close();
    }
  });
}
