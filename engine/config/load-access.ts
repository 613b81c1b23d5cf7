import { type AccessControlOptions, AddressRange, type BoundPortal, type RedirectRule, TargetAccess } from '../access/index.js';
import { assert } from '../errors.js';
import { type ChapAccount, ChapCredentials, type ChapSecret, normalizeIscsiName } from '../login/index.js';
import type { AccessRuleConfig, ChapConfig, ChapUserConfig, EngineConfig, PortalConfig } from './engine-config.js';
import { type ConfigPath, type ConfigProblem, formatPath } from './problem.js';
import { readSecret } from './secret-source.js';

/** A secret with the place that names it. */
interface PlacedSecret {
  readonly path: ConfigPath;
  readonly secret: ChapSecret;
}

/** Reads the secrets of a configuration and remembers what is wrong with them. */
class SecretReader {
  readonly problems: ConfigProblem[] = [];
  readonly #ofUsers: PlacedSecret[] = [];
  readonly #ofTargets: PlacedSecret[] = [];

  /** Null when there are no users, or when a secret could not be had. */
  credentialsOf(chap: ChapConfig, path: ConfigPath): ChapCredentials | null {
    if (chap.users === undefined) return null;
    const users = chap.users.map((user, index) => this.#accountOf(user, [...path, 'users', index], this.#ofUsers));
    const mutual = chap.mutual === undefined ? undefined : this.#accountOf(chap.mutual, [...path, 'mutual'], this.#ofTargets);
    if (mutual === null || users.includes(null) || this.#isShared(path)) return null;
    return new ChapCredentials({ users: users.filter((user) => user !== null), mutual, algorithms: chap.algorithms });
  }

  /** RFC 7143 §9.2.1: a secret of one direction must not serve the other, wherever it stands. */
  checkDirections(): void {
    for (const { path, secret } of this.#ofTargets) {
      const user = this.#ofUsers.find((candidate) => candidate.secret.equals(secret));
      if (user !== undefined) this.#add(path, `is the same secret as that of ${formatPath(user.path.slice(0, -1))}; each direction needs one of its own`);
    }
  }

  #accountOf({ name, secret: source }: ChapUserConfig, path: ConfigPath, others: PlacedSecret[]): ChapAccount | null {
    const place = [...path, 'secret'];
    const { secret, fault } = readSecret(source);
    if (fault !== undefined) {
      this.#add(place, fault);
      return null;
    }
    others.push({ path: place, secret });
    return { name, secret };
  }

  /** Credentials refuse such secrets themselves; here they become a problem with its place, by `checkDirections`. */
  #isShared(path: ConfigPath): boolean {
    const isBelow = (placed: PlacedSecret) => path.every((step, index) => placed.path[index] === step);
    const users = this.#ofUsers.filter(isBelow);
    return this.#ofTargets.filter(isBelow).some(({ secret }) => users.some((user) => user.secret.equals(secret)));
  }

  #add(path: ConfigPath, message: string): void {
    this.problems.push({ code: 'CONFIG_SECRET', path, at: 'value', message });
  }
}

/**
 * Who may log in to what, with the secrets read from where the configuration says. With problems the answer must not be used:
 * what lacks its secrets would be open.
 */
export function readAccess(config: EngineConfig): { readonly access: Omit<AccessControlOptions, 'limits'>; readonly problems: readonly ConfigProblem[] } {
  const reader = new SecretReader();
  const discovery = config.discovery === undefined ? null : reader.credentialsOf(config.discovery, ['discovery']);
  const targets = new Map<string, TargetAccess>();
  for (const [index, target] of config.targets.entries()) {
    const credentials = reader.credentialsOf(target, ['targets', index]);
    const rules = target.access?.map(ruleOf) ?? null;
    targets.set(normalizeIscsiName(target.name) ?? target.name, new TargetAccess({ credentials, rules }));
  }
  reader.checkDirections();
  return { access: { targets, discovery }, problems: reader.problems };
}

function ruleOf({ initiators, addresses, users, luns }: AccessRuleConfig) {
  const ranges = addresses?.map((text) => {
    const range = AddressRange.parse(text);
    assert(range !== null, 'a checked configuration has readable addresses');
    return range;
  });
  return { initiators, addresses: ranges, users, luns };
}

/** The redirections with portals as they are bound; `bound` stands in the order of the configuration. */
export function redirectRulesOf(config: EngineConfig, bound: readonly BoundPortal[]): RedirectRule[] {
  return (config.redirects ?? []).map(({ target, portal, to, permanent }) => ({
    targetName: target,
    portal: portal === undefined ? undefined : (bound[indexOfPortal(config.portals, portal)] ?? portal),
    host: to.host,
    port: to.port,
    permanent,
  }));
}

function indexOfPortal(portals: readonly PortalConfig[], { address, port }: PortalConfig): number {
  return portals.findIndex((portal) => portal.address === address && portal.port === port);
}
