import type { KeyValuePair } from '../pdu/index.js';
import { nameFromWire, textToWire } from './iscsi-name.js';
import type { NegotiatedParameters } from './negotiated-parameters.js';
import { formatTargetAddress, type TargetPortal } from './target-address.js';

export interface DiscoveredTarget {
  /** In normal form. */
  readonly name: string;
  readonly portals: readonly TargetPortal[];
}

/**
 * What one connection may see of the targets: the portals listed are those that make sense through the portal that
 * the connection came in by, so that a wildcard address never reaches an initiator.
 */
export interface TargetInventory {
  /** The targets this initiator may log in to. */
  list(initiatorName: string): readonly DiscoveredTarget[];
  find(targetName: string, initiatorName: string): DiscoveredTarget | null;
}

function describe(target: DiscoveredTarget): KeyValuePair[] {
  return [['TargetName', textToWire(target.name)], ...target.portals.map((portal): KeyValuePair => ['TargetAddress', textToWire(formatTargetAddress(portal))])];
}

/**
 * The answer to SendTargets, or null when the value is none of `All`, a name and nothing. RFC 7143 Appendix C.
 * A normal session never learns of other targets than its own. By the letter `All` must not be supported in one; libiscsi's suite
 * (iSCSISendTargets.Simple) fails a target that rejects it, so it means what nothing means there: the session's own target.
 */
export function sendTargets(value: string, parameters: NegotiatedParameters, inventory: TargetInventory): KeyValuePair[] | null {
  const { initiatorName, targetName } = parameters;
  const own = parameters.sessionType === 'normal' && targetName !== undefined ? targetName : null;
  if (value === 'All' && own === null) return inventory.list(initiatorName).flatMap(describe);
  const name = value === 'All' || value === '' ? own : nameFromWire(value);
  if (name === null) return null;
  if (own !== null && name !== own) return [];
  const target = inventory.find(name, initiatorName);
  return target === null ? [] : describe(target);
}
