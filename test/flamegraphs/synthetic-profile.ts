import type { CpuProfile } from '../../flamegraphs/graph/cpu-profile.js';

/** A sample: the stack from the outermost function on, and how long it lasts. */
export type Sample = readonly [stack: string, micros: number];

/**
 * A profile in V8's shape. Stacks are `a;b;c`; a name of the form `name@url:line` stands in a file, `line` counting from 1. Starts at an
 * odd time and waits 7 µs for the first sample, as V8 does.
 */
export function syntheticProfile(samples: readonly Sample[], lunloom?: CpuProfile['lunloom']): CpuProfile {
  const nodes: { id: number; callFrame: CpuProfile['nodes'][number]['callFrame']; children: number[] }[] = [];
  const ids = new Map<string, number>();
  const idOf = (path: readonly string[]): number => {
    const key = path.join(';');
    const known = ids.get(key);
    if (known !== undefined) return known;
    const id = nodes.length + 1;
    ids.set(key, id);
    const [, functionName = '', url = '', line = '0'] = /^([^@]*)(?:@(.*):(\d+))?$/.exec(path.at(-1) ?? '(root)') as RegExpExecArray;
    const callFrame = { functionName, url, lineNumber: Number(line) - 1, columnNumber: url === '' ? -1 : 4 };
    const node = { id, callFrame, children: [] };
    nodes.push(node);
    if (path.length > 0) nodes[idOf(path.slice(0, -1)) - 1]?.children.push(id);
    return id;
  };
  idOf([]);
  const startTime = 1_000_003;
  const times = samples.map(([, micros]) => micros);
  const wholeMicros = times.reduce((sum, micros) => sum + micros, 0);
  return {
    nodes,
    startTime,
    endTime: startTime + 7 + wholeMicros,
    samples: samples.map(([stack]) => idOf(stack.split(';'))),
    timeDeltas: [7, ...times.slice(0, -1)].slice(0, samples.length),
    ...(lunloom === undefined ? {} : { lunloom }),
  };
}
