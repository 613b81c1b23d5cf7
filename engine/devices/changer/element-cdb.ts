import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../scsi/sense.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { type Element, type ElementLayout, ElementType } from './element-layout.js';
import type { TransportFault } from './transport-fault.js';

/** What the CDBs of a media changer have in common, SMC-3 "Commands for media changer type devices". */

export const ELEMENT_TYPE_MASK = 0x0f;
const ELEMENT_TYPE_BIT = 3;
const ELEMENT_TYPE_ALL = 0;
/** A MEDIUM TRANSPORT ELEMENT ADDRESS of zero means the picker of the library's choice. */
const DEFAULT_TRANSPORT = 0;

/** Ends the command: the address is of no element, or of none that the command may be asked for. */
export function invalidElementAddress(command: CommandSlot): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.invalidElementAddress);
}

export function endWithFault(command: CommandSlot, { key, asc }: TransportFault): void {
  checkCondition(command, key, asc);
}

/** Whether the two bytes name a picker, or leave the choice to us; false when the command has ended. */
export function hasTransport(command: CommandSlot, layout: ElementLayout, at: number): boolean {
  const address = command.cdbView.getUint16(at);
  if (address === DEFAULT_TRANSPORT || layout.at(address)?.type === ElementType.transport) return true;
  invalidElementAddress(command);
  return false;
}

/** The element that the two bytes name, or null when the command has ended. */
export function elementIn(command: CommandSlot, layout: ElementLayout, at: number): Element | null {
  const element = layout.at(command.cdbView.getUint16(at));
  if (element === undefined) invalidElementAddress(command);
  return element ?? null;
}

/** No picker turns cartridges over: INVERT asks for what the Transport Geometry mode page says is not there. False when the command has ended. */
export function asksForNoInversion(command: CommandSlot, at: number, mask: number): boolean {
  const bits = (command.cdb[at] as number) & mask;
  if (bits !== 0) invalidFieldInCdb(command, at, 31 - Math.clz32(bits));
  return bits === 0;
}

/** Elements of the type, from the address on, and at most so many; null when the command has ended, since there is no such type. */
export function selectElements(command: CommandSlot, layout: ElementLayout, isWanted: (element: Element) => boolean = () => true): readonly Element[] | null {
  const type = (command.cdb[1] as number) & ELEMENT_TYPE_MASK;
  if (type > ElementType.dataTransfer) {
    invalidFieldInCdb(command, 1, ELEMENT_TYPE_BIT);
    return null;
  }
  const start = command.cdbView.getUint16(2);
  const countMax = command.cdbView.getUint16(4);
  return layout.elements.filter((each) => each.address >= start && (type === ELEMENT_TYPE_ALL || each.type === type) && isWanted(each)).slice(0, countMax);
}
