import type { CommandSlot } from '../../shm/command-slot.js';
import { CommandFlag } from '../../shm/layout.js';
import type { Deferral } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { ScsiStatus } from '../status.js';
import type { CopyDomain } from './copy-domain.js';
import { type CopyFailure, endWithFailure } from './copy-failure.js';
import { CopyOperation } from './copy-operation.js';

export interface CopyRequest {
  readonly listIdentifier: number;
  readonly serviceAction: number;
  readonly isNamed: boolean;
  /** The command ends when the copy has begun. */
  readonly isImmediate: boolean;
  /** Does the copy and answers why it failed, or null. Looks at `isAborted` between its pieces. */
  readonly run: (operation: CopyOperation) => Promise<CopyFailure | null>;
}

/** The copy manager of a logical unit, SPC-4 "Third-party copies": the copies that its nexuses have begun, and what is kept of those that have ended. */
export class CopyManager implements UnitPart {
  readonly #unit: LogicalUnit;
  /** Oldest first. */
  #operations: CopyOperation[] = [];

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  get domain(): CopyDomain {
    return this.#unit.host.copies;
  }

  /** The newest copy of the nexus with this list identifier, whether it runs or has ended. */
  find(nexus: ITNexus, listIdentifier: number): CopyOperation | undefined {
    return this.#operations.findLast((operation) => operation.isNamed && operation.nexusId === nexus.id && operation.listIdentifier === listIdentifier);
  }

  forget(operation: CopyOperation): void {
    this.#operations = this.#operations.filter((other) => other !== operation);
  }

  /** Begins a copy, and ends the command with its outcome, or at once when it is immediate. */
  begin(command: CommandSlot, nexus: ITNexus, deferral: Deferral, request: CopyRequest): void {
    const { listIdentifier, serviceAction, isNamed, isImmediate } = request;
    const previous = isNamed ? this.find(nexus, listIdentifier) : undefined;
    if (previous?.isDone === false) {
      // SPC-4 "Third-party copy commands": a list identifier names one copy of a nexus at a time.
      checkCondition(command, SenseKey.illegalRequest, Asc.operationInProgress);
      return;
    }
    if (!this.domain.enter()) {
      command.status = ScsiStatus.busy;
      return;
    }
    if (previous !== undefined) this.forget(previous);
    const descriptorSense = (command.flags & CommandFlag.descriptorSense) !== 0;
    const operation = new CopyOperation({ nexusId: nexus.id, listIdentifier, serviceAction, isNamed, isImmediate, descriptorSense });
    this.#operations.push(operation);
    if (!isImmediate) {
      const finish = deferral.defer(() => operation.abort());
      operation.whenDone(() => {
        setOutcome(command, operation);
        finish();
      });
    }
    void this.#run(operation, request);
  }

  async #run(operation: CopyOperation, request: CopyRequest): Promise<void> {
    let failure: CopyFailure | null = { key: SenseKey.hardwareError, asc: Asc.internalTargetFailure };
    try {
      failure = await request.run(operation);
    } catch (error) {
      this.domain.onDefect(error);
    } finally {
      this.domain.leave();
      if (!operation.isNamed) this.forget(operation);
      operation.end(failure);
      this.#forgetOldest();
    }
  }

  #forgetOldest(): void {
    const ended = this.#operations.filter((operation) => operation.isDone);
    for (const operation of ended.slice(0, Math.max(0, ended.length - this.domain.limits.copyResultCountMax))) this.forget(operation);
  }

  /** The copies of the nexus stop; what they came to can still be asked for. */
  abortOf(nexus: ITNexus): void {
    for (const operation of this.#operations) if (operation.nexusId === nexus.id) operation.abort();
  }

  onReset(): void {
    this.#stop(() => true);
  }

  onNexusLost(nexus: ITNexus): void {
    this.#stop((operation) => operation.nexusId === nexus.id);
  }

  onRemoved(): void {
    this.#stop(() => true);
  }

  /** Copies stop, and results are forgotten at once: who could ask for them is gone. */
  #stop(concerns: (operation: CopyOperation) => boolean): void {
    for (const operation of this.#operations) if (concerns(operation)) operation.abort();
    this.#operations = this.#operations.filter((operation) => !concerns(operation));
  }
}

function setOutcome(command: CommandSlot, operation: CopyOperation): void {
  if (operation.isAborted) command.status = ScsiStatus.taskAborted;
  else if (operation.failure !== null) endWithFailure(command, operation.failure);
}
