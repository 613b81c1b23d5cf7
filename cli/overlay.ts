import { resolve } from 'node:path';
import { DEFAULT_LUN_STORE, DEFAULT_TARGET_NAME } from '../engine/config/config-document.js';
import { type ConfigOrigin, type ConfigPath, type LocatedProblem, locateProblem } from '../engine/config/problem.js';
import { withoutSecrets } from '../engine/config/store-text.js';
import type { ConfigSource } from '../engine/config/yaml-source.js';
import { numberOrText, parseLunOption } from './lun-option.js';

/** The options of `lunloom serve` that say what is served, as they were typed. */
export interface ServeOptions {
  readonly portal?: readonly string[];
  readonly target?: string;
  readonly lun?: readonly string[];
  readonly execution?: string;
  readonly workers?: string;
  readonly pollUs?: string;
  readonly insecure?: boolean;
  readonly control?: string;
  readonly state?: string;
  readonly isns?: string;
  readonly chapUser?: string;
  readonly chapSecretFile?: string;
  readonly chapSecretEnv?: string;
}

/** A raw configuration under construction, and which of its places were written as options. */
interface Overlay {
  readonly root: Record<string, unknown>;
  readonly optionPaths: { readonly path: ConfigPath; readonly option: string }[];
  readonly problems: LocatedProblem[];
}

/**
 * The options laid over a configuration file, or over nothing. `--portal` replaces the portals; `--execution`,
 * `--workers`, `--insecure`, `--control`, `--state`, `--isns` and `--poll-us` replace their keys; `--target` and `--lun`
 * change the one target of the file and are refused when it has several. Values stay raw: the file's own schema checks them, and its problems name the option.
 */
export function overlayOptions(file: ConfigSource | null, options: ServeOptions, workingDirectory: string): ConfigSource {
  if (file !== null && !isMapping(file.raw)) return file;
  const overlay: Overlay = { root: isMapping(file?.raw) ? { ...file.raw } : {}, optionPaths: [], problems: [] };
  for (const [index, portal] of (options.portal ?? []).entries()) {
    if (index === 0) overlay.root['portals'] = [...(options.portal ?? [])];
    overlay.optionPaths.push({ path: ['portals', index], option: `--portal ${portal}` });
  }
  setKey(overlay, 'execution', options.execution, `--execution ${options.execution}`);
  setKey(overlay, 'workers', numberOrText(options.workers) ?? undefined, `--workers ${options.workers}`);
  overlayPolling(overlay, options.pollUs);
  if (options.insecure === true) setKey(overlay, 'insecure', true, '--insecure');
  overlayControl(overlay, options.control, workingDirectory);
  // A path on the command line starts at the working directory, not at that of the file.
  setKey(
    overlay,
    'state',
    options.state === undefined || options.state === '' ? options.state : resolve(workingDirectory, options.state),
    `--state ${options.state}`,
  );
  overlayIsns(overlay, options.isns);
  if (file === null) startTarget(overlay, options);
  overlayTarget(overlay, options, workingDirectory);
  overlayUser(overlay, options, workingDirectory);
  return {
    raw: overlay.root,
    baseDirectory: file?.baseDirectory ?? workingDirectory,
    problems: [...overlay.problems, ...(file?.problems ?? [])],
    locate: (path, at) => optionOrigin(overlay, path) ?? file?.locate(path, at) ?? { kind: 'whole', name: 'command line' },
  };
}

function setKey(overlay: Overlay, key: string, value: unknown, option: string): void {
  if (value === undefined) return;
  overlay.root[key] = value;
  overlay.optionPaths.push({ path: [key], option });
}

/** `--poll-us` is the one limit that has an option of its own. */
function overlayPolling(overlay: Overlay, pollUs: string | undefined): void {
  if (pollUs === undefined) return;
  const limits = overlay.root['limits'];
  overlay.root['limits'] = { ...(isMapping(limits) ? limits : {}), socketPollMicrosMax: numberOrText(pollUs) };
  overlay.optionPaths.push({ path: ['limits', 'socketPollMicrosMax'], option: `--poll-us ${pollUs}` });
}

/** A path on the command line starts at the working directory, not at that of the file. */
function overlayControl(overlay: Overlay, control: string | undefined, workingDirectory: string): void {
  setKey(overlay, 'control', control?.includes('/') === true ? resolve(workingDirectory, control) : control, `--control ${control}`);
}

/** `--isns` is the server; the file's other words about iSNS stay. */
function overlayIsns(overlay: Overlay, server: string | undefined): void {
  if (server === undefined) return;
  const isns = overlay.root['isns'];
  overlay.root['isns'] = { ...(isMapping(isns) ? isns : {}), server };
  overlay.optionPaths.push({ path: ['isns', 'server'], option: `--isns ${server}` });
}

