import { TaskManagementFunction, TaskManagementResponse } from '../../engine/pdu/index.js';
import type { NexusName } from './reference-reservations.js';
import { Attention, ReferenceUnit } from './reference-unit.js';

/** Which nexuses there are, and what concerns all logical units. */
export class ReferenceTarget {
  readonly units: readonly ReferenceUnit[];
  readonly sessions = new Set<NexusName>();
  /** Nexuses that have been there since power on. */
  readonly #seen = new Set<NexusName>();

  constructor(lunCount: number, targetPorts: readonly number[], isKept: boolean) {
    this.units = Array.from({ length: lunCount }, (_, lun) => new ReferenceUnit(lun, targetPorts, isKept));
  }

  unit(lun: number): ReferenceUnit {
    return this.units[lun] as ReferenceUnit;
  }

  login(nexus: NexusName): void {
    this.logout(nexus);
    this.sessions.add(nexus);
    const asc = this.#seen.has(nexus) ? Attention.nexusLoss : Attention.powerOn;
    this.#seen.add(nexus);
    for (const unit of this.units) unit.attentions.set(nexus, [asc]);
  }

  logout(nexus: NexusName): void {
    if (!this.sessions.delete(nexus)) return;
    for (const unit of this.units) {
      unit.loseNexus(nexus);
      unit.attentions.delete(nexus);
    }
  }

  restart(): void {
    this.sessions.clear();
    this.#seen.clear();
    for (const unit of this.units) unit.restart();
  }

  /** Answers the response, and the additional information of queries. RFC 7143 §11.5, SAM-5 "Task management functions". */
  manage(nexus: NexusName, lun: number, code: number, taskId: number | null): { response: number; information: number } {
    const unit = this.unit(lun);
    const complete = { response: TaskManagementResponse.functionComplete, information: 0 };
    const succeeded = { response: TaskManagementResponse.functionSucceeded, information: 0 };
    switch (code) {
      case TaskManagementFunction.abortTask: {
        const isThere = unit.tasks.some((task) => task.id === taskId && task.nexus === nexus);
        if (!isThere) return { response: TaskManagementResponse.taskDoesNotExist, information: 0 };
        unit.abort((task) => task.id === taskId, nexus);
        return complete;
      }
      case TaskManagementFunction.abortTaskSet:
        unit.abort((task) => task.nexus === nexus, nexus);
        return complete;
      case TaskManagementFunction.clearTaskSet:
        unit.abort((task) => task.nexus === nexus || task.order === unit.orderOf(nexus), nexus);
        return complete;
      case TaskManagementFunction.clearAca:
        unit.clearAca((faulted) => faulted === nexus);
        return complete;
      case TaskManagementFunction.logicalUnitReset:
        unit.reset();
        return complete;
      case TaskManagementFunction.targetWarmReset:
        for (const each of this.units) each.reset();
        return complete;
      case TaskManagementFunction.targetColdReset:
        // As if power had been lost, but for a medium that is out.
        for (const each of this.units) each.reset();
        for (const each of this.units) each.reservations.restart();
        for (const each of Array.from(this.sessions)) this.logout(each);
        this.#seen.clear();
        return complete;
      case TaskManagementFunction.itNexusReset:
        for (const each of this.units) {
          each.loseNexus(nexus);
          each.establish(nexus, Attention.nexusLoss);
        }
        return complete;
      case TaskManagementFunction.queryTask:
        return unit.tasks.some((task) => task.id === taskId && task.nexus === nexus) ? succeeded : complete;
      case TaskManagementFunction.queryTaskSet:
        return unit.tasks.some((task) => task.nexus === nexus) ? succeeded : complete;
      default: {
        const [first, ...more] = unit.attentions.get(nexus) ?? [];
        if (first === undefined) return complete;
        return { ...succeeded, information: (((more.length === 0 ? 0x10 : 0x20) | 6) << 16) | first };
      }
    }
  }
}
