/** How a command ends, as the reference models tell it. */
export interface Outcome {
  readonly status: number;
  /** Of CHECK CONDITION. */
  readonly key?: number;
  readonly asc?: number;
}

export const Status = { good: 0x00, checkCondition: 0x02, busy: 0x08, reservationConflict: 0x18, acaActive: 0x30, taskAborted: 0x40 } as const;

export const good: Outcome = { status: Status.good };
export const conflict: Outcome = { status: Status.reservationConflict };
export const check = (key: number, asc: number): Outcome => ({ status: Status.checkCondition, key, asc });
export const invalidInCdb = check(5, 0x2400);
export const invalidInList = check(5, 0x2600);

/** A unit attention for a nexus by its name, which is lost when it is not logged in. */
export interface UnitAttentionNotice {
  readonly nexus: string;
  readonly asc: number;
  /** NUAR of the Control mode page suppresses it. */
  readonly isOfRelease?: boolean;
}

export function outcomeText({ status, key = 0, asc = 0 }: Outcome): string {
  const hex = (value: number, width: number) => value.toString(16).padStart(width, '0');
  return status === Status.checkCondition ? `CHECK CONDITION ${hex(key, 2)}/${hex(asc >> 8, 2)}/${hex(asc & 0xff, 2)}` : `status ${hex(status, 2)}`;
}
