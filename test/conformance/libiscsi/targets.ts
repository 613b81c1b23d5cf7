import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TGT_LUN, Tgtd } from '../../e2e/tgtd.js';
import { LunloomProcess } from '../../support/lunloom-process.js';
import { type Configuration, SECRET } from './configurations.js';

/** A target that iscsi-test-cu is run against, in the shape that a configuration asks for. */
export interface TargetKind {
  readonly name: string;
  start(configuration: Configuration): Promise<RunningTarget>;
}

export interface RunningTarget {
  /** One, or two paths to the same unit. */
  readonly urls: readonly string[];
  /** Throws when it did not stop cleanly or had to say something of itself. */
  stop(): Promise<void>;
}

export type ExecutionKind = 'inline' | 'pool';
export type StoreKind = 'ram' | 'file';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:conformance';
/** Tests fail to log in on purpose. */
const LOGIN_FAILURE_DELAY_MS_MAX = 0;

/** Lunloom as a process of its own. */
export function lunloomKind(execution: ExecutionKind, store: StoreKind): TargetKind {
  return {
    name: `Lunloom, ${store}, ${execution}`,
    async start({ readOnly, user, hasTwoPaths, unitBytes, is512e }) {
      const folder = mkdtempSync(join(tmpdir(), 'lunloom-conformance-'));
      const secretFile = join(folder, 'secret');
      writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });
      const image = join(folder, 'disk.img');
      writeFileSync(image, '');
      truncateSync(image, unitBytes);
      const shape = { readonly: readOnly, removable: !readOnly, ...(is512e ? { 'physical-block-size': '4KiB' } : {}) };
      const lun = { lun: 0, store: store === 'ram' ? `ram:${unitBytes}` : `file:${image}`, execution, ...shape };
      const users = [{ name: user, secret: { file: secretFile } }];
      const config = { targets: [{ name: TARGET_NAME, luns: [lun], users }], limits: { loginFailureDelayMsMax: LOGIN_FAILURE_DELAY_MS_MAX } };
      const portals = hasTwoPaths ? ['127.0.0.1:0', '127.0.0.1:0,2'] : ['127.0.0.1:0'];
      const lunloom = await LunloomProcess.start({ config, portals, args: ['--state', join(folder, 'state')] });
      return {
        urls: portals.map((_, index) => `iscsi://${user}%${SECRET}@${lunloom.portals[index]}/${TARGET_NAME}/0`),
        async stop() {
          const { exitCode } = await lunloom.stop();
          rmSync(folder, { recursive: true });
          if (exitCode !== 0 || lunloom.stderr !== '') throw new TypeError(`lunloom serve ended with ${exitCode} and said: ${lunloom.stderr}`);
        },
      };
    },
  };
}

/** The real tgtd, as far as it can be set up alike. */
export const tgtKind: TargetKind = {
  name: 'tgt',
  async start({ readOnly, user, hasTwoPaths, unitBytes }) {
    const unitParams = `thin_provisioning=1,removable=${readOnly ? 0 : 1},readonly=${readOnly ? 1 : 0}`;
    const tgtd = await Tgtd.start([{ targetName: TARGET_NAME, unitParams, incoming: { user, secret: SECRET } }], unitBytes);
    const url = `iscsi://${user}%${SECRET}@127.0.0.1:${tgtd.port}/${TARGET_NAME}/${TGT_LUN}`;
    return { urls: hasTwoPaths ? [url, url] : [url], stop: () => tgtd.stop() };
  },
};

export const lunloomKinds: readonly TargetKind[] = (['ram', 'file'] as const).flatMap((store) =>
  (['inline', 'pool'] as const).map((execution) => lunloomKind(execution, store)),
);
