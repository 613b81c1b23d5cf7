import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, runToEnd } from '../../bench/compare/child-process.js';
import { freePort } from '../../bench/compare/free-port.js';
import { TargetError } from '../../engine/errors.js';
import { peerPath } from '../support/debian-packages.js';

/** tgt keeps LUN 0 for its controller. */
export const TGT_LUN = 1;
const START_MS_MAX = 10_000;
const ADMIN_MS_MAX = 5_000;
const RETRY_MS = 50;
/** Any number: the socket has a folder of its own. */
const CONTROL_PORT = '0';

export interface TgtdTarget {
  readonly targetName: string;
  /** Operational keys as tgt offers them. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Parameters of its unit, such as `thin_provisioning=1`. */
  readonly unitParams?: string;
  /** Who may log in; whoever it is when left out. */
  readonly incoming?: { readonly user: string; readonly secret: string };
  /** How the target proves itself. */
  readonly outgoing?: { readonly user: string; readonly secret: string };
}

/** The real tgtd with some targets of `sizeBytes` each, apart from any other tgtd of the machine; killed by its own id. */
export class Tgtd {
  readonly port: number;
  readonly #folder: string;
  readonly #daemon: Child;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(port: number, folder: string, daemon: Child, env: NodeJS.ProcessEnv) {
    this.port = port;
    this.#folder = folder;
    this.#daemon = daemon;
    this.#env = env;
  }

  static async start(targets: readonly TgtdTarget[], sizeBytes: number): Promise<Tgtd> {
    const folder = mkdtempSync(join(tmpdir(), 'lunloom-tgtd-'));
    const env = { TGT_IPC_SOCKET: join(folder, 'socket') };
    const port = await freePort();
    const daemon = new Child('tgtd', peerPath('tgtd') ?? 'tgtd', ['-f', '-C', CONTROL_PORT, '--iscsi', `portal=127.0.0.1:${port}`], env);
    const tgtd = new Tgtd(port, folder, daemon, env);
    try {
      await tgtd.#waitUntilUp();
      for (const [index, target] of targets.entries()) await tgtd.#addTarget(index + 1, target, sizeBytes);
    } catch (error) {
      await tgtd.stop();
      throw error;
    }
    return tgtd;
  }

  async stop(): Promise<void> {
    // It does not heed SIGTERM as long as it has a target, and holds nothing that is worth saving.
    await this.#daemon.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true });
  }

  async #waitUntilUp(): Promise<void> {
    const deadline = performance.now() + START_MS_MAX;
    while (!(await this.#tryAdmin(['--mode', 'system', '--op', 'show'])).isDone) {
      if (this.#daemon.hasEnded || performance.now() > deadline) throw new TargetError('PEER_FAILED', `tgtd does not run: ${this.#daemon.lastWords()}`);
      await sleep(RETRY_MS);
    }
  }

  async #addTarget(tid: number, { targetName, keys = {}, unitParams, incoming, outgoing }: TgtdTarget, sizeBytes: number): Promise<void> {
    const target = ['--tid', String(tid)];
    const image = join(this.#folder, `${tid}.raw`);
    writeFileSync(image, '');
    truncateSync(image, sizeBytes);
    await this.#admin(['--mode', 'target', '--op', 'new', ...target, '--targetname', targetName]);
    await this.#admin(['--mode', 'logicalunit', '--op', 'new', ...target, '--lun', String(TGT_LUN), '--backing-store', image]);
    const unit = ['--mode', 'logicalunit', '--op', 'update', ...target, '--lun', String(TGT_LUN)];
    if (unitParams !== undefined) await this.#admin([...unit, '--params', unitParams]);
    for (const [name, value] of Object.entries(keys)) await this.#admin(['--mode', 'target', '--op', 'update', ...target, '--name', name, '--value', value]);
    for (const [account, flags] of [
      [incoming, []],
      [outgoing, ['--outgoing']],
    ] as const) {
      if (account === undefined) continue;
      await this.#admin(['--mode', 'account', '--op', 'new', '--user', account.user, '--password', account.secret]);
      await this.#admin(['--mode', 'account', '--op', 'bind', ...target, '--user', account.user, ...flags]);
    }
    await this.#admin(['--mode', 'target', '--op', 'bind', ...target, '--initiator-address', 'ALL']);
  }

  async #admin(args: readonly string[]): Promise<void> {
    const { isDone, words } = await this.#tryAdmin(args);
    if (!isDone) throw new TargetError('PEER_FAILED', `tgtadm ${args.slice(0, 4).join(' ')} failed: ${words}`);
  }

  async #tryAdmin(args: readonly string[]): Promise<{ readonly isDone: boolean; readonly words: string }> {
    const end = await runToEnd('tgtadm', peerPath('tgtadm') ?? 'tgtadm', ['-C', CONTROL_PORT, '--lld', 'iscsi', ...args], ADMIN_MS_MAX, this.#env);
    return { isDone: end.exitCode === 0, words: end.lastWords() };
  }
}
