import { appendFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The file that test processes append to what they have run; they note nothing without it. */
export const COMMAND_COVERAGE_VARIABLE = 'LUNLOOM_COMMAND_COVERAGE';

/** How a command ended, as far as the list of commands is concerned. */
export const CommandEnd = { success: 'success', fieldError: 'fieldError', conflict: 'conflict' } as const;
export type CommandEnd = (typeof CommandEnd)[keyof typeof CommandEnd];

/** A test has seen a command of a device type end like this. */
export interface CommandSighting {
  readonly deviceType: string;
  /** The name of the row. */
  readonly command: string;
  readonly end: CommandEnd;
  /** `test/engine/scsi/…test.ts`. */
  readonly file: string;
  /** As its source has it: `…` stands for what is filled in. */
  readonly test: string;
}

const outputPath = process.env[COMMAND_COVERAGE_VARIABLE];
const noted = new Set<string>();
const linesOfFile = new Map<string, readonly string[]>();
const FRAME_PATTERN = /(file:\/\/\S+\.test\.js):(\d+):\d+/g;
const TEST_LINE_PATTERN = /^\s*(?:\w+\.)?(?:test|peerTest)\((['"`])((?:(?!\1).|\\.)*)\1/;

/** Notes that the running test has seen this; a test process that is not asked for it notes nothing. */
export function noteCommand(deviceType: string, command: string, end: CommandEnd): void {
  if (outputPath === undefined) return;
  const place = runningTest();
  if (place === null) return;
  const line = JSON.stringify({ deviceType, command, end, ...place } satisfies CommandSighting);
  if (noted.has(line)) return;
  noted.add(line);
  appendFileSync(outputPath, `${line}\n`);
}

/** The test file on the stack, and the test that begins last before its line. */
function runningTest(): { readonly file: string; readonly test: string } | null {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  // The outermost is in the test itself; those within may be in functions that several tests call.
  const frame = [...(new Error('where am I').stack ?? '').matchAll(FRAME_PATTERN)].at(-1);
  Error.stackTraceLimit = stackTraceLimit;
  if (frame === undefined) return null;
  const path = fileURLToPath(frame[1] as string);
  const lines = linesOfFile.get(path) ?? readFileSync(path, 'utf8').split('\n');
  linesOfFile.set(path, lines);
  for (let at = Number(frame[2]) - 1; at >= 0; at--) {
    const name = TEST_LINE_PATTERN.exec(lines[at] as string)?.[2];
    if (name !== undefined)
      return { file: `test/${path.split('/test/').at(-1)?.replace(/\.js$/, '.ts')}`, test: name.replaceAll(/\$\{[^}]*\}/g, '…').replaceAll('\\', '') };
  }
  return null;
}
