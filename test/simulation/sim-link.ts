import { Opcode, paddedLength, readOpcode } from '../../engine/pdu/index.js';
import type { SeededRandom } from '../support/random.js';
import { type Digests, PduCutter, type WirePdu } from './pdu-cutter.js';
import type { SimClock } from './sim-clock.js';
import { SimSocket } from './sim-socket.js';
import { describePdu, type Trace } from './trace.js';

/** What a network does to what it carries. Shares are of PDUs, 0 to 1. */
export interface NetworkFaults {
  latencyMsMax: number;
  splitShare: number;
  /** PDUs that vanish: only where lost PDUs can be recovered. */
  lossShare: number;
  /** PDUs that arrive with a bit flipped that a digest covers. */
  corruptShare: number;
  /** Connections of this share are reset, after so many bytes at most. */
  resetShare: number;
  resetBytesMax: number;
}

export interface LinkObserver {
  /** A PDU has left the target, whatever becomes of it. */
  onTargetPdu(pdu: WirePdu): void;
  /** A PDU has arrived whole at the target. */
  onDelivered(pdu: WirePdu): void;
}

export interface LinkClient {
  onBytes(bytes: Uint8Array): void;
  /** The connection is gone. */
  onClosed(): void;
}

export interface Network {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly faults: NetworkFaults;
}

/** One direction: bytes arrive in their order, in chunks of any size, after any time; the last of a connection may be cut short. */
class Pipe {
  readonly #network: Network;
  readonly #onChunk: (bytes: Uint8Array) => void;
  readonly #onCut: () => void;
  #pending: { parts: Uint8Array[]; readonly isEnd: boolean }[] = [];
  #arrivalMicros = 0;
  #bytesLeft: number;
  #stopped = false;
  onEnd: () => void = () => {};

  constructor(network: Network, bytesMax: number, onChunk: (bytes: Uint8Array) => void, onCut: () => void) {
    this.#network = network;
    this.#bytesLeft = bytesMax;
    this.#onChunk = onChunk;
    this.#onCut = onCut;
  }

  push(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const { random, faults } = this.#network;
    if (!happens(random, faults.splitShare)) this.#add(bytes);
    else {
      const at = random.below(bytes.length + 1);
      this.#add(bytes.subarray(0, at));
      this.#add(bytes.subarray(at));
    }
  }

  end(): void {
    this.#schedule({ parts: [], isEnd: true });
  }

