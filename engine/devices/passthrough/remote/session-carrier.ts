import type { CommandResult, PendingCommand } from '../../../../initiator/command-exchange.js';
import { ConnectionLostError, InitiatorError } from '../../../../initiator/errors.js';
import type { Session } from '../../../../initiator/session.js';
import type { Clock } from '../../../clock.js';
import type { Limits } from '../../../limits.js';
import { ResidualFlag, TaskManagementResponse } from '../../../pdu/index.js';
import { DataDirection } from '../../../shm/layout.js';
import type { CarriedCommand, CarriedEnd, CarriedTask, Carrier } from '../carrier.js';

/** Which way data moves is told where none is expected too: the residual is counted from it. */
const directionOptions = {
  [DataDirection.none]: {},
  [DataDirection.in]: { direction: 'in' },
  [DataDirection.out]: { direction: 'out' },
  [DataDirection.bidirectional]: { direction: 'both' },
} as const;
const READ_FLAGS_SHIFT = 2;
/** Commands end by their target or with their connection: whoever made one counts the time, and aborts it. */
const NO_TIME_LIMIT = 0;

/** A way to a logical unit of a remote target: one session, of which the target makes one I_T nexus. */
export class SessionCarrier implements Carrier {
  readonly #session: Session;
  readonly #lun: number;
  readonly #clock: Clock;
  readonly #limits: Limits;
  #cancelPing: () => void = () => {};

  constructor(session: Session, lun: number, clock: Clock, limits: Limits) {
    this.#session = session;
    this.#lun = lun;
    this.#clock = clock;
    this.#limits = limits;
    this.#pingLater();
  }

  carry(command: CarriedCommand, onEnd: (end: CarriedEnd) => void): CarriedTask {
    const { cdb, attribute, direction, dataOut, dataIn } = command;
    let pending: PendingCommand;
    try {
      pending = this.#session.submit({
        lun: this.#lun,
        cdb,
        attribute,
        timeoutMs: NO_TIME_LIMIT,
        ...directionOptions[direction],
        ...(dataOut === null ? {} : { dataOut }),
        ...(dataIn === null ? {} : { dataInto: dataIn }),
      });
    } catch (error) {
      queueMicrotask(() => onEnd({ kind: error instanceof InitiatorError && error.code === 'ARGUMENT_INVALID' ? 'refused' : 'unsent' }));
      return { abort: () => {} };
    }
    void settle(pending, command).then(onEnd);
    return { abort: () => void this.#abort(pending) };
  }

  /** Until the target has confirmed that the task is over, its data may come: what is not confirmed in time ends with the session. */
  async #abort(pending: PendingCommand): Promise<void> {
    const cancel = this.#clock.after(this.#limits.passthroughAbortMsMax, () => this.break());
    try {
      const response = await this.#session.abortTask(pending);
      if (response === TaskManagementResponse.taskDoesNotExist || response === TaskManagementResponse.functionComplete) this.#session.giveUp(pending);
      else if (isOpen(this.#session)) this.break();
    } catch {
      // The session is gone, and the command with it.
    }
    cancel();
  }

  async resetUnit(): Promise<void> {
    await this.#ask(() => this.#session.logicalUnitReset(this.#lun));
  }

  async clearAca(): Promise<void> {
    await this.#ask(() => this.#session.clearAca(this.#lun));
  }

  /** A function that is refused or not answered has done what it could; a target that answers nothing at all is noticed by the pings. */
  async #ask(request: () => Promise<number>): Promise<void> {
    try {
      await request();
    } catch {
      return;
    }
  }

  async close(): Promise<void> {
    this.#cancelPing();
    if (!isOpen(this.#session)) return;
    const cancel = this.#clock.after(this.#limits.passthroughAbortMsMax, () => this.#session.destroy());
    try {
      await this.#session.logout();
    } catch {
      this.#session.destroy();
    }
    cancel();
  }

  break(): void {
    this.#cancelPing();
    this.#session.reset();
  }

  #pingLater(): void {
    this.#cancelPing = this.#clock.after(this.#limits.passthroughPingMs, () => void this.#ping());
  }

  /** A target that has vanished without a word would keep commands for ever. */
  async #ping(): Promise<void> {
    try {
      await this.#session.ping(undefined, { immediate: true, timeoutMs: this.#limits.passthroughPingMs });
    } catch {
      if (isOpen(this.#session)) this.break();
      return;
    }
    if (isOpen(this.#session)) this.#pingLater();
  }
}

async function settle(pending: PendingCommand, command: CarriedCommand): Promise<CarriedEnd> {
  try {
    return answerOf(await pending.result, command);
  } catch (error) {
    return { kind: kindOf(error) };
  }
}

function isOpen(session: Session): boolean {
  return !session.isClosed;
}

function kindOf(error: unknown): 'unsent' | 'lost' | 'aborted' | 'refused' {
  if (error instanceof ConnectionLostError) return error.isRetrySafe ? 'unsent' : 'lost';
  if (error instanceof InitiatorError && error.code === 'COMMAND_ABORTED') return 'aborted';
  return 'lost';
}

/**
 * What the device has moved or would have moved, from what came and the residuals. RFC 7143 §11.4.5. After an error less may have come than the residual says;
 * what did not come is not there to be given.
 */
function answerOf(result: CommandResult, { direction, dataIn, dataOut }: CarriedCommand): CarriedEnd {
  const { status, sense, residualFlags, residualCount, bidirectionalReadResidualCount } = result;
  const isBidirectional = direction === DataDirection.bidirectional;
  const isWrite = direction === DataDirection.out;
  const readFlags = isBidirectional ? residualFlags >> READ_FLAGS_SHIFT : isWrite ? 0 : residualFlags;
  const readCount = isBidirectional ? bidirectionalReadResidualCount : residualCount;
  // A device that moves data the other way tells an overflow too, and nothing has come: what lies in the memory then is somebody else's.
  const hasAllCome = result.dataIn.length === (dataIn?.length ?? 0);
  const isOverflow = hasAllCome && (readFlags & ResidualFlag.overflow) !== 0;
  return {
    kind: 'answered',
    status,
    sense,
    dataInLength: result.dataIn.length + (isOverflow ? readCount : 0),
    dataOutLength: isBidirectional || isWrite ? movedOf(dataOut?.length ?? 0, residualFlags, residualCount) : 0,
  };
}

function movedOf(expected: number, flags: number, count: number): number {
  if ((flags & ResidualFlag.overflow) !== 0) return expected + count;
  return (flags & ResidualFlag.underflow) === 0 ? expected : Math.max(0, expected - count);
}
