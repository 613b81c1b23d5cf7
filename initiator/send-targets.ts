import type { KeyValuePair } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';

/** One target of a SendTargets answer. RFC 7143 Appendix C. */
export interface DiscoveredTarget {
  readonly targetName: string;
  /** `host:port,portalGroupTag`, as the target wrote them; `parseTargetAddress` takes one apart. */
  readonly targetAddresses: readonly string[];
}

/** Puts the keys of an answer to SendTargets together: each address belongs to the name before it. */
export function discoveredTargets(pairs: readonly KeyValuePair[], checks: ConformanceChecks): DiscoveredTarget[] {
  const targets: { targetName: string; targetAddresses: string[] }[] = [];
  for (const [key, text] of pairs) {
    if (key === 'TargetName') {
      targets.push({ targetName: text, targetAddresses: [] });
    } else if (key === 'TargetAddress') {
      const target = targets[targets.length - 1];
      if (target === undefined) checks.violation('textFormat', 'SendTargets is answered with an address before any name');
      target?.targetAddresses.push(text);
    }
  }
  return targets;
}
