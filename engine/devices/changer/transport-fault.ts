import { TargetError } from '../../errors.js';
import { Asc, SenseKey } from '../../scsi/sense-codes.js';

/** Why the picker has not moved a cartridge: sense data for initiators and a sentence for people. */
export interface TransportFault {
  readonly key: SenseKey;
  readonly asc: number;
  /** Of the `TargetError` that operators get. */
  readonly code: string;
  readonly sentence: string;
}

const illegal = (asc: number, code: string, sentence: string): TransportFault => ({ key: SenseKey.illegalRequest, asc, code, sentence });

/** SMC-3 "Medium changer sense"; the codes are those that libraries with real pickers use. */
export const TransportFaults = {
  noSuchElement: illegal(Asc.invalidElementAddress, 'LIBRARY_ELEMENT', 'a cartridge can be in slots, import/export elements and drives only'),
  sourceEmpty: illegal(Asc.mediumSourceElementEmpty, 'LIBRARY_EMPTY', 'there is no cartridge'),
  destinationFull: illegal(Asc.mediumDestinationElementFull, 'LIBRARY_OCCUPIED', 'another cartridge is there already'),
  elementOpen: illegal(Asc.mediumMagazineNotAccessible, 'LIBRARY_OPEN', 'the import/export element is open'),
  elementDisabled: illegal(Asc.elementDisabled, 'LIBRARY_NO_DRIVE', 'no drive is there any more'),
  wrongKind: illegal(Asc.incompatibleMedium, 'LIBRARY_KIND', 'the drive does not take this kind of cartridge'),
  removalPrevented: illegal(Asc.mediumRemovalPreventedByDrive, 'LIBRARY_PREVENTED', 'an initiator keeps the drive from giving its cartridge out'),
  stillLoaded: illegal(Asc.mediumRemovalPreventedByDrive, 'LIBRARY_LOADED', 'the drive has not unloaded its cartridge, and auto-unload is off'),
  imageMissing: {
    key: SenseKey.mediumError,
    asc: Asc.mediumLoadFailed,
    code: 'LIBRARY_IMAGE',
    sentence: 'there is no file at the path of the cartridge',
  },
  loadFailed: { key: SenseKey.hardwareError, asc: Asc.driveLoadFailed, code: 'LIBRARY_LOAD', sentence: 'the drive could not load the cartridge' },
  unloadFailed: {
    key: SenseKey.hardwareError,
    asc: Asc.driveUnloadFailed,
    code: 'LIBRARY_UNLOAD',
    sentence: 'the drive could not write back what it had buffered',
  },
  notKept: { key: SenseKey.hardwareError, asc: Asc.internalTargetFailure, code: 'LIBRARY_STATE', sentence: 'the move could not be written down' },
} as const satisfies Record<string, TransportFault>;

export function asError({ code, sentence }: TransportFault): TargetError {
  return new TargetError(code, sentence);
}
