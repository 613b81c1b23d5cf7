/** Who wants the medium to stay in, MMC-6 "PREVENT ALLOW MEDIUM REMOVAL command": each initiator for itself, in two ways. */
export class RemovalPrevention {
  readonly #preventing = new Set<number>();
  readonly #persistent = new Set<number>();

  get isPrevented(): boolean {
    return this.#preventing.size > 0 || this.#persistent.size > 0;
  }

  /** The drive's own button asks the initiators instead of opening the tray. */
  get isPersistent(): boolean {
    return this.#persistent.size > 0;
  }

  set(nexusId: number, isPersistent: boolean, isPrevented: boolean): void {
    const set = isPersistent ? this.#persistent : this.#preventing;
    if (isPrevented) set.add(nexusId);
    else set.delete(nexusId);
  }

  lose(nexusId: number): void {
    this.#preventing.delete(nexusId);
    this.#persistent.delete(nexusId);
  }

  clear(): void {
    this.#preventing.clear();
    this.#persistent.clear();
  }
}
