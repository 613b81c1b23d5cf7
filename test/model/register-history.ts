/** What a command has to do with one block, whose content is one 64-bit value over and over. */
export type BlockEffect =
  | { readonly kind: 'write'; readonly value: bigint }
  /** It saw this value, and changed nothing. */
  | { readonly kind: 'read'; readonly value: bigint }
  /** It saw anything but this. */
  | { readonly kind: 'differs'; readonly value: bigint }
  /** It saw the first, and left the second. */
  | { readonly kind: 'swap'; readonly seen: bigint; readonly value: bigint }
  | { readonly kind: 'or'; readonly value: bigint };

/** The content that the effect leaves, or null when it cannot have met this one. */
function apply(content: bigint, effect: BlockEffect): bigint | null {
  switch (effect.kind) {
    case 'write':
      return effect.value;
    case 'read':
      return content === effect.value ? content : null;
    case 'differs':
      return content === effect.value ? null : content;
    case 'swap':
      return content === effect.seen ? effect.value : null;
    case 'or':
      return content | effect.value;
  }
}

interface Command {
  readonly id: number;
  /** Null until it has ended. */
  effect: BlockEffect | null;
}

/** What may be so: the content, and which of the commands that are open now have taken effect already. */
interface World {
  readonly content: bigint;
  readonly done: ReadonlySet<number>;
}

interface LoggedEvent {
  readonly id: number;
  readonly isEnd: boolean;
}

/**
 * The commands on one block, and whether there is an order of them that explains what they saw: each takes effect at one moment between its begin and its
 * end. Judged when all is over, since a command says what it saw when it ends only.
 */
export class RegisterHistory {
  readonly #commands = new Map<number, Command>();
  readonly #events: LoggedEvent[] = [];
  readonly #first: bigint;

  constructor(first: bigint) {
    this.#first = first;
  }

  begin(id: number): void {
    this.#commands.set(id, { id, effect: null });
    this.#events.push({ id, isEnd: false });
  }

  /** Null for a command that turned out to have nothing to do with the block. */
  end(id: number, effect: BlockEffect | null): void {
    if (effect === null) {
      this.#commands.delete(id);
      return;
    }
    (this.#commands.get(id) as Command).effect = effect;
    this.#events.push({ id, isEnd: true });
  }

  /** Null when there is such an order; otherwise the command that none explains, and what was possible before it. */
  fault(): string | null {
    let worlds: World[] = [{ content: this.#first, done: new Set() }];
    const open = new Map<number, BlockEffect>();
    for (const { id, isEnd } of this.#events) {
      const effect = this.#commands.get(id)?.effect ?? null;
      // One that had nothing to do with the block, or whose outcome is unknown because the connection was lost.
      if (effect === null) continue;
      if (!isEnd) {
        open.set(id, effect);
        continue;
      }
      const after = worldsWith(worlds, open, id);
      if (after.length === 0)
        return `${describe(effect)} is in no order with what was seen before; possible were ${possible(worlds)}; open were ${openText(open)}`;
      open.delete(id);
      worlds = after;
    }
    return null;
  }
}

/** All worlds in which the command has taken effect, after any of the other open ones. */
function worldsWith(worlds: readonly World[], open: ReadonlyMap<number, BlockEffect>, id: number): World[] {
  const found = new Map<string, World>();
  const seen = new Set<string>();
  const waiting = [...worlds];
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    const key = keyOf(world);
    if (seen.has(key)) continue;
    seen.add(key);
    if (world.done.has(id)) {
      const left = new Set(world.done);
      left.delete(id);
      const next = { content: world.content, done: left };
      found.set(keyOf(next), next);
      continue;
    }
    for (const [other, effect] of open) {
      if (world.done.has(other)) continue;
      const content = apply(world.content, effect);
      if (content !== null) waiting.push({ content, done: new Set(world.done).add(other) });
    }
  }
  return [...found.values()];
}

function keyOf({ content, done }: World): string {
  return `${content.toString(16)} ${[...done].sort((a, b) => a - b).join()}`;
}

function describe(effect: BlockEffect): string {
  const seen = effect.kind === 'swap' ? `${effect.seen.toString(16)}→` : '';
  return `${effect.kind} ${seen}${effect.value.toString(16)}`;
}

function possible(worlds: readonly World[]): string {
  return [...new Set(worlds.map(({ content }) => content.toString(16)))].join(' ');
}

function openText(open: ReadonlyMap<number, BlockEffect>): string {
  return Array.from(open.values(), describe).join(', ');
}
