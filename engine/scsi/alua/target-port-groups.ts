import { assert } from '../../errors.js';
import type { ITNexus } from '../it-nexus.js';
import { AccessState, isActive } from './access-state.js';

/** Why a group is in its state, SPC-4 "REPORT TARGET PORT GROUPS command", STATUS CODE. */
export const AccessStatusCode = { none: 0x00, byCommand: 0x01, implicit: 0x02 } as const;
export type AccessStatusCode = (typeof AccessStatusCode)[keyof typeof AccessStatusCode];

export interface TargetPortGroupOptions {
  /** TARGET PORT GROUP, 1 to 65535. */
  readonly id: number;
  /** Relative target port identifiers: the portal group tags. */
  readonly ports: readonly number[];
  readonly state: AccessState;
  readonly isPreferred: boolean;
}

export interface TargetPortGroup {
  readonly id: number;
  readonly ports: readonly number[];
  readonly isPreferred: boolean;
  readonly state: AccessState;
  readonly statusCode: AccessStatusCode;
}

interface MutableGroup extends TargetPortGroup {
  state: AccessState;
  statusCode: AccessStatusCode;
  /** Ends the transition early; null while there is none. */
  cancelTransition: (() => void) | null;
}

export interface AccessStateChange {
  /** Who asked for it, and need not be told; nobody for an implicit change, and for the begin of one. */
  readonly by: ITNexus | null;
  /** Initiators are told with a unit attention; not at the beginning of a transition, which has no end yet that they could act on. */
  readonly isTold: boolean;
}

/** Of a target without groups of its own. */
export const DEFAULT_TARGET_PORT_GROUP = 1;

/** Calls `run` after so many milliseconds; answers what cancels that. */
export type After = (delayMs: number, run: () => void) => () => void;

/**
 * The target port groups of one target and the access states that they are in, SPC-4 "Target port group access states". All its logical units have the
 * same: what differs between ports is the way to them. States are not kept over restarts: then those of the configuration hold again.
 */
export class TargetPortGroups {
  readonly #groups: readonly MutableGroup[];
  readonly #byPort = new Map<number, MutableGroup>();
  readonly #watchers = new Set<(change: AccessStateChange) => void>();
  readonly #after: After;
  /** The longest that a transition takes; for IMPLICIT TRANSITION TIME. */
  readonly transitionMsMax: number;

  constructor(groups: readonly TargetPortGroupOptions[], options: { readonly after: After; readonly transitionMsMax: number }) {
    this.#groups = groups.map((group) => ({ ...group, statusCode: AccessStatusCode.none, cancelTransition: null }));
    for (const group of this.#groups) {
      for (const port of group.ports) {
        assert(!this.#byPort.has(port), `target port ${port} is in two groups`);
        this.#byPort.set(port, group);
      }
    }
    this.#after = options.after;
    this.transitionMsMax = options.transitionMsMax;
  }

  /** One group of all ports, always active and optimized unless somebody changes it. */
  static single(ports: readonly number[], options: { readonly after: After; readonly transitionMsMax: number }): TargetPortGroups {
    return new TargetPortGroups([{ id: DEFAULT_TARGET_PORT_GROUP, ports, state: AccessState.activeOptimized, isPreferred: false }], options);
  }

  get groups(): readonly TargetPortGroup[] {
    return this.#groups;
  }

  find(id: number): TargetPortGroup | undefined {
    return this.#find(id);
  }

  /** The group of a relative target port identifier. */
  groupOf(port: number): TargetPortGroup | undefined {
    return this.#byPort.get(port);
  }

  /** The state of the port; one that no group has is as good as any. */
  stateOf(port: number): AccessState {
    return this.#byPort.get(port)?.state ?? AccessState.activeOptimized;
  }

  get areAllActive(): boolean {
    return this.#groups.every(({ state }) => isActive(state));
  }

  /** Calls `watcher` with every change from now on, after it; answers what ends that. */
  watch(watcher: (change: AccessStateChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Explicit: all of the changes at once, by one command. Groups that are on their way to another state must not be among them. */
  setExplicitly(changes: ReadonlyMap<number, AccessState>, by: ITNexus): void {
    let hasChanged = false;
    for (const [id, state] of changes) {
      const group = this.#find(id);
      assert(group !== undefined && group.cancelTransition === null, 'checked before');
      hasChanged ||= group.state !== state;
      group.state = state;
      group.statusCode = AccessStatusCode.byCommand;
    }
    if (hasChanged) this.#tell({ by, isTold: true });
  }

  /** Implicit: the group is transitioning for so long, then in the new state. A transition that is under way gives way to this one. */
  setImplicitly(id: number, state: AccessState, transitionMs: number): void {
    const group = this.#find(id);
    assert(group !== undefined, 'the caller knows the groups');
    assert(transitionMs <= this.transitionMsMax, 'initiators were told how long a transition takes at most');
    group.cancelTransition?.();
    group.cancelTransition = null;
    const arrive = () => {
      group.cancelTransition = null;
      if (group.state === state) return;
      group.state = state;
      group.statusCode = AccessStatusCode.implicit;
      this.#tell({ by: null, isTold: true });
    };
    if (transitionMs === 0) {
      arrive();
      return;
    }
    group.state = AccessState.transitioning;
    group.cancelTransition = this.#after(transitionMs, arrive);
    this.#tell({ by: null, isTold: false });
  }

  /** The target goes: no transition ends any more. */
  stop(): void {
    for (const group of this.#groups) group.cancelTransition?.();
    this.#watchers.clear();
  }

  #find(id: number): MutableGroup | undefined {
    return this.#groups.find((group) => group.id === id);
  }

  #tell(change: AccessStateChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }
}
