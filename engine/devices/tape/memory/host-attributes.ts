import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { StateValue } from '../../../scsi/unit-host.js';
import { tapeOf } from '../tape-unit.js';
import type { AttributeFormat } from './medium-attributes.js';

/** What initiators have written of the medium auxiliary memory: of a partition. */
export interface HostAttribute {
  readonly partition: number;
  readonly identifier: number;
  readonly format: AttributeFormat;
  readonly value: Uint8Array;
}

/** Room for what hosts write; bytes of values. */
export const HOST_MEMORY_BYTES = 8192;
/** Cartridges of which a drive remembers what was written: those that were written to last. */
const REMEMBERED_CARTRIDGES_MAX = 256;
const STATE_SECTION = 'mediumAttributes';
const EVEN_HEX = /^(?:[0-9a-f]{2})*$/;

/**
 * Host type attributes of the cartridges that have been in the drive, by their serial numbers. They are kept where the unit keeps its state: over restarts where
 * there is a state directory.
 */
export class HostAttributes {
  readonly #unit: LogicalUnit;
  readonly #bySerial = new Map<string, readonly HostAttribute[]>();

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    for (const [serial, attributes] of readState(unit.host.state.load(STATE_SECTION))) this.#bySerial.set(serial, attributes);
  }

  /** Of the cartridge that is loaded. */
  get attributes(): readonly HostAttribute[] {
    const serial = tapeOf(this.#unit).facts?.serial;
    return (serial === undefined ? undefined : this.#bySerial.get(serial)) ?? [];
  }

  /** Those of the same partition and identifier are replaced, and removed by a value of no bytes. Rejects as `UnitState.save` does. */
  async write(changes: readonly HostAttribute[]): Promise<void> {
    const serial = tapeOf(this.#unit).facts?.serial;
    if (serial === undefined) return;
    const attributes = merge(this.attributes, changes);
    this.#bySerial.delete(serial);
    if (attributes.length > 0) this.#bySerial.set(serial, attributes);
    for (const oldest of this.#bySerial.keys()) {
      if (this.#bySerial.size <= REMEMBERED_CARTRIDGES_MAX) break;
      this.#bySerial.delete(oldest);
    }
    if (this.#unit.host.state.isKept) await this.#unit.host.state.save(STATE_SECTION, stateOf(this.#bySerial));
  }

  /** Whether they would have room. */
  hasRoomFor(changes: readonly HostAttribute[]): boolean {
    return merge(this.attributes, changes).reduce((sum, { value }) => sum + value.length, 0) <= HOST_MEMORY_BYTES;
  }
}

function merge(present: readonly HostAttribute[], changes: readonly HostAttribute[]): HostAttribute[] {
  const isChanged = (attribute: HostAttribute) => changes.some((change) => change.identifier === attribute.identifier && change.partition === attribute.partition);
  return [...present.filter((attribute) => !isChanged(attribute)), ...changes.filter(({ value }) => value.length > 0)];
}

function stateOf(bySerial: ReadonlyMap<string, readonly HostAttribute[]>): StateValue {
  return Object.fromEntries(
    [...bySerial].map(([serial, attributes]) => [serial, attributes.map((one) => [one.partition, one.identifier, one.format, Buffer.from(one.value).toString('hex')])]),
  );
}

/** What was kept, but for what makes no sense. */
function readState(kept: StateValue | undefined): [string, readonly HostAttribute[]][] {
  if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) return [];
  return Object.entries(kept as { readonly [key: string]: StateValue })
    .slice(-REMEMBERED_CARTRIDGES_MAX)
    .map(([serial, list]) => [serial, Array.isArray(list) ? list.flatMap(readAttribute) : []]);
}

function readAttribute(kept: StateValue): HostAttribute[] {
  if (!Array.isArray(kept)) return [];
  const [partition, identifier, format, value] = kept as readonly StateValue[];
  if (typeof partition !== 'number' || typeof identifier !== 'number' || typeof format !== 'number' || typeof value !== 'string') return [];
  if (!EVEN_HEX.test(value) || value.length > 2 * HOST_MEMORY_BYTES) return [];
  return [{ partition, identifier, format: format as AttributeFormat, value: Uint8Array.from(Buffer.from(value, 'hex')) }];
}
