import type { Command } from 'commander';
import { PROFILE_INTERVAL_MICROS_DEFAULT } from '../engine/admin/engine-profiler.js';

/** The options of `lunloom profile` as they were typed. */
export interface RawProfileOptions {
  readonly seconds: string;
  readonly control?: string;
  readonly out?: string;
  readonly intervalUs?: string;
  readonly json?: boolean;
}

export interface ProfileActions {
  profile(options: RawProfileOptions): Promise<void>;
}

const PROFILE_HELP = `
Open the .svg in a browser: click a frame to widen it, search for functions and files. The .cpuprofile files open in Chrome's
DevTools and in speedscope. The target goes on serving, some percent slower while it is looked at.

Examples:
  lunloom profile --seconds 5                     the only target of this user that runs
  lunloom profile --seconds 5 --control /run/user/1000/lunloom/4711.sock --out before`;

/** Adds `profile`. */
export function addProfileCommand(program: Command, actions: ProfileActions): void {
  program
    .command('profile')
    .description('Take CPU profiles of all threads of a running target and draw them as a flame graph.')
    .requiredOption('--seconds <time>', 'how long to look')
    .option('--control <path>', 'control socket of the target (default that of the only one that runs)')
    .option('--out <folder>', 'write here (default flamegraphs/out/DATE where there is a flamegraphs folder, else lunloom-profile-DATE)')
    .option('--interval-us <n>', `microseconds between samples of a thread (default ${PROFILE_INTERVAL_MICROS_DEFAULT})`)
    .option('--json', 'print a JSON line')
    .addHelpText('after', PROFILE_HELP)
    .action((options: RawProfileOptions) => actions.profile(options));
}
