import { ALL_BITS, CONTROL_UNUSED, readUint24, returnData } from '../../scsi/cdb.js';
import type { UnitCommandRow } from '../../scsi/command-table.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { UnitPart } from '../../scsi/logical-unit.js';
import { parameterListOf, planParameterList } from '../../scsi/parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, parameterListLengthError, SenseKey } from '../../scsi/sense.js';
import { ELEMENT_TYPE_MASK, invalidElementAddress, selectElements } from './element-cdb.js';
import type { Element } from './element-layout.js';
import { encodeElementStatus } from './element-status.js';
import { libraryOf } from './library.js';
import { statusOf } from './read-element-status.js';
import { readVolumeTagTemplate, VOLUME_TAG_TEMPLATE_LENGTH, type VolumeTagTemplate } from './volume-tag-template.js';

/** Where a nexus wants cartridges to be looked for by their volume tags. */
interface Search {
  readonly sendActionCode: number;
  readonly template: VolumeTagTemplate;
  readonly startAddress: number;
  /** 0 stands for all types. */
  readonly type: number;
}

/** What each nexus asked for with SEND VOLUME TAG, until it asks for something else. SMC-3 "REQUEST VOLUME ELEMENT ADDRESS command". */
class VolumeTagSearches implements UnitPart {
  readonly #byNexus = new Map<number, Search>();

  set(nexus: ITNexus, search: Search): void {
    this.#byNexus.set(nexus.id, search);
  }

  of(nexus: ITNexus): Search | undefined {
    return this.#byNexus.get(nexus.id);
  }

  onReset(): void {
    this.#byNexus.clear();
  }

  onNexusLost(nexus: ITNexus): void {
    this.#byNexus.delete(nexus.id);
  }
}

/*
 * SEND VOLUME TAG, SMC-3 "SEND VOLUME TAG command".
 *
 *     0| 0xb6 | . Element Type Code (4) | Starting Element Address (2) | . | . Send Action Code (5) | . (2) |
 *     8| Parameter List Length (2) | . | Control                                                           |
 */
const SEND_ACTION_AT = 5;
const SEND_ACTION_MASK = 0x1f;
const SEND_ACTION_BIT = 4;
const LIST_LENGTH_AT = 8;
/**
 * SEND ACTION CODE: translate. Barcodes are read from labels, so that none is asserted, replaced or undefined by an initiator, and there are no alternate
 * volume tags.
 */
const Translate = { all: 0x00, primary: 0x01, allAnySequence: 0x04, primaryAnySequence: 0x05 } as const;
const translations: readonly number[] = Object.values(Translate);

const sendVolumeTagRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0xb6,
  name: 'SEND VOLUME TAG',
  clause: 'SMC-3 "SEND VOLUME TAG command"',
  cdbLength: 12,
  cdbUsage: [0xb6, ELEMENT_TYPE_MASK, ALL_BITS, ALL_BITS, 0x00, SEND_ACTION_MASK, 0x00, 0x00, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  plan(command, unit) {
    const { layout } = libraryOf(unit);
    if (selectElements(command, layout) === null) return;
    if (!translations.includes((command.cdb[SEND_ACTION_AT] as number) & SEND_ACTION_MASK)) return invalidFieldInCdb(command, SEND_ACTION_AT, SEND_ACTION_BIT);
    if (command.cdbView.getUint16(2) > (layout.elements.at(-1) as Element).address) return invalidElementAddress(command);
    const lengthBytes = command.cdbView.getUint16(LIST_LENGTH_AT);
    if (lengthBytes !== VOLUME_TAG_TEMPLATE_LENGTH) parameterListLengthError(command);
    else planParameterList(command, lengthBytes, LIST_LENGTH_AT);
  },
  execute(command, unit, nexus) {
    const list = parameterListOf(command);
    if (list.length !== VOLUME_TAG_TEMPLATE_LENGTH) return parameterListLengthError(command);
    const sendActionCode = (command.cdb[SEND_ACTION_AT] as number) & SEND_ACTION_MASK;
    const isAnySequence = sendActionCode === Translate.allAnySequence || sendActionCode === Translate.primaryAnySequence;
    const search = { sendActionCode, template: readVolumeTagTemplate(list, isAnySequence), startAddress: command.cdbView.getUint16(2) };
    unit.part(VolumeTagSearches).set(nexus, { ...search, type: (command.cdb[1] as number) & ELEMENT_TYPE_MASK });
  },
};

/*
 * REQUEST VOLUME ELEMENT ADDRESS, SMC-3 "REQUEST VOLUME ELEMENT ADDRESS command".
 *
 *     0| 0xb5 | . VOLTAG Element Type Code (4) | Element Address (2) | Number of Elements (2) | . | Allocation Length (3) | . | Control |
 */
const VOLTAG_BIT = 0x10;
const ALLOCATION_LENGTH_AT = 7;

const requestVolumeElementAddressRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0xb5,
  name: 'REQUEST VOLUME ELEMENT ADDRESS',
  clause: 'SMC-3 "REQUEST VOLUME ELEMENT ADDRESS command"',
  cdbLength: 12,
  cdbUsage: [0xb5, VOLTAG_BIT | ELEMENT_TYPE_MASK, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  execute(command, unit, nexus) {
    const library = libraryOf(unit);
    const search = unit.part(VolumeTagSearches).of(nexus);
    if (search === undefined) return checkCondition(command, SenseKey.illegalRequest, Asc.commandSequenceError);
    const elements = selectElements(command, library.layout, (element) => {
      if (element.address < search.startAddress || (search.type !== 0 && element.type !== search.type)) return false;
      const barcode = library.cartridgeIn(element)?.barcode ?? null;
      return barcode !== null && search.template.matches(barcode);
    });
    if (elements === null) return;
    const allocationLength = readUint24(command.cdbView, ALLOCATION_LENGTH_AT);
    const data = encodeElementStatus(
      elements.map((element) => statusOf(library, element)),
      {
        withVolumeTags: ((command.cdb[1] as number) & VOLTAG_BIT) !== 0,
        withDriveIds: false,
        allocationLength,
        sendActionCode: search.sendActionCode,
      },
    );
    returnData(command, data, allocationLength);
  },
};

export const volumeTagRows: readonly UnitCommandRow[] = [requestVolumeElementAddressRow, sendVolumeTagRow];