/** Without a file there is one target, and LUN 0 in memory unless LUNs are named. */
function startTarget(overlay: Overlay, options: ServeOptions): void {
  const luns = options.lun === undefined ? [{ lun: 0, store: DEFAULT_LUN_STORE }] : [];
  overlay.root['targets'] = [{ name: DEFAULT_TARGET_NAME, luns }];
}

/** A copy of the one target that options can change, in its place; null when there are several, which is a problem of these options. */
function takeOnlyTarget(overlay: Overlay, options: readonly string[]): Record<string, unknown> | null {
  const targets = overlay.root['targets'];
  const [only] = Array.isArray(targets) ? targets : [];
  if (!Array.isArray(targets) || !isMapping(only)) return null;
  if (targets.length > 1) {
    const message = `expected a configuration of one target, found ${targets.length}; change the file instead`;
    for (const option of options) overlay.problems.push(optionProblem(option, message));
    return null;
  }
  const target = { ...only };
  overlay.root['targets'] = [target];
  return target;
}

/** `--chap-user` with the place of its secret takes the place of all users of the target. */
function overlayUser(overlay: Overlay, { chapUser, chapSecretFile, chapSecretEnv }: ServeOptions, workingDirectory: string): void {
  if (chapUser === undefined) {
    const secretOption = chapSecretFile === undefined ? '--chap-secret-env' : '--chap-secret-file';
    if (chapSecretFile !== undefined || chapSecretEnv !== undefined) overlay.problems.push(optionProblem(secretOption, 'expected --chap-user with it'));
    return;
  }
  const option = `--chap-user ${chapUser}`;
  if ((chapSecretFile === undefined) === (chapSecretEnv === undefined)) {
    overlay.problems.push(optionProblem(option, 'expected --chap-secret-file or --chap-secret-env with it: where its secret is'));
    return;
  }
  const target = takeOnlyTarget(overlay, [option]);
  if (target === null) return;
  const secret = chapSecretFile === undefined ? { env: chapSecretEnv } : { file: resolve(workingDirectory, chapSecretFile) };
  target['users'] = [{ name: chapUser, secret }];
  const path = ['targets', 0, 'users', 0];
  overlay.optionPaths.push({ path: [...path, 'name'], option });
  // The name of a variable is not repeated: somebody may have taken it for the place of the secret itself.
  overlay.optionPaths.push({ path: [...path, 'secret'], option: chapSecretFile === undefined ? '--chap-secret-env' : `--chap-secret-file ${chapSecretFile}` });
}

function overlayTarget(overlay: Overlay, options: ServeOptions, workingDirectory: string): void {
  if (options.target === undefined && options.lun === undefined) return;
  const target = takeOnlyTarget(overlay, [
    ...(options.target === undefined ? [] : [`--target ${options.target}`]),
    ...(options.lun ?? []).map((lun) => `--lun ${withoutSecrets(lun)}`),
  ]);
  if (target === null) return;
  if (options.target !== undefined) {
    target['name'] = options.target;
    overlay.optionPaths.push({ path: ['targets', 0, 'name'], option: `--target ${options.target}` });
  }
  if (options.lun !== undefined) target['luns'] = overlayLuns(overlay, target['luns'], options.lun, workingDirectory);
}

/** LUNs of the file with those of `--lun` in the place of the same number, or behind. */
function overlayLuns(overlay: Overlay, fileLuns: unknown, options: readonly string[], workingDirectory: string): unknown {
  const luns: unknown[] = Array.isArray(fileLuns) ? [...fileLuns] : [];
  const optionByLun = new Map<unknown, string>();
  for (const text of options) {
    const option = `--lun ${withoutSecrets(text)}`;
    const { raw, fault } = parseLunOption(text, workingDirectory);
    if (fault !== undefined) {
      overlay.problems.push(optionProblem(option, fault));
      continue;
    }
    const lun = raw['lun'];
    const earlier = optionByLun.get(lun);
    if (earlier !== undefined) {
      overlay.problems.push(optionProblem(option, `LUN ${lun} is there twice, first as ${earlier}`));
      continue;
    }
    optionByLun.set(lun, option);
    const found = luns.findIndex((entry) => isMapping(entry) && entry['lun'] === lun);
    const index = found < 0 ? luns.length : found;
    luns[index] = raw;
    overlay.optionPaths.push({ path: ['targets', 0, 'luns', index], option });
  }
  // A list that is empty only because its options had no form would be blamed for being empty.
  return luns.length === 0 && overlay.problems.length > 0 ? [{ lun: 0, store: DEFAULT_LUN_STORE }] : luns;
}

function optionOrigin(overlay: Overlay, path: ConfigPath): ConfigOrigin | undefined {
  const match = overlay.optionPaths.findLast((entry) => entry.path.every((step, index) => path[index] === step));
  return match === undefined ? undefined : { kind: 'option', option: match.option, depth: match.path.length };
}

function optionProblem(option: string, message: string): LocatedProblem {
  return locateProblem({ code: 'CONFIG_INVALID', path: [], at: 'value', message }, { kind: 'option', option, depth: 0 });
}

function isMapping(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
