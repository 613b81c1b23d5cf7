/**
 * The few SCSI codes that an initiator must know by itself. The device servers have their own, fuller tables; a client that
 * checks them must not depend on them, so a test holds the two together.
 */

/** SAM-5 §5.3 "Status". */
export const ScsiStatus = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const;

/** SPC-4 §4.5 "Sense data". */
export const SenseKey = { illegalRequest: 0x5, unitAttention: 0x6 } as const;
