import { BUSY_SHARE_MAX, type CpuTimes, loadBetween, readCpuTimes, STOLEN_SHARE_MAX, watchIdleMachine } from '../compare/machine-load.js';

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** Tells what puts figures in doubt: a machine that works for others before the run, and a hypervisor that takes time during it. */
export class QuietCheck {
  readonly warnings: string[] = [];
  #atStart: CpuTimes | null = null;

  /** Does nothing for `ms` and looks what the machine does meanwhile. */
  async begin(ms: number): Promise<void> {
    const load = await watchIdleMachine(ms);
    if (load !== null && load.busy > BUSY_SHARE_MAX) this.warnings.push(`the machine was ${percent(load.busy)} busy before the run: figures are too high`);
    this.#atStart = readCpuTimes();
  }

  end(): void {
    const atEnd = readCpuTimes();
    if (this.#atStart === null || atEnd === null) return;
    const { stolen } = loadBetween(this.#atStart, atEnd);
    if (stolen > STOLEN_SHARE_MAX) this.warnings.push(`the hypervisor gave ${percent(stolen)} of the CPU time to other guests`);
  }
}
