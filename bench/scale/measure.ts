import { measureDepths, measureMemory } from './load.js';
import type { PartName, ScaleFigures, ScaleSettings } from './model.js';
import { measureSessions } from './sessions.js';
import { measureStart } from './starting.js';
import { measureLuns, measureSizes } from './units.js';

/** Measures the parts one after the other. A part that fails is told in `failures` and leaves the others alone. */
export async function measureParts(
  settings: ScaleSettings,
  parts: readonly PartName[],
  say: (line: string) => void,
): Promise<{ readonly figures: ScaleFigures; readonly failures: readonly string[] }> {
  const failures: string[] = [];
  const part = async <Row>(name: PartName, measure: () => Promise<Row[]>): Promise<Row[]> => {
    if (!parts.includes(name)) return [];
    say(`${name} …`);
    try {
      return await measure();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  };
  const figures = {
    start: await part('start', () => measureStart(settings)),
    luns: await part('luns', () => measureLuns(settings, failures)),
    sessions: await part('sessions', () => measureSessions(settings, failures, say)),
    sizes: await part('sizes', () => measureSizes(settings, failures, say)),
    depth: await part('depth', () => measureDepths(settings, failures)),
    memory: await part('memory', () => measureMemory(settings, failures)),
  };
  return { figures, failures };
}
