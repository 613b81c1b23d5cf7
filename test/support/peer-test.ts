import { type Test, test } from 'uvu';
import { Assertion } from 'uvu/assert';
import { missingPeers, type PeerName, packagesOf } from './debian-packages.js';
import { COULD_NOT_RUN } from './uvu-output.js';

function describeMissing(missing: readonly PeerName[]): string {
  return `this machine lacks ${missing.join(', ')} (Debian: apt-get install ${packagesOf(missing).join(' ')})`;
}

/** Under `CI=true` a left-out test counts as failed: a green run there means that the peers were really asked. */
function mustRunAll(): boolean {
  return process.env['CI'] === 'true' || process.env['CI'] === '1';
}

function failure(missing: readonly PeerName[]): Assertion {
  return new Assertion({ message: describeMissing(missing), operator: 'peer', expects: missing, actual: [] });
}

/**
 * True when all these programs are there. When not: throws under `CI=true`, else says so on a line of its own that the test
 * runner repeats, and answers false. Prefer `peerTest`, which also has the test counted as skipped.
 */
export function requirePeer(...names: PeerName[]): boolean {
  const missing = missingPeers(names);
  if (missing.length === 0) return true;
  if (mustRunAll()) throw failure(missing);
  process.stdout.write(`\n${COULD_NOT_RUN} ${describeMissing(missing)}\n`);
  return false;
}

/**
 * A test that speaks with foreign programs. Without them it fails under `CI=true`, and is elsewhere skipped by name with the
 * reason, which the test runner repeats at the end of the run.
 */
export function peerTest(name: string, peers: readonly PeerName[], handler: () => void | Promise<void>, on: Test = test): void {
  const missing = missingPeers(peers);
  if (missing.length === 0) {
    on(name, handler);
  } else if (mustRunAll()) {
    on(name, () => {
      throw failure(missing);
    });
  } else {
    on.skip(name, handler);
    process.stdout.write(`\n${COULD_NOT_RUN} "${name}": ${describeMissing(missing)}\n`);
  }
}
