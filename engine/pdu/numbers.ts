import { BHS, type TargetNumbers } from './bhs.js';

/** Where most initiator PDUs carry CmdSN and ExpStatSN, and most target PDUs their three numbers. */
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;

export interface InitiatorNumbers {
  cmdSN: number;
  expStatSN: number;
}

export function readInitiatorNumbers(view: DataView, at: number): InitiatorNumbers {
  return { cmdSN: view.getUint32(at + CMD_SN_AT), expStatSN: view.getUint32(at + EXP_STAT_SN_AT) };
}

export function writeInitiatorNumbers(numbers: InitiatorNumbers, view: DataView, at: number): void {
  view.setUint32(at + CMD_SN_AT, numbers.cmdSN);
  view.setUint32(at + EXP_STAT_SN_AT, numbers.expStatSN);
}

export function readTargetNumbers(view: DataView, at: number): TargetNumbers {
  return { statSN: view.getUint32(at + STAT_SN_AT), expCmdSN: view.getUint32(at + EXP_CMD_SN_AT), maxCmdSN: view.getUint32(at + MAX_CMD_SN_AT) };
}

export function writeTargetNumbers(numbers: TargetNumbers, view: DataView, at: number): void {
  view.setUint32(at + STAT_SN_AT, numbers.statSN);
  view.setUint32(at + EXP_CMD_SN_AT, numbers.expCmdSN);
  view.setUint32(at + MAX_CMD_SN_AT, numbers.maxCmdSN);
}

export function readLunField(view: DataView, at: number): { lunHigh: number; lunLow: number } {
  return { lunHigh: view.getUint32(at + BHS.lun), lunLow: view.getUint32(at + BHS.lun + 4) };
}

export function writeLunField(lun: { lunHigh: number; lunLow: number }, view: DataView, at: number): void {
  view.setUint32(at + BHS.lun, lun.lunHigh);
  view.setUint32(at + BHS.lun + 4, lun.lunLow);
}
