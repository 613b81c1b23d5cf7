import { z } from 'zod';
import { wholeNumber } from '../../config/schema-values.js';
import { LUN_MAX } from '../../pdu/lun.js';

/** The shape of a library file as it is written. `error` of each schema is the phrase that completes "expected …", see `config/read-by-schema.ts`. */

/** Element addresses have 16 bits; FFFFh is left out, since programs ask for "all" with it. */
export const ELEMENT_ADDRESS_MAX = 0xfffe;
const DRIVE_COUNT_MAX = 256;
const PICKER_COUNT_MAX = 16;

/** Volume identification of a volume tag, SMC-3 "Volume tag information format": 32 characters, of which spaces at the end do not count. */
const BARCODE_PATTERN = /^[!-~](?:[ -~]{0,30}[!-~])?$/;
export const BARCODE_FORM = '1 to 32 printable ASCII characters, such as LUN001L6, in quotes';

export const barcodeSchema = z.string({ error: BARCODE_FORM }).regex(BARCODE_PATTERN, { error: BARCODE_FORM });

const PATH_FORM = 'the path of a cartridge image, without ~';
/** No shell expands a tilde in a file. */
const pathSchema = z.string({ error: PATH_FORM }).regex(/^(?!~(?:\/|$))[^\0]+$/, { error: PATH_FORM });

export const CARTRIDGE_KINDS = ['tape', 'cdrom'] as const;
export type CartridgeKind = (typeof CARTRIDGE_KINDS)[number];

const cartridgeSchema = z.strictObject(
  {
    path: pathSchema,
    barcode: barcodeSchema.optional(),
    kind: z.enum(CARTRIDGE_KINDS, { error: 'tape or cdrom' }).optional(),
    slot: wholeNumber(1, ELEMENT_ADDRESS_MAX).optional(),
    'import-export': wholeNumber(1, ELEMENT_ADDRESS_MAX).optional(),
    drive: wholeNumber(0, LUN_MAX).optional(),
  },
  { error: 'a mapping such as { path: tapes/1.tape, barcode: LUN001L6, slot: 1 }' },
);

const address = wholeNumber(0, ELEMENT_ADDRESS_MAX).optional();

/** `elementCountMax` bounds slots and import/export elements. */
export function librarySchemaOf(elementCountMax: number) {
  return z.strictObject(
    {
      drives: z
        .array(wholeNumber(0, LUN_MAX), { error: 'a list of the LUNs of its drives, such as [1, 2]' })
        .min(1, { error: 'at least one drive' })
        .max(DRIVE_COUNT_MAX, { error: `at most ${DRIVE_COUNT_MAX} drives` }),
      slots: wholeNumber(1, elementCountMax),
      'import-export': wholeNumber(0, elementCountMax).optional(),
      pickers: wholeNumber(1, PICKER_COUNT_MAX).optional(),
      addresses: z
        .strictObject(
          { pickers: address, drives: address, 'import-export': address, slots: address },
          { error: 'a mapping of pickers, drives, import-export and slots to first element addresses' },
        )
        .optional(),
      'auto-unload': z.boolean({ error: 'true or false' }).optional(),
      cartridges: z.array(cartridgeSchema, { error: 'a list of cartridges' }).optional(),
    },
    { error: 'a mapping with drives and slots, and import-export, pickers, addresses, auto-unload and cartridges as needed' },
  );
}

export type CartridgeDraft = Partial<z.output<typeof cartridgeSchema>>;
export type LibraryDraft = Partial<Omit<z.output<ReturnType<typeof librarySchemaOf>>, 'cartridges' | 'drives'>> & {
  readonly drives?: readonly (number | undefined)[];
  readonly cartridges?: readonly (CartridgeDraft | undefined)[];
};
