import type { Limits } from '../limits.js';
import type {
  AdmissionRequest,
  Admission as AdmissionVerdict,
  DiscoveredTarget,
  LoginAuthority,
  TargetInventory,
  TargetLookup,
  TargetPortal,
} from '../login/index.js';
import { LoginStatus } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { Asc } from '../scsi/sense.js';
import type { Admission } from './admission.js';
import type { Connection } from './connection.js';
import { Session, SessionState } from './session.js';
import { PORTAL_GROUP_TAG, type TargetNode } from './target-node.js';

const TSIH_MAX = 0xffff;
const RELATIVE_TARGET_PORT = 1;
const NO_AUTHENTICATION = 'None';

/** All targets and all sessions of an engine: who may log in, and what happens to those that were there before. */
export class SessionDirectory implements LoginAuthority {
  readonly discoveryAuthMethods: readonly string[] = [NO_AUTHENTICATION];
  readonly #targets = new Map<string, TargetNode>();
  readonly #sessions = new Map<number, Session>();
  readonly #limits: Limits;
  readonly #admission: Admission;
  /** Initiator ports that have been here since start: the next nexus of one is told of its loss, not of power on. */
  readonly #seenPorts = new Set<string>();
  #nextTsih = 1;
  #nextNexusId = 1;

  constructor(targets: readonly TargetNode[], limits: Limits, admission: Admission) {
    for (const target of targets) this.#targets.set(target.name, target);
    this.#limits = limits;
    this.#admission = admission;
  }

  get targets(): TargetNode[] {
    return [...this.#targets.values()];
  }

  get sessions(): Session[] {
    return [...this.#sessions.values()];
  }

  findTarget(targetName: string): TargetLookup {
    const target = this.#targets.get(targetName);
    if (target === undefined) return { kind: 'refused', status: LoginStatus.targetNotFound };
    const found = { name: target.name, portalGroupTag: PORTAL_GROUP_TAG, authMethods: [NO_AUTHENTICATION] };
    return { kind: 'found', target: target.alias === undefined ? found : { ...found, alias: target.alias } };
  }

  /** The targets as a connection sees them that came in by this portal. */
  inventoryFor(portal: TargetPortal): TargetInventory {
    const describe = (target: TargetNode): DiscoveredTarget => ({ name: target.name, portals: [portal] });
    return {
      list: () => this.targets.map(describe),
      find: (targetName) => {
        const target = this.#targets.get(targetName);
        return target === undefined ? null : describe(target);
      },
    };
  }

  /** Opens the session that a login asks for; one of the same initiator port and target makes way for it. RFC 7143 §6.3.5. */
  admit(request: AdmissionRequest, connection: Connection): { verdict: AdmissionVerdict; session: Session | null } {
    if (request.tsih !== 0) {
      const status = this.#sessions.has(request.tsih) ? LoginStatus.tooManyConnections : LoginStatus.sessionDoesNotExist;
      return { verdict: { kind: 'refused', status }, session: null };
    }
    const target = request.targetName === null ? null : (this.#targets.get(request.targetName) ?? null);
    this.#reinstate(request, target);
    const tsih = this.#takeTsih();
    if (tsih === 0 || (target !== null && target.sessions.size >= this.#limits.sessionPerTargetCountMax)) {
      return { verdict: { kind: 'refused', status: LoginStatus.outOfResources }, session: null };
    }
    const nexus = this.#makeNexus(request, target);
    this.#admission.sessionCount++;
    const session = new Session({
      tsih,
      isid: request.isid,
      initiatorName: request.initiatorName,
      target,
      nexus,
      cmdSN: request.cmdSN,
      admission: this.#admission,
    });
    session.connection = connection;
    session.parameters = request.parameters;
    session.transition(SessionState.loggedIn);
    this.#sessions.set(tsih, session);
    target?.sessions.add(session);
    return { verdict: { kind: 'admitted', tsih }, session };
  }

  /** The last connection of a session is gone, and so is the session: DefaultTime2Retain is 0 at ErrorRecoveryLevel 0. */
  onConnectionClosed(session: Session, connection: Connection): void {
    if (session.connection !== connection) return;
    session.connection = null;
    session.transition(SessionState.free);
    this.#sessions.delete(session.tsih);
    this.#admission.sessionCount--;
    const { target } = session;
    if (target === null) return;
    target.sessions.delete(session);
    for (const taskSet of target.taskSets) taskSet.unit.forgetNexus(session.nexus.id);
  }

  #reinstate(request: AdmissionRequest, target: TargetNode | null): void {
    if (target === null) return;
    for (const session of target.sessions) {
      if (session.isid === request.isid && session.initiatorName === request.initiatorName) session.connection?.transport.destroy();
    }
  }

  #takeTsih(): number {
    if (this.#sessions.size >= TSIH_MAX) return 0;
    while (this.#sessions.has(this.#nextTsih)) this.#nextTsih = this.#nextTsih === TSIH_MAX ? 1 : this.#nextTsih + 1;
    const tsih = this.#nextTsih;
    this.#nextTsih = tsih === TSIH_MAX ? 1 : tsih + 1;
    return tsih;
  }

  #makeNexus(request: AdmissionRequest, target: TargetNode | null): ITNexus {
    const initiatorPortName = `${request.initiatorName},i,0x${request.isid}`;
    const nexus = {
      id: this.#nextNexusId++,
      initiatorPortName,
      targetPortName: `${request.targetName ?? ''},t,0x${PORTAL_GROUP_TAG.toString(16).padStart(4, '0')}`,
      relativeTargetPortIdentifier: RELATIVE_TARGET_PORT,
    };
    if (target === null) return nexus;
    // What answers for LUNs that have no unit has nothing to tell.
    return { ...nexus, firstAttention: { asc: this.#firstAscOf(initiatorPortName, target), toldHandles: new Set([target.absentHandle]) } };
  }

  /**
   * 29/00 rather than the more exact 29/01: libiscsi's tools take only that one for a unit attention to retry on.
   * SAM-5 §5.14: a new nexus learns that the unit was powered on, or that an earlier nexus of its port was lost.
   */
  #firstAscOf(initiatorPortName: string, target: TargetNode): number {
    const key = `${initiatorPortName}\n${target.name}`;
    const asc = this.#seenPorts.has(key) ? Asc.itNexusLossOccurred : Asc.powerOnOrReset;
    // Oldest first: a set keeps the order of insertion.
    this.#seenPorts.delete(key);
    this.#seenPorts.add(key);
    if (this.#seenPorts.size > this.#limits.rememberedNexusCountMax) {
      for (const oldest of this.#seenPorts) {
        this.#seenPorts.delete(oldest);
        break;
      }
    }
    return asc;
  }
}
