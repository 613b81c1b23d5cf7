import { createServer, type Server, type Socket } from 'node:net';
import type { PortalConfig } from '../config/engine-config.js';
import { TargetError } from '../errors.js';
import type { EngineContext } from '../session/engine-context.js';
import { DEFAULT_PORTAL_GROUP_TAG } from '../session/target-node.js';
import { BusyPoll } from './busy-poll.js';
import type { FlushList } from './flush-list.js';
import { ReceiveMemory } from './receive-memory.js';
import { TcpTransport } from './tcp-transport.js';

/** Listens on the portals, admits connections and looks after those that are silent. */
export class Portals {
  readonly transports = new Set<TcpTransport>();
  readonly #servers: Server[] = [];
  readonly #context: EngineContext;
  readonly #flushList: FlushList;
  readonly #busyPoll: BusyPoll;
  readonly #receiveMemory = new ReceiveMemory(RECEIVE_MEMORY_BYTES);
  /** Connections that have not logged in, oldest first, with the time they came. */
  readonly #loggingIn = new Map<TcpTransport, number>();

  /** `mayPoll` is asked before each turn that this thread does not sleep. */
  constructor(context: EngineContext, flushList: FlushList, mayPoll: () => boolean) {
    this.#context = context;
    this.#flushList = flushList;
    this.#busyPoll = new BusyPoll(context.clock, context.limits.socketPollMicrosMax, mayPoll);
  }

  /** Workers have brought results, and they were sent. */
  onAnswered(): void {
    this.#busyPoll.onAnswered();
  }

  /** Binds one portal; answers the address it really has. Throws `TargetError` `LISTEN_FAILED`. */
  async listen(portal: PortalConfig): Promise<PortalConfig> {
    const server = createServer({ noDelay: true, pauseOnConnect: true, highWaterMark: RECEIVE_HIGH_WATER_BYTES }, (socket) =>
      this.#onConnection(socket, portal),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(new TargetError('LISTEN_FAILED', `cannot listen on ${portal.address} port ${portal.port}: ${error.code ?? error.message}`, { cause: error })),
      );
      server.listen({ host: portal.address, port: portal.port, backlog: LISTEN_BACKLOG }, resolve);
    });
    // After this, errors of single accepts (out of descriptors) must not end the process.
    server.on('error', (error) => this.#context.onDefect(error));
    this.#servers.push(server);
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? { ...portal, address: bound.address, port: bound.port } : portal;
  }

  /** Takes no more connections; those there are stay. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
  }

  onTick(nowMicros: number): void {
    const loginMicrosMax = this.#context.limits.loginTimeMsMax * 1000;
    for (const [transport, since] of this.#loggingIn) {
      if (!transport.connection.isInLogin) this.#loggingIn.delete(transport);
      else if (nowMicros - since > loginMicrosMax) transport.destroy();
    }
    for (const transport of this.transports) {
      transport.onTick(nowMicros);
      transport.connection.keepalive.onTick(nowMicros);
    }
    this.#flushList.flushAll();
  }

  #onConnection(socket: Socket, { portalGroupTag = DEFAULT_PORTAL_GROUP_TAG }: PortalConfig): void {
    const { limits, clock } = this.#context;
    if (this.transports.size >= limits.connectionCountMax) {
      socket.destroy();
      return;
    }
    if (this.#loggingIn.size >= limits.loginPendingCountMax) this.#makeRoomForLogin();
    const transport = new TcpTransport(socket, this.#receiveMemory, this.#context, this.#flushList, this.#busyPoll, (closed) => {
      this.transports.delete(closed);
      this.#loggingIn.delete(closed);
    });
    const { connection } = transport;
    connection.portal = { ...connection.portal, portalGroupTag };
    this.transports.add(transport);
    this.#loggingIn.set(transport, clock.nowMicros());
  }

  /** A flood of connections that never log in pushes out its own oldest ones, not the initiator that comes next. */
  #makeRoomForLogin(): void {
    for (const transport of this.#loggingIn.keys()) {
      this.#loggingIn.delete(transport);
      if (transport.connection.isInLogin) {
        transport.destroy();
        return;
      }
    }
  }
}

/** Of the fallback without receive memory. */
const RECEIVE_HIGH_WATER_BYTES = 256 * 1024;
/** Longer reads make the initiator wait for all of its commands at once; with shorter ones more data straddles two (docs/performance.md). */
const RECEIVE_MEMORY_BYTES = 128 * 1024;
const LISTEN_BACKLOG = 512;
