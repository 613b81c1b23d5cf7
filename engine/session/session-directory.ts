import { AccessControl } from '../access/index.js';
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
import { portalsSeenFrom } from '../login/index.js';
import { LoginStatus } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { Asc } from '../scsi/sense.js';
import type { Admission } from './admission.js';
import type { Connection } from './connection.js';
import { ConnectionEnd } from './connection-state.js';
import { Session, SessionState } from './session.js';
import { DEFAULT_PORTAL_GROUP_TAG, type TargetNode } from './target-node.js';

const TSIH_MAX = 0xffff;

/** All targets and all sessions of an engine: who may log in, and what happens to those that were there before. */
export class SessionDirectory {
  readonly access: AccessControl;
  readonly #targets = new Map<string, TargetNode>();
  readonly #sessions = new Map<number, Session>();
  readonly #limits: Limits;
  readonly #admission: Admission;
  /** Initiator ports that have been here since start: the next nexus of one is told of its loss, not of power on. */
  readonly #seenPorts = new Set<string>();
  /** All portals as they are bound; wildcard addresses among them. */
  portals: readonly TargetPortal[] = [];
  #nextTsih = 1;
  #nextNexusId = 1;

  constructor(targets: readonly TargetNode[], limits: Limits, admission: Admission, access: AccessControl = new AccessControl({ limits })) {
    this.access = access;
    for (const target of targets) this.#targets.set(target.name, target);
    this.#limits = limits;
    this.#admission = admission;
  }

