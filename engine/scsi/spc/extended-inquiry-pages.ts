import { SENSE_CAPACITY_BYTES } from '../../shm/layout.js';
import type { VpdPage } from './inquiry.js';

/** Extended INQUIRY Data VPD page, SPC-4 "Extended INQUIRY Data VPD page": offsets within the page. */
const HEADER_LENGTH = 4;
const PAGE_LENGTH = 64;
const EXTENDED = { checks: 4, support: 5, cache: 6, sense: 13 } as const;
/** Guard, application tag and reference tag are checked on units with protection information. */
const GRD_APP_REF_CHECKS = 0x07;
const SPT_SHIFT = 3;
/** SPT, SUPPORTED PROTECTION TYPE: by the type that the unit was made with, which FORMAT UNIT cannot change. */
const supportedProtectionTypes: Readonly<Record<number, number>> = { 1: 0b000, 2: 0b010, 3: 0b100 };
/** HEADSUP, ORDSUP and SIMPSUP: all task attributes; GROUP_SUP and PRIOR_SUP: neither groups nor priorities. */
const TASK_ATTRIBUTES = 0x07;
/** V_SUP: a volatile cache, where a flush buys something. */
const V_SUP_BIT = 0x01;

export const extendedInquiryPage: VpdPage = {
  code: 0x86,
  build({ medium }) {
    const body = new Uint8Array(PAGE_LENGTH - HEADER_LENGTH);
    const type = medium?.shape.protectionType ?? 0;
    if (type !== 0) body[EXTENDED.checks - HEADER_LENGTH] = ((supportedProtectionTypes[type] as number) << SPT_SHIFT) | GRD_APP_REF_CHECKS;
    body[EXTENDED.support - HEADER_LENGTH] = TASK_ATTRIBUTES;
    if (medium?.store.durability === 'power-loss') body[EXTENDED.cache - HEADER_LENGTH] = V_SUP_BIT;
    body[EXTENDED.sense - HEADER_LENGTH] = SENSE_CAPACITY_BYTES;
    return body;
  },
};

const ALL_MODE_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
/** MODE PAGE POLICY 00b: shared. MLUS 0: each logical unit has pages of its own. */
const POLICY_SHARED = 0x00;

/** Mode Page Policy VPD page, SPC-4: all mode pages are shared by all I_T nexuses. */
export const modePagePolicyPage: VpdPage = { code: 0x87, build: () => Uint8Array.of(ALL_MODE_PAGES, ALL_SUBPAGES, POLICY_SHARED, 0) };

/** Management Network Addresses VPD page, SPC-4: what watches an engine is a socket of its own host, which has no network address. */
export const managementNetworkAddressesPage: VpdPage = { code: 0x85, build: () => new Uint8Array(0) };
