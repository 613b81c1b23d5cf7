import { LoginNegotiation, type LoginStep, targetOffers } from '../login/index.js';
import { BHS_LENGTH, decodeLoginRequest, encodeLoginResponse, Opcode, readInitiatorTaskTag, readOpcode } from '../pdu/index.js';
import { CommandWindow } from './command-window.js';
import type { Connection } from './connection.js';
import type { Session } from './session.js';

/** The login of one connection: hands each request to the negotiation and its answer to the wire. RFC 7143 §6.3. */
export class LoginPhase {
  readonly #connection: Connection;
  readonly #negotiation: LoginNegotiation;
  #session: Session | null = null;
  #isFirst = true;
  #cmdSN = 0;
  #cancelWait: (() => void) | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { limits, directory } = connection.context;
    this.#negotiation = new LoginNegotiation({
      limits,
      offers: targetOffers(limits),
      authority: directory.authorityFor(connection),
      authMethods: directory.access.authMethods,
      registry: {
        admit: (request) => {
          const { verdict, session } = directory.admit(request, connection);
          this.#session = session;
          return verdict;
        },
      },
    });
  }

  /** After failed logins from the same address everything waits that comes from there: nothing of it is looked at before its time. */
  receive(header: DataView, data: Uint8Array): void {
    const waitMs = this.#waitMs();
    if (waitMs === 0) this.#receive(header, data);
    else this.#hold(header, data, waitMs);
  }

  /** The connection is gone. */
  stop(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
  }

  #waitMs(): number {
    const { context, transport } = this.#connection;
    return context.directory.access.throttle.waitMs(transport.remoteAddress, context.clock.nowMicros());
  }

  #hold(header: DataView, data: Uint8Array, waitMs: number): void {
    const { context, transport } = this.#connection;
    const headerCopy = new Uint8Array(BHS_LENGTH);
    for (let i = 0; i < BHS_LENGTH; i++) headerCopy[i] = header.getUint8(i);
    const headerView = new DataView(headerCopy.buffer);
    const dataCopy = data.slice();
    context.directory.access.onDelayed();
    // So that one request is held and no more.
    transport.pauseReceive();
    this.#cancelWait = context.clock.after(waitMs, () => this.#endWait(headerView, dataCopy));
  }

  #endWait(header: DataView, data: Uint8Array): void {
    const { context, transport } = this.#connection;
    this.#cancelWait = null;
    // Others from there may have failed meanwhile.
    const waitMs = this.#waitMs();
    if (waitMs > 0) {
      this.#cancelWait = context.clock.after(waitMs, () => this.#endWait(header, data));
      return;
    }
    try {
      this.#receive(header, data);
      if (this.#connection.isOpen) transport.resumeReceive();
      transport.flushSoon();
    } catch (error) {
      // Called by a timer, above which nobody catches.
      context.onDefect(error);
      transport.destroy();
    }
  }

  #receive(header: DataView, data: Uint8Array): void {
    const connection = this.#connection;
    if (readOpcode(header, 0) !== Opcode.loginRequest) {
      // RFC 7143 §6.3: nothing but login may come first. Bytes that were never iSCSI get no answer at all.
      if (this.#isFirst) connection.transport.destroy();
      else this.#send(this.#negotiation.receiveOther(readInitiatorTaskTag(header, 0)));
      return;
    }
    const pdu = decodeLoginRequest(header, 0);
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#cmdSN = pdu.cmdSN;
      // The initiator's first ExpStatSN is where our StatSN starts. RFC 7143 §11.12.9.
      connection.statSN = pdu.expStatSN;
    }
    this.#send(this.#negotiation.receive(pdu, data));
  }

  #send(step: LoginStep): void {
    const connection = this.#connection;
    const { outcome } = step;
    const { output, transport } = connection;
    const window = this.#session?.window ?? new CommandWindow(this.#cmdSN);
    const numbers = { statSN: connection.takeStatSN(), expCmdSN: window.expCmdSN, maxCmdSN: window.maxCmdSN };
    const offset = output.begin();
    encodeLoginResponse({ ...step.response, ...numbers }, step.data.length, output.view, offset);
    output.endWithCopy(step.data, 0, step.data.length);
    const { clock, directory } = connection.context;
    if (outcome.kind === 'failed') {
      directory.access.onRefused(outcome.status, transport.remoteAddress, clock.nowMicros());
      connection.close();
      return;
    }
    if (outcome.kind !== 'full-feature' || this.#session === null) return;
    directory.access.onAccepted();
    const { parameters, cid } = outcome;
    connection.cid = cid;
    connection.becomeLoggedIn(this.#session, parameters);
    // Digests hold from the first PDU after this response. RFC 7143 §13.1.
    transport.enterFullFeaturePhase(parameters.headerDigest, parameters.dataDigest, parameters.targetMaxRecvDataSegmentLength);
  }
}
