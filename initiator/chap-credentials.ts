import type { ChapOptions } from './chap.js';

/** Variables of the environment, `process.env` mostly. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a URL says of users and secrets. */
export interface UrlCredentials {
  readonly user?: string;
  readonly secret?: string;
  readonly targetUser?: string;
  readonly targetSecret?: string;
}

/** Each with its own name first, then that of libiscsi, so that what is set for its tools serves ours. */
const variables = {
  user: ['LUNLOOM_CHAP_USER', 'LIBISCSI_CHAP_USERNAME'],
  secret: ['LUNLOOM_CHAP_SECRET', 'LIBISCSI_CHAP_PASSWORD'],
  targetUser: ['LUNLOOM_CHAP_TARGET_USER', 'LIBISCSI_CHAP_TARGET_USERNAME'],
  targetSecret: ['LUNLOOM_CHAP_TARGET_SECRET', 'LIBISCSI_CHAP_TARGET_PASSWORD'],
} as const satisfies Record<keyof UrlCredentials, readonly string[]>;

/**
 * How to authenticate with what a URL and the environment say; the URL is stronger. Null when there is no user or no secret.
 */
export function chapOptionsOf(
  given: UrlCredentials,
  environment: Environment,
  extra: Pick<ChapOptions, 'allowWeakSecret' | 'algorithms'> = {},
): ChapOptions | null {
  const credential = (key: keyof UrlCredentials): string | undefined => {
    const fromEnvironment = variables[key].map((name) => environment[name]).find((value) => value !== undefined && value !== '');
    return given[key] ?? fromEnvironment;
  };
  const [name, secret] = [credential('user'), credential('secret')];
  if (name === undefined || secret === undefined) return null;
  const [targetUser, targetSecret] = [credential('targetUser'), credential('targetSecret')];
  return {
    name,
    secret,
    ...(targetSecret === undefined ? {} : { target: { ...(targetUser === undefined ? {} : { name: targetUser }), secret: targetSecret } }),
    ...extra,
  };
}
