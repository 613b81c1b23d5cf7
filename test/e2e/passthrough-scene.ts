import { freePort } from '../../bench/compare/free-port.js';
import { Engine } from '../../engine/engine.js';
import type { LimitName } from '../../engine/limits.js';
import { testUnitReadyCdb } from '../../initiator/cdb.js';
import { parseSense } from '../../initiator/sense-data.js';
import { Session, type SessionOptions } from '../../initiator/session.js';

export const BACK_NAME = 'iqn.2026-11.io.lunloom:back';
export const FRONT_NAME = 'iqn.2026-11.io.lunloom:front';
const MIB = 1024 * 1024;
export const BACK_BYTES = 64 * MIB;

export interface EngineAtPort {
  readonly engine: Engine;
  readonly port: number;
}

const common = { execution: 'inline', workerCount: 0, insecure: false } as const;

/** A disk in memory, which forgets when it is stopped. */
export async function startBack(port = 0): Promise<EngineAtPort> {
  const lun = { lun: 0, store: { kind: 'ram', sizeBytes: BACK_BYTES }, blockLengthBytes: 512, readOnly: false } as const;
  const engine = await Engine.start({ ...common, portals: [{ address: '127.0.0.1', port }], targets: [{ name: BACK_NAME, luns: [lun] }], limits: {} });
  return { engine, port: engine.portals[0]?.port ?? 0 };
}

export interface FrontOptions {
  /** Of the remote unit. */
  readonly source: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly limits?: Partial<Record<LimitName, number>>;
}

export const defects: unknown[] = [];
export const notices: string[] = [];

export async function startFront({ source, options = {}, limits = {} }: FrontOptions): Promise<EngineAtPort> {
  const lun = { lun: 0, device: { kind: 'passthrough', source, options }, readOnly: false };
  const engine = await Engine.start(
    {
      ...common,
      portals: [{ address: '127.0.0.1', port: 0 }],
      targets: [{ name: FRONT_NAME, luns: [lun] }],
      limits: { passthroughRetryMsMin: 50, passthroughRetryMsMax: 200, ...limits },
    },
    { onDefect: (error) => defects.push(error) },
  );
  return { engine, port: engine.portals[0]?.port ?? 0 };
}

export function backSource(port: number): string {
  return `iscsi://127.0.0.1:${port}/${BACK_NAME}/0`;
}

export async function login(port: number, options: Partial<SessionOptions> = {}): Promise<Session> {
  return Session.login({ host: '127.0.0.1', port, targetName: FRONT_NAME, ...options });
}

/** `good`, `06/29/00`, or the status in hex. */
export async function tell(session: Session, cdb: Uint8Array = testUnitReadyCdb()): Promise<string> {
  const { status, sense } = await session.command({ lun: 0, cdb });
  if (status === 0) return 'good';
  const parsed = parseSense(sense);
  if (parsed === null) return status.toString(16);
  return [parsed.key, parsed.asc, parsed.ascq].map((byte) => byte.toString(16).padStart(2, '0')).join('/');
}

/** What it tells until it tells nothing new. */
export async function tellAll(session: Session): Promise<string[]> {
  const told: string[] = [];
  while (told.length < 10) {
    const next = await tell(session);
    if (next === 'good') break;
    told.push(next);
  }
  return told;
}

/** Asks until the answer is none of these; throws nothing, and gives up after ten seconds. */
export async function tellBeyond(session: Session, passing: readonly string[]): Promise<string> {
  for (let count = 0; count < 200; count++) {
    const told = await tell(session);
    if (!passing.includes(told)) return told;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return 'nothing else';
}

export { freePort };
