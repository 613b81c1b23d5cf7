import * as assert from 'uvu/assert';
import { decodeReadyToTransfer, decodeTaskManagementResponse, Opcode, readOpcode } from '../../engine/pdu/index.js';
import type { Scene } from '../engine/session/scene.js';
import { TestInitiator } from '../engine/session/test-initiator.js';
import type { UnitRig } from './unit-rig.js';

/** An initiator port and the target port that it logs in to: a nexus, when it is logged in. */
export interface Port {
  readonly initiatorName: string;
  readonly isid: string;
  readonly targetPort: number;
}

export interface Answer {
  readonly status: number;
  readonly key: number;
  readonly asc: number;
  readonly isDescriptor: boolean;
  readonly data: Buffer;
}

export interface Wanted {
  readonly lun: number;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
  readonly attribute?: number;
}

/** Turns of the microtask queue, then of the event loop, that an answer may take. */
const MICROTASK_COUNT_MAX = 64;
const TURN_COUNT_MAX = 200;

interface Collected {
  readonly answers: Map<number, Answer>;
  readonly managed: Map<number, { readonly response: number; readonly information: number }>;
  readonly r2ts: Map<number, { readonly targetTransferTag: number; readonly lengthBytes: number }>;
}

/** Sends commands of one session and waits for their answers. */
export class NexusClient {
  readonly initiator: TestInitiator;
  readonly #got: Collected = { answers: new Map(), managed: new Map(), r2ts: new Map() };
  readonly #dataIn = new Map<number, Buffer[]>();

  constructor(rig: UnitRig, port: Port) {
    // All that it needs of a scene is the context.
    this.initiator = new TestInitiator({ context: rig.context } as Scene);
    const { connection } = this.initiator;
    connection.portal = { ...connection.portal, portalGroupTag: port.targetPort };
    const keys = ['iSCSIProtocolLevel=2', 'InitialR2T=Yes', 'ImmediateData=Yes', 'DefaultTime2Retain=0'];
    const { status } = this.initiator.login({ initiatorName: port.initiatorName, isid: port.isid, keys });
    assert.is(status, 0, 'login succeeds');
  }

  get isOpen(): boolean {
    return !this.initiator.transport.isDestroyed && !this.initiator.transport.isClosed;
  }

  async command({ lun, cdb, dataOut, dataInLength, attribute }: Wanted): Promise<Answer> {
    const choices = {
      lun,
      attribute: attribute ?? 1,
      ...(dataOut === undefined ? {} : { write: dataOut.length, data: dataOut }),
      ...(dataInLength === undefined ? {} : { read: dataInLength }),
    };
    const tag = this.initiator.command(Buffer.from(cdb).toString('hex'), choices);
    return this.answerOf(tag);
  }

  /** Sends a write and keeps its data back; answers its tag, and what the target has said at once if it did not ask for the data. */
  openWrite({ lun, cdb, lengthBytes }: { lun: number; cdb: Uint8Array; lengthBytes: number }): { tag: number; answer: Answer | null } {
    const tag = this.initiator.command(Buffer.from(cdb).toString('hex'), { lun, write: lengthBytes });
    this.collect();
    return { tag, answer: this.takeAnswer(tag) };
  }

  hasR2T(tag: number): boolean {
    return this.#got.r2ts.has(tag);
  }

  /** The data that `openWrite` kept back. */
  sendData(tag: number, data: Uint8Array): void {
    const r2t = this.#got.r2ts.get(tag);
    assert.ok(r2t !== undefined, 'the target has asked for the data');
    this.#got.r2ts.delete(tag);
    this.initiator.dataOut(tag, data, { targetTransferTag: r2t.targetTransferTag });
  }

  async answerOf(tag: number): Promise<Answer> {
    await this.#until(() => this.#got.answers.has(tag), `an answer to ${tag.toString(16)}`);
    return this.takeAnswer(tag) as Answer;
  }

  takeAnswer(tag: number): Answer | null {
    this.collect();
    const answer = this.#got.answers.get(tag) ?? null;
    this.#got.answers.delete(tag);
    return answer;
  }

  async managedAs(tag: number): Promise<{ response: number; information: number }> {
    await this.#until(() => this.#got.managed.has(tag), `a task management response to ${tag.toString(16)}`);
    const response = this.#got.managed.get(tag) as { response: number; information: number };
    this.#got.managed.delete(tag);
    return response;
  }

  /** Answers that nobody has asked for yet. */
  get unexpected(): string[] {
    this.collect();
    return Array.from(this.#got.answers, ([tag, { status }]) => `${tag.toString(16)}: status ${status}`);
  }

  collect(): void {
    const { output } = this.initiator.transport;
    for (const { header, data } of output.take()) {
      const tag = header.getUint32(16);
      const opcode = readOpcode(header, 0);
      if (opcode === Opcode.dataIn) {
        const pieces = this.#dataIn.get(tag) ?? [];
        this.#dataIn.set(tag, pieces);
        pieces.push(data);
        if ((header.getUint8(1) & 0x01) !== 0) this.#finish(tag, header.getUint8(3), Buffer.alloc(0));
      } else if (opcode === Opcode.scsiResponse) {
        assert.is(header.getUint8(2), 0, 'the response is COMMAND COMPLETED AT TARGET');
        this.#finish(tag, header.getUint8(3), data);
      } else if (opcode === Opcode.taskManagementResponse) {
        this.#got.managed.set(tag, { response: header.getUint8(2), information: decodeTaskManagementResponse(header, 0).additionalResponseInformation ?? 0 });
      } else if (opcode === Opcode.readyToTransfer) {
        const { targetTransferTag, desiredDataTransferLength } = decodeReadyToTransfer(header, 0);
        this.#got.r2ts.set(tag, { targetTransferTag, lengthBytes: desiredDataTransferLength });
      }
      this.initiator.expStatSN = (this.initiator.expStatSN + 1) >>> 0;
    }
    output.flush();
  }

  #finish(tag: number, status: number, segment: Buffer): void {
    const data = Buffer.concat(this.#dataIn.get(tag) ?? []);
    this.#dataIn.delete(tag);
    this.#got.r2ts.delete(tag);
    const sense = segment.subarray(2);
    const isDescriptor = sense.length > 0 && (sense[0] as number) >= 0x72;
    const at = isDescriptor ? [1, 2, 3] : [2, 12, 13];
    const [key, asc, ascq] = at.map((index) => sense[index] ?? 0) as [number, number, number];
    this.#got.answers.set(tag, { status, key: key & 0x0f, asc: (asc << 8) | ascq, isDescriptor, data });
  }

  async #until(isThere: () => boolean, what: string): Promise<void> {
    this.collect();
    for (let i = 0; i < MICROTASK_COUNT_MAX && !isThere(); i++) {
      await Promise.resolve();
      this.collect();
    }
    for (let i = 0; i < TURN_COUNT_MAX && !isThere(); i++) {
      await new Promise(setImmediate);
      this.collect();
    }
    assert.ok(isThere(), `${what} comes`);
  }
}
