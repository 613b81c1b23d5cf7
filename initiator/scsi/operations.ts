/** Operation codes, SPC-4 Annex D and SBC-3 §5.1. Forms of one command differ in the number behind its name. */
export const ScsiOperation = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  read6: 0x08,
  write6: 0x0a,
  inquiry: 0x12,
  modeSelect6: 0x15,
  reserve6: 0x16,
  release6: 0x17,
  modeSense6: 0x1a,
  startStopUnit: 0x1b,
  receiveDiagnosticResults: 0x1c,
  sendDiagnostic: 0x1d,
  readCapacity10: 0x25,
  read10: 0x28,
  write10: 0x2a,
  writeAndVerify10: 0x2e,
  verify10: 0x2f,
  prefetch10: 0x34,
  synchronizeCache10: 0x35,
  writeBuffer: 0x3b,
  readBuffer: 0x3c,
  writeSame10: 0x41,
  unmap: 0x42,
  logSelect: 0x4c,
  logSense: 0x4d,
  xdWriteRead10: 0x53,
  modeSelect10: 0x55,
  reserve10: 0x56,
  release10: 0x57,
  modeSense10: 0x5a,
  persistentReserveIn: 0x5e,
  persistentReserveOut: 0x5f,
  /** What follows is told by a service action in bytes 8 and 9. SPC-4 §4.2.3 "Variable length CDB formats". */
  variableLength: 0x7f,
  read16: 0x88,
  compareAndWrite: 0x89,
  write16: 0x8a,
  orWrite16: 0x8b,
  writeAndVerify16: 0x8e,
  verify16: 0x8f,
  prefetch16: 0x90,
  synchronizeCache16: 0x91,
  writeSame16: 0x93,
  writeAtomic16: 0x9c,
  serviceActionIn16: 0x9e,
  reportLuns: 0xa0,
  maintenanceIn: 0xa3,
  maintenanceOut: 0xa4,
  read12: 0xa8,
  write12: 0xaa,
  writeAndVerify12: 0xae,
  verify12: 0xaf,
} as const;

/** Service actions of 32-byte CDBs, SBC-3 §5.1. */
export const VariableLengthAction = {
  xdWriteRead32: 0x0007,
  read32: 0x0009,
  verify32: 0x000a,
  write32: 0x000b,
  writeAndVerify32: 0x000c,
  writeSame32: 0x000d,
  orWrite32: 0x000e,
} as const;

/** Service actions of SERVICE ACTION IN (16), SBC-3 §5.1. */
export const ServiceActionIn16 = { readCapacity16: 0x10, getLbaStatus: 0x12 } as const;

/** Service actions of MAINTENANCE IN, SPC-4 §6.1. */
export const MaintenanceInAction = {
  reportTargetPortGroups: 0x0a,
  reportSupportedOperationCodes: 0x0c,
  reportSupportedTaskManagementFunctions: 0x0d,
} as const;
