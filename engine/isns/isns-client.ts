import { connect, type Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { Limits } from '../limits.js';
import { encodeRequest, IsnsFunction, IsnsReader, type IsnsResponse, IsnsStatus, isnsStatusName } from './message.js';
import { deregistrationPayload, grantedPeriodSeconds, type IsnsRegistration, queryPayload, registrationMessages, tellsOfEntity } from './registration.js';

export interface IsnsClientOptions {
  readonly server: { readonly host: string; readonly port: number };
  readonly refreshSeconds: number;
  readonly limits: Limits;
  readonly clock: Clock;
  /** What there is to register, by the address that this machine has on its way to the server. */
  readonly registrationFrom: (localAddress: string) => IsnsRegistration;
  /** Told in a sentence when the state changes for the worse or back, not at each try. */
  readonly onNotice: (message: string) => void;
}

export type IsnsState = 'connecting' | 'registered' | 'stopped';

const RETRY_MS_MIN = 1000;
/** We ask for a period that outlives the loss of two refreshes. */
const PERIODS_PER_REFRESH = 3;

/** One attempt's failure; caught where the attempt began. */
interface Failure {
  readonly reason: string;
}

/**
 * Keeps the targets registered with an iSNS server, whatever becomes of it: a server that is away, goes away or forgets us is tried
 * again with a growing delay. The target serves all the same. RFC 4171.
 */
export class IsnsClient {
  readonly #options: IsnsClientOptions;
  #state: IsnsState = 'connecting';
  #socket: Socket | null = null;
  #reader: IsnsReader;
  #registration: IsnsRegistration | null = null;
  #nextTransactionId = 1;
  /** Of the one request that waits for its answer. */
  #waiting: { readonly transactionId: number; readonly settle: (outcome: IsnsResponse | Failure) => void } | null = null;
  #cancelTimer = (): void => {};
  #retryMs = RETRY_MS_MIN;
  #hasComplained = false;

  constructor(options: IsnsClientOptions) {
    this.#options = options;
    this.#reader = new IsnsReader(options.limits.isnsAnswerBytesMax);
  }

  get state(): IsnsState {
    return this.#state;
  }

  /** Begins and returns at once. */
  start(): void {
    const { server, limits } = this.#options;
    if (this.#state === 'stopped') return;
    this.#reader = new IsnsReader(limits.isnsAnswerBytesMax);
    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    // Waiting for a registry must not keep the process alive.
    socket.unref();
    this.#socket = socket;
    this.#cancelTimer = this.#options.clock.after(limits.isnsAnswerMsMax, () => this.#fail('it does not answer'));
    socket.once('connect', () => {
      this.#cancelTimer();
      void this.#register();
    });
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? error.message, socket));
    socket.on('close', () => this.#fail('it closed the connection', socket));
  }

  /** Takes the registration back when there is one, and ends. Never rejects; takes `isnsAnswerMsMax` at most. */
  async stop(): Promise<void> {
    const registration = this.#state === 'registered' ? this.#registration : null;
    this.#state = 'stopped';
    this.#cancelTimer();
    this.#waiting?.settle({ reason: 'we stop' });
    // A process that has nothing else left waits for this.
    this.#socket?.ref();
    if (registration !== null) await this.#request(IsnsFunction.deregister, deregistrationPayload(registration));
    this.#socket?.destroy();
    this.#socket = null;
  }

  async #register(): Promise<void> {
    const localAddress = this.#socket?.localAddress;
    if (localAddress === undefined) {
      // A socket that has gone has no address any more; its end is or will be heard of.
      this.#fail('it closed the connection');
      return;
    }
    const registration = this.#options.registrationFrom(localAddress);
    if (registration.targets.length === 0) {
      // Portals do not change while we run: trying again would end here again.
      this.#options.onNotice(`nothing is registered with the iSNS server ${this.#serverText()}: it could not reach any portal`);
      await this.stop();
      return;
    }
    this.#registration = registration;
    let periodSeconds: number | null = null;
    for (const { payload, replace } of registrationMessages(registration, this.#options.refreshSeconds * PERIODS_PER_REFRESH)) {
      const answer = await this.#request(IsnsFunction.register, payload, replace);
      if (!this.#isGood(answer, 'registration')) return;
      periodSeconds ??= grantedPeriodSeconds(answer.attributes);
    }
    this.#state = 'registered';
    this.#retryMs = RETRY_MS_MIN;
    if (this.#hasComplained) this.#options.onNotice(`the targets are registered with the iSNS server ${this.#serverText()}`);
    this.#hasComplained = false;
    this.#scheduleRefresh(periodSeconds);
  }

  /** Twice within the period at least: one refresh may be lost. */
  #scheduleRefresh(periodSeconds: number | null): void {
    const { refreshSeconds, clock } = this.#options;
    const delaySeconds = periodSeconds === null ? refreshSeconds : Math.min(refreshSeconds, periodSeconds / 2);
    this.#cancelTimer = clock.after(delaySeconds * 1000, () => void this.#refresh());
  }

  async #refresh(): Promise<void> {
    const registration = this.#registration;
    if (registration === null || this.#state !== 'registered') return;
    const answer = await this.#request(IsnsFunction.query, queryPayload(registration));
    if ('status' in answer && isForgotten(answer)) {
      await this.#register();
      return;
    }
    if (this.#isGood(answer, 'query')) this.#scheduleRefresh(grantedPeriodSeconds(answer.attributes));
  }

  /** False when the attempt is over, which has been seen to. */
  #isGood(answer: IsnsResponse | Failure, what: string): answer is IsnsResponse {
    if (this.#state === 'stopped') return false;
    if ('status' in answer && answer.status === IsnsStatus.success) return true;
    this.#fail('status' in answer ? `it refuses the ${what}: ${isnsStatusName(answer.status)}` : answer.reason);
    return false;
  }

  /** One request at a time; the answer, or why there is none. */
  #request(functionId: number, payload: Buffer, replace = false): Promise<IsnsResponse | Failure> {
    const socket = this.#socket;
    if (socket === null) return Promise.resolve({ reason: 'the connection is gone' });
    const transactionId = this.#nextTransactionId;
    this.#nextTransactionId = transactionId === 0xffff ? 1 : transactionId + 1;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(this.#options.limits.isnsAnswerMsMax, () => settle({ reason: 'it does not answer' }));
      const settle = (outcome: IsnsResponse | Failure): void => {
        cancel();
        this.#waiting = null;
        resolve(outcome);
      };
      this.#waiting = { transactionId, settle };
      socket.write(encodeRequest({ functionId, transactionId, replace, payload }));
    });
  }

  #onData(bytes: Buffer): void {
    const responses = this.#reader.push(bytes);
    if (typeof responses === 'string') {
      this.#fail(responses);
      return;
    }
    for (const response of responses) if (response.transactionId === this.#waiting?.transactionId) this.#waiting.settle(response);
  }

  /** The attempt is over: closes the connection and tries again later. Of a socket that was given up before, nothing is heard. */
  #fail(reason: string, socket: Socket | null = this.#socket): void {
    if (socket === null || socket !== this.#socket) return;
    this.#socket = null;
    socket.destroy();
    this.#cancelTimer();
    this.#waiting?.settle({ reason });
    if (this.#state === 'stopped') return;
    this.#state = 'connecting';
    if (!this.#hasComplained) this.#options.onNotice(`the iSNS server ${this.#serverText()} cannot be used: ${reason}; trying again`);
    this.#hasComplained = true;
    this.#cancelTimer = this.#options.clock.after(this.#retryMs, () => this.start());
    this.#retryMs = Math.min(this.#retryMs * 2, this.#options.limits.isnsRetryMsMax);
  }

  #serverText(): string {
    const { host, port } = this.#options.server;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }
}

/** The server says that there is no such entity, or says nothing of it. */
function isForgotten({ status, attributes }: IsnsResponse): boolean {
  return status === IsnsStatus.noSuchEntry || (status === IsnsStatus.success && !tellsOfEntity(attributes));
}
