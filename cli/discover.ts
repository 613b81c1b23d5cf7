import {
  type DiscoveredTarget,
  deviceTypeName,
  InitiatorError,
  LogicalUnitClient,
  loginOptionsOf,
  type PortalUrl,
  parsePortalUrl,
  parseTargetAddress,
  ScsiCommandError,
  Session,
} from '../initiator/index.js';
import { formatSize, jsonValue } from './json-values.js';
import type { ProgramOutput } from './program-output.js';
import type { DiscoverOptions } from './target-commands.js';
import { commonLogin, faultWords, withFaultsOf } from './target-session.js';

interface FoundPortal {
  readonly host: string;
  readonly port: number;
  readonly portalGroupTag: number | null;
}

interface FoundUnit {
  readonly lun: number;
  readonly type: string;
  readonly vendor: string;
  readonly product: string;
  /** Null for units that tell none, or are not ready. */
  readonly sizeBytes: bigint | null;
}

interface FoundTarget {
  readonly name: string;
  readonly portals: readonly FoundPortal[];
  /** Null when nobody asked, or the target did not let us in. */
  readonly luns: readonly FoundUnit[] | null;
  /** Why `luns` are not there although somebody asked. */
  readonly fault: string | null;
}

/** `lunloom discover`. Rejects as `withFaultsOf`; a target that refuses us is told of and is no failure. */
export async function runDiscoverCommand(portal: string, options: DiscoverOptions, output: ProgramOutput): Promise<void> {
  const found = await withFaultsOf(portal, async () => {
    const url = parsePortalUrl(portal);
    const targets: FoundTarget[] = [];
    for (const target of await sendTargets(url, options)) targets.push(await look(url, target, options));
    return { url, targets };
  });
  if (options.json === true) {
    output.event({ event: 'discover', portal: hostAndPort(found.url), targets: jsonValue(found.targets) });
    return;
  }
  for (const target of found.targets) for (const line of targetLines(target)) output.resultLine(line);
  if (found.targets.length === 0) output.remarkLine(`lunloom: ${hostAndPort(found.url)} has no target for us`);
}

async function sendTargets(url: PortalUrl, { initiatorName }: DiscoverOptions): Promise<DiscoveredTarget[]> {
  const session = await Session.login({ ...loginOptionsOf(url), ...commonLogin(initiatorName), sessionType: 'Discovery' });
  try {
    return await session.sendTargets('All');
  } finally {
    if (!session.isClosed) await session.logout().catch(() => session.destroy());
  }
}

async function look(url: PortalUrl, { targetName, targetAddresses }: DiscoveredTarget, options: DiscoverOptions): Promise<FoundTarget> {
  const told = targetAddresses.map(parseTargetAddress);
  // A target that names no address is where the discovery was. RFC 7143 Appendix C.
  const portals = told.length > 0 ? told : [{ host: url.host, port: url.port, portalGroupTag: null }];
  if (options.luns !== true) return { name: targetName, portals, luns: null, fault: null };
  try {
    return { name: targetName, portals, luns: await listUnits(url, targetName, portals, options), fault: null };
  } catch (error) {
    if (!(error instanceof InitiatorError)) throw error;
    return { name: targetName, portals, luns: null, fault: faultWords(error) };
  }
}

async function listUnits(url: PortalUrl, targetName: string, portals: readonly FoundPortal[], { initiatorName }: DiscoverOptions): Promise<FoundUnit[]> {
  // The portal that answered us is surely one that we reach.
  const portal = portals.find(({ host, port }) => host === url.host && port === url.port) ?? (portals[0] as FoundPortal);
  const session = await Session.login({ ...loginOptionsOf({ ...url, ...portal }), ...commonLogin(initiatorName), targetName });
  try {
    const luns = (await new LogicalUnitClient(session, 0).reportLuns()).filter((lun) => lun >= 0);
    const units: FoundUnit[] = [];
    for (const lun of luns.sort((a, b) => a - b)) units.push(await describeUnit(session, lun));
    return units;
  } finally {
    if (!session.isClosed) await session.logout().catch(() => session.destroy());
  }
}

async function describeUnit(session: Session, lun: number): Promise<FoundUnit> {
  const unit = new LogicalUnitClient(session, lun);
  const { peripheralDeviceType, vendor, product } = await unit.inquiry();
  return { lun, type: deviceTypeName(peripheralDeviceType), vendor, product, sizeBytes: await sizeOf(unit) };
}

async function sizeOf(unit: LogicalUnitClient): Promise<bigint | null> {
  try {
    await unit.clearUnitAttentions();
    const { lbaCount, blockLengthBytes } = await unit.readCapacity();
    return lbaCount * BigInt(blockLengthBytes);
  } catch (error) {
    if (error instanceof ScsiCommandError) return null;
    throw error;
  }
}

function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function targetLines({ name, portals, luns, fault }: FoundTarget): string[] {
  const lines = [name];
  for (const portal of portals) {
    lines.push(`  ${hostAndPort(portal)}${portal.portalGroupTag === null ? '' : `  portal group ${portal.portalGroupTag}`}`);
  }
  const first = portals[0] as FoundPortal;
  for (const { lun, type, vendor, product, sizeBytes } of luns ?? []) {
    const size = sizeBytes === null ? '' : `  ${formatSize(sizeBytes)}`;
    lines.push(`  LUN ${lun}  ${type}${size}  ${vendor} ${product}  iscsi://${hostAndPort(first)}/${name}/${lun}`);
  }
  if (fault !== null) lines.push(`  logical units unknown: ${fault}`);
  return lines;
}
