import { type Profiler, Session } from 'node:inspector';

let session: Session | null = null;

/** Code that V8 has compiled before it is asked to count tells of whole functions only, so counting begins once and goes on until the process ends. */
function counting(): Session {
  if (session === null) {
    session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }
  return session;
}

/** Which blocks of some modules have run, by V8's own block counters. */
export class BlockCoverage {
  readonly #session = counting();
  readonly #seen = new Set<string>();
  readonly #urlPart: string;

  /** Counts in modules whose URL contains `urlPart`, from now on. */
  constructor(urlPart: string) {
    this.#urlPart = urlPart;
    this.take();
  }

  get blockCount(): number {
    return this.#seen.size;
  }

  /** The blocks that ran since the last call. The session answers within the call. */
  take(): string[] {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (_error, coverage) => {
      scripts = coverage?.result ?? [];
    });
    const blocks: string[] = [];
    for (const script of scripts) {
      if (!script.url.includes(this.#urlPart)) continue;
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) if (count > 0) blocks.push(`${script.scriptId}:${startOffset}-${endOffset}`);
      }
    }
    return blocks;
  }

  /** Those of `blocks` that never ran before; they count as seen from now on. */
  claim(blocks: readonly string[]): string[] {
    const fresh = blocks.filter((block) => !this.#seen.has(block));
    for (const block of fresh) this.#seen.add(block);
    return fresh;
  }
}