  stop(): void {
    this.#stopped = true;
    this.#pending = [];
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const last = this.#pending.at(-1);
    if (last !== undefined && !last.isEnd && this.#network.random.boolean()) last.parts.push(bytes);
    else this.#schedule({ parts: [bytes], isEnd: false });
  }

  #schedule(piece: { parts: Uint8Array[]; readonly isEnd: boolean }): void {
    if (this.#stopped) return;
    const { clock, random, faults } = this.#network;
    const now = clock.nowMicros();
    this.#arrivalMicros = Math.max(this.#arrivalMicros, now + random.below(faults.latencyMsMax * 1000 + 1));
    this.#pending.push(piece);
    clock.after((this.#arrivalMicros - now) / 1000, () => this.#arrive());
  }

  #arrive(): void {
    const piece = this.#pending.shift();
    if (piece === undefined || this.#stopped) return;
    if (piece.isEnd) {
      this.#stopped = true;
      this.onEnd();
      return;
    }
    const bytes = new Uint8Array(Buffer.concat(piece.parts));
    const isCut = bytes.length > this.#bytesLeft;
    const arriving = isCut ? bytes.subarray(0, this.#bytesLeft) : bytes;
    this.#bytesLeft -= arriving.length;
    if (arriving.length > 0) this.#onChunk(arriving);
    if (isCut) this.#onCut();
  }
}

export function happens(random: SeededRandom, share: number): boolean {
  return share > 0 && random.uint32() < share * 2 ** 32;
}

/** One connection: the socket that the target gets, two pipes, and what goes wrong between them. */
export class SimLink {
  readonly socket: SimSocket;
  readonly #network: Network;
  readonly #digests: Digests;
  readonly #name: string;
  readonly #toTarget: Pipe;
  readonly #toInitiator: Pipe;
  readonly #client: LinkClient;
  readonly #sentByTarget: PduCutter;
  readonly #delivered: PduCutter;
  #isBroken = false;
  #isOver = false;

  constructor(network: Network, name: string, digests: Digests, observer: LinkObserver, client: LinkClient) {
    this.#network = network;
    this.#name = name;
    this.#digests = digests;
    this.#client = client;
    const { clock, random, faults } = network;
    const isDoomed = happens(random, faults.resetShare);
    const doom = isDoomed ? random.below(faults.resetBytesMax) : Number.POSITIVE_INFINITY;
    const isDoomedInward = random.boolean();
    const cut = () => this.reset();
    this.#sentByTarget = new PduCutter(digests, (pdu) => this.#carryToInitiator(pdu, observer));
    this.#delivered = new PduCutter(digests, (pdu) => observer.onDelivered(pdu));
    this.socket = new SimSocket(clock, random, { onSent: (bytes) => this.#sentByTarget.push(bytes), onEnded: () => this.#toInitiator.end() });
    this.#toTarget = new Pipe(network, isDoomedInward ? doom : Number.POSITIVE_INFINITY, (bytes) => this.#arriveAtTarget(bytes), cut);
    this.#toInitiator = new Pipe(network, isDoomedInward ? Number.POSITIVE_INFINITY : doom, (bytes) => client.onBytes(bytes), cut);
    this.#toTarget.onEnd = () => this.socket.destroy();
    this.#toInitiator.onEnd = () => this.#tellClosed();
  }

  /** A PDU of the initiator. */
  send(pdu: WirePdu): void {
    const { trace } = this.#network;
    const bytes = this.#fateOf(pdu, `${this.#name} →`);
    if (bytes === null) return;
    if (bytes === pdu.bytes) trace.add(() => `${this.#name} → ${describePdu(pdu.header)}`);
    this.#toTarget.push(bytes);
  }

  /** The initiator closes its side. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#toInitiator.stop();
    this.#toTarget.end();
  }

  /** What is under way is lost, and each side learns of it in its own time. */
  reset(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const { clock, random, trace, faults } = this.#network;
    trace.add(() => `${this.#name} ✂ connection reset`);
    this.#toTarget.stop();
    this.#toInitiator.stop();
    clock.after(random.below(faults.latencyMsMax * 2000 + 1) / 1000, () => this.socket.destroy());
    clock.after(random.below(faults.latencyMsMax * 2000 + 1) / 1000, () => this.#tellClosed());
  }

  #tellClosed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#network.trace.add(() => `${this.#name} closed`);
    this.#toTarget.end();
    this.#client.onClosed();
  }

  #arriveAtTarget(bytes: Uint8Array): void {
    this.#delivered.isFullFeature = this.#sentByTarget.isFullFeature;
    this.#delivered.push(bytes);
    this.socket.deliver(bytes);
  }

  #carryToInitiator(pdu: WirePdu, observer: LinkObserver): void {
    const { trace } = this.#network;
    observer.onTargetPdu(pdu);
    const bytes = this.#fateOf(pdu, `${this.#name} ←`);
    if (bytes === null) return;
    if (bytes === pdu.bytes) trace.add(() => `${this.#name} ← ${describePdu(pdu.header)}`);
    this.#toInitiator.push(bytes);
  }

  /** What arrives of a PDU: its bytes, others, or null. Logins are spared, so that there is somebody to play with. */
  #fateOf(pdu: WirePdu, direction: string): Uint8Array | null {
    const { random, faults, trace } = this.#network;
    const opcode = readOpcode(pdu.header, 0);
    if (opcode === Opcode.loginRequest || opcode === Opcode.loginResponse) return pdu.bytes;
    if (happens(random, faults.lossShare)) {
      trace.add(() => `${direction} LOST ${describePdu(pdu.header)}`);
      return null;
    }
    if (!happens(random, faults.corruptShare)) return pdu.bytes;
    const at = this.#corruptibleByteOf(pdu);
    if (at === -1) return pdu.bytes;
    const bytes = pdu.bytes.slice();
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    trace.add(() => `${direction} CORRUPT byte ${at} of ${describePdu(pdu.header)}`);
    return bytes;
  }

  /** A byte that a digest covers, rather of the data; -1 when there is none. */
  #corruptibleByteOf({ data, dataAt }: WirePdu): number {
    const { random } = this.#network;
    if (this.#digests.data && data.length > 0 && !(this.#digests.header && random.below(8) === 0)) return dataAt + random.below(paddedLength(data.length));
    return this.#digests.header ? random.below(48) : -1;
  }
}