  get targets(): TargetNode[] {
    return [...this.#targets.values()];
  }

  /** The sessions that have a connection; others may wait for their initiators to come back. */
  get sessions(): Session[] {
    return [...this.#sessions.values()].filter((session) => session.state !== SessionState.failed);
  }

  /** Sessions that have lost their last connection and are kept for their initiators. */
  get failedSessionCount(): number {
    return this.#sessions.size - this.sessions.length;
  }

  /** A target that is not reached by the portal group of the connection does not exist for it. */
  findTarget(targetName: string, portalGroupTag: number): TargetLookup {
    const target = this.#targets.get(targetName);
    if (target === undefined || !target.isReachedBy(portalGroupTag)) return { kind: 'refused', status: LoginStatus.targetNotFound };
    const found = { name: target.name, portalGroupTag, authMethods: this.access.targetAccess(targetName).authMethods };
    return { kind: 'found', target: target.alias === undefined ? found : { ...found, alias: target.alias } };
  }

  /** What the login of this connection may do. */
  authorityFor(connection: Connection): LoginAuthority {
    const { remoteAddress } = connection.transport;
    return {
      discoveryAuthMethods: this.access.discoveryAuthMethods,
      findTarget: (targetName, initiatorName) => this.#findTargetFor(targetName, initiatorName, connection),
      mayUse: (targetName, initiatorName, user) => this.access.targetAccess(targetName).grantFor({ initiatorName, remoteAddress, user }) !== null,
    };
  }

  #findTargetFor(targetName: string, initiatorName: string, connection: Connection): TargetLookup {
    const { remoteAddress, localAddress, localPort } = connection.transport;
    // Who may not come is not told where the target went either.
    if (!this.access.targetAccess(targetName).mayCome(initiatorName, remoteAddress)) return { kind: 'refused', status: LoginStatus.authorizationFailure };
    const redirection = this.access.redirects.find(targetName, { address: localAddress, port: localPort });
    return redirection === null ? this.findTarget(targetName, connection.portal.portalGroupTag) : { kind: 'refused', ...redirection };
  }

  /** The targets as a connection sees them that came in by this portal, and from there: those that its initiator may log in to. */
  inventoryFor(portal: TargetPortal, remoteAddress: string): TargetInventory {
    const seen = portalsSeenFrom(portal, this.portals.length === 0 ? [portal] : this.portals);
    const describe = (target: TargetNode): DiscoveredTarget => ({
      name: target.name,
      portals: seen.filter(({ portalGroupTag }) => target.isReachedBy(portalGroupTag)),
    });
    const mayCome = (target: TargetNode, initiatorName: string) => this.access.targetAccess(target.name).mayCome(initiatorName, remoteAddress);
    return {
      // Without a TargetAddress an initiator would try the portal it came by, where the target is not.
      list: (initiatorName) =>
        this.targets
          .filter((target) => mayCome(target, initiatorName))
          .map(describe)
          .filter((target) => target.portals.length > 0),
      find: (targetName, initiatorName) => {
        const target = this.#targets.get(targetName);
        const described = target === undefined || !mayCome(target, initiatorName) ? null : describe(target);
        return described === null || described.portals.length === 0 ? null : described;
      },
    };
  }

  /** Opens the session that a login asks for; one of the same initiator port and target makes way for it. RFC 7143 §6.3.5. */
  admit(request: AdmissionRequest, connection: Connection): { verdict: AdmissionVerdict; session: Session | null } {
    if (request.tsih !== 0) return this.#join(request, connection);
    const whole = request.targetName === null ? null : (this.#targets.get(request.targetName) ?? null);
    const target = whole === null ? null : this.#viewOf(whole, request, connection);
    if (whole !== null && (target === null || isTakenByAnother(whole, request))) {
      return { verdict: { kind: 'refused', status: LoginStatus.authorizationFailure }, session: null };
    }
    this.#reinstate(request, target, connection.portal.portalGroupTag);
    if (target !== null && target.sessions.size >= this.#limits.sessionPerTargetCountMax) this.#makeRoom(target);
    const tsih = this.#takeTsih();
    if (tsih === 0 || (target !== null && target.sessions.size >= this.#limits.sessionPerTargetCountMax)) {
      return { verdict: { kind: 'refused', status: LoginStatus.outOfResources }, session: null };
    }
    const nexus = this.#makeNexus(`${request.initiatorName},i,0x${request.isid}`, request.targetName ?? '', target, connection.portal.portalGroupTag);
    this.#admission.sessionCount++;
    const session = new Session({
      tsih,
      isid: request.isid,
      initiatorName: request.initiatorName,
      user: request.user,
      target,
      nexus,
      cmdSN: request.cmdSN,
      admission: this.#admission,
      parameters: request.parameters,
    });
    session.connections.set(request.cid, connection);
    session.transition(SessionState.loggedIn);
    this.#sessions.set(tsih, session);
    target?.sessions.add(session);
    return { verdict: { kind: 'admitted', tsih }, session };
  }

  /** The target with the LUNs that the access rules let the initiator see, or null when they do not let it in. */
  #viewOf(target: TargetNode, { initiatorName, user }: AdmissionRequest, connection: Connection): TargetNode | null {
    const grant = this.access.targetAccess(target.name).grantFor({ initiatorName, remoteAddress: connection.transport.remoteAddress, user });
    if (grant === null) return null;
    return grant.luns === null ? target : target.restrictedTo(grant.luns);
  }

  /** Rules look at addresses too: a connection from elsewhere must not bring more than it could have had by itself. */
  #mayShare({ target }: Session, request: AdmissionRequest, connection: Connection): boolean {
    if (target === null) return true;
    const view = this.#viewOf(target.whole, request, connection);
    return view !== null && target.luns.every((lun) => view.hasLun(lun));
  }

  /**
   * A connection joins the session of the TSIH, or takes the place of the one with its CID, which ends first. RFC 7143
   * §6.3.4 "Connection Reinstatement", §6.3.6 "Session Continuation". Who is not the initiator port of that session learns
   * nothing of it.
   */
  #join(request: AdmissionRequest, connection: Connection): { verdict: AdmissionVerdict; session: Session | null } {
    const refused = (status: LoginStatus) => ({ verdict: { kind: 'refused', status } as const, session: null });
    const session = this.#sessions.get(request.tsih);
    if (session === undefined || !isPortOf(session, request)) return refused(LoginStatus.sessionDoesNotExist);
    if (!this.#mayShare(session, request, connection)) return refused(LoginStatus.authorizationFailure);
    const isSameNexus = session.nexus.relativeTargetPortIdentifier === connection.portal.portalGroupTag;
    if (session.target === null || session.target.name !== request.targetName || !isSameNexus) return refused(LoginStatus.cannotIncludeInSession);
    const previous = session.connections.get(request.cid);
    if (previous === undefined && session.connections.size >= session.parameters.maxConnections) return refused(LoginStatus.tooManyConnections);
    if (previous !== undefined) {
      session.connections.delete(request.cid);
      this.#leaveTasks(previous, ConnectionEnd.removedForRecovery);
      previous.transport.destroy();
    }
    // The login stands for a recovery logout of the connection it replaces. RFC 7143 §6.3.4.
    session.lost.logOut(request.cid, session.retainMs);
    if (session.state === SessionState.failed) this.#continue(session);
    session.connections.set(request.cid, connection);
    return { verdict: { kind: 'admitted', tsih: session.tsih }, session };
  }

  /** A connection is gone: its tasks end or wait for another connection, and its session goes with the last one or waits too. */
  onConnectionEnded(connection: Connection, end: ConnectionEnd): void {
    const { session } = connection;
    if (session.connections.get(connection.cid) !== connection) return;
    session.connections.delete(connection.cid);
    this.#leaveTasks(connection, end);
    if (session.connections.size > 0 || session.isOver) return;
    if (end === ConnectionEnd.loggedOut || session.retainMs === 0) {
      this.endSession(session);
      return;
    }
    session.transition(SessionState.failed);
    this.#admission.sessionCount--;
    session.cancelExpiry = connection.context.clock.after(session.retainMs, () => this.endSession(session));
  }

  #leaveTasks(connection: Connection, end: ConnectionEnd): void {
    const { session } = connection;
    if (end === ConnectionEnd.loggedOut || session.isOver || !session.recoversConnections) {
      connection.endTasks();
      return;
    }
    connection.suspendTasks();
    session.lost.keep(connection, end === ConnectionEnd.removedForRecovery, session.retainMs, this.#limits.connectionPerSessionCountMax);
  }

  /** The session is over, with all its connections: a logout that closes it, a reinstatement, or nobody came back in time. */
  endSession(session: Session, isReplaced = false): void {
    if (session.isOver) return;
    const hadConnections = session.state !== SessionState.failed;
    session.transition(SessionState.free);
    session.cancelExpiry?.();
    for (const connection of Array.from(session.connections.values())) {
      if (isReplaced) connection.transport.destroy();
      else connection.close(ConnectionEnd.loggedOut);
    }
    session.lost.endAll();
    this.#sessions.delete(session.tsih);
    if (hadConnections) this.#admission.sessionCount--;
    const { target } = session;
    if (target === null) return;
    target.sessions.delete(session);
    target.whole.loseNexus(session.nexus);
  }

  endAllSessions(): void {
    for (const session of Array.from(this.#sessions.values())) this.endSession(session, true);
  }

  #continue(session: Session): void {
    session.cancelExpiry?.();
    session.cancelExpiry = null;
    session.transition(SessionState.loggedIn);
    this.#admission.sessionCount++;
  }

  /** Who is there comes before who may come back: the oldest session without a connection goes. */
  #makeRoom(target: TargetNode): void {
    for (const session of target.sessions) {
      if (session.state !== SessionState.failed) continue;
      this.endSession(session);
      return;
    }
  }

  /** The same ISID by another portal group is another nexus. RFC 7143 §4.4.3.1. */
  #reinstate(request: AdmissionRequest, target: TargetNode | null, portalGroupTag: number): void {
    if (target === null) return;
    for (const session of target.sessions) {
      if (session.nexus.relativeTargetPortIdentifier !== portalGroupTag) continue;
      if (session.isid !== request.isid || session.initiatorName !== request.initiatorName) continue;
      this.endSession(session, true);
    }
  }

  /** The target was powered on again: that is what the next nexus of each port is told. */
  forgetPorts(target: TargetNode): void {
    for (const key of this.#seenPorts) if (key.endsWith(`\n${target.name}`)) this.#seenPorts.delete(key);
  }

  /** A nexus of this process, which has no session and sees the whole target. */
  makeLoopbackNexus(target: TargetNode, initiatorPortName: string | undefined): ITNexus {
    const portName = initiatorPortName ?? `loopback,i,0x${this.#nextNexusId.toString(16).padStart(12, '0')}`;
    return this.#makeNexus(portName, target.name, target, DEFAULT_PORTAL_GROUP_TAG);
  }

  #takeTsih(): number {
    if (this.#sessions.size >= TSIH_MAX) return 0;
    while (this.#sessions.has(this.#nextTsih)) this.#nextTsih = this.#nextTsih === TSIH_MAX ? 1 : this.#nextTsih + 1;
    const tsih = this.#nextTsih;
    this.#nextTsih = tsih === TSIH_MAX ? 1 : tsih + 1;
    return tsih;
  }

  #makeNexus(initiatorPortName: string, targetName: string, target: TargetNode | null, portalGroupTag: number): ITNexus {
    const view = target === null || target === target.whole ? null : target;
    return {
      id: this.#nextNexusId++,
      initiatorPortName,
      targetPortName: `${targetName},t,0x${portalGroupTag.toString(16).padStart(4, '0')}`,
      // A portal group is a SCSI target port (RFC 7143 §4.4.1), so its tag serves.
      relativeTargetPortIdentifier: portalGroupTag,
      get visibleLuns() {
        return view?.luns;
      },
      // What answers for LUNs that have no unit has nothing to tell.
      ...(target === null
        ? {}
        : { firstAttention: { asc: this.#firstAscOf(`${initiatorPortName} ${portalGroupTag}`, target), toldHandles: new Set([target.absentHandle]) } }),
    };
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

/** The initiator port of a session is known by its name and ISID, and by whom it authenticated as. */
function isPortOf(session: Session, { isid, initiatorName, user }: AdmissionRequest): boolean {
  return session.isid === isid && session.initiatorName === initiatorName && session.user === user;
}

/**
 * Whoever authenticated as one user must not end the session of another by taking its names: InitiatorName and ISID are for anybody
 * to choose. RFC 7143 §6.3.5 speaks of the same initiator.
 */
function isTakenByAnother(target: TargetNode, { isid, initiatorName, user }: AdmissionRequest): boolean {
  for (const session of target.sessions) {
    if (session.isid === isid && session.initiatorName === initiatorName && session.user !== user) return true;
  }
  return false;
}
