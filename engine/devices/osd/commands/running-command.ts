import { ScsiStatus } from '../../../scsi/status.js';
import { CURRENT_COMMAND_PAGE, type DeviceFacts, uint } from '../attributes/attribute-page.js';
import { ObjectAttributes } from '../attributes/object-attributes.js';
import type { AttributeRequest } from '../protocol/attribute-request.js';
import type { CommandFailure } from '../protocol/command-failure.js';
import type { ContinuationDescriptor } from '../protocol/continuation.js';
import type { DataIn } from '../protocol/data-in.js';
import { objectTypeOf } from '../protocol/object-id.js';
import { INTEGRITY_CHECK_VALUE_LENGTH, type OsdCdb } from '../protocol/osd-cdb.js';
import { responseValue } from '../security/integrity.js';
import type { KeyStore } from '../security/key-store.js';
import type { Validated } from '../security/security-check.js';
import type { FlushScope, ObjectKind, ObjectName, ObjectStore } from '../store/object-store.js';
import type { ListIdentifiers } from './list-identifiers.js';

/** What all commands of one device have at hand. */
export interface CommandEnvironment {
  readonly store: ObjectStore;
  readonly facts: DeviceFacts;
  readonly keys: KeyStore;
  readonly lists: ListIdentifiers;
}

/** One command while it runs. */
export class RunningCommand {
  readonly environment: CommandEnvironment;
  readonly cdb: OsdCdb;
  readonly attributes: AttributeRequest;
  readonly descriptors: readonly ContinuationDescriptor[];
  /** What the command itself gets of the Data-Out. */
  readonly data: Uint8Array;
  readonly dataIn: DataIn;
  readonly validated: Validated;
  /** The object that attributes are set and got of: of CREATE the new one, and the first of several. */
  target: ObjectName;
  kind: ObjectKind;
  /** So many objects from `target` on, when CREATE made several. */
  objectCount = 1;
  /** STARTING BYTE ADDRESS OF APPEND of the Current Command page. */
  appendedAt = 0n;
  /** The command has done its work, but not all was well: it ends with this and with its data. */
  recovered: CommandFailure | null = null;
  /** To be on stable storage before the command ends. */
  flushAfter: FlushScope | null = null;

  constructor(parts: Pick<RunningCommand, 'environment' | 'cdb' | 'attributes' | 'descriptors' | 'data' | 'dataIn' | 'validated' | 'target' | 'kind'>) {
    this.environment = parts.environment;
    this.cdb = parts.cdb;
    this.attributes = parts.attributes;
    this.descriptors = parts.descriptors;
    this.data = parts.data;
    this.dataIn = parts.dataIn;
    this.validated = parts.validated;
    this.target = parts.target;
    this.kind = parts.kind;
  }

  get store(): ObjectStore {
    return this.environment.store;
  }

  attributesOf(name: ObjectName, kind: ObjectKind): ObjectAttributes {
    return new ObjectAttributes(this.store, this.environment.facts, name, kind);
  }

  /** An attribute of the Current Command page, OSD-2 "Current Command attributes page"; null for a number that it does not have. */
  currentCommand(number: number): Uint8Array | null {
    switch (number) {
      case 0x1:
        return this.#responseIntegrity();
      case 0x2:
        return uint(objectTypeOf(this.kind), 1);
      case 0x3:
        return uint(this.target.partitionId, 8);
      case 0x4:
        return uint(this.target.objectId, 8);
      case 0x5:
        return uint(this.appendedAt, 8);
      default:
        return null;
    }
  }

  /** The page as a whole: response integrity check value, object type, three reserved bytes, and the other values. */
  currentCommandPage(): Uint8Array {
    const value = (number: number) => this.currentCommand(number) as Uint8Array;
    return Buffer.concat([value(0x1), value(0x2), new Uint8Array(3), value(0x3), value(0x4), value(0x5)]);
  }

  /** That of a command that ends well: what ends otherwise has it in its sense data. */
  #responseIntegrity(): Uint8Array {
    const { key } = this.validated;
    if (key === null) return new Uint8Array(INTEGRITY_CHECK_VALUE_LENGTH);
    return responseValue(key, this.cdb.requestNonce, ScsiStatus.good, new Uint8Array(0));
  }
}

export const CURRENT_COMMAND_NUMBERS = [0x1, 0x2, 0x3, 0x4, 0x5] as const;
export { CURRENT_COMMAND_PAGE };
