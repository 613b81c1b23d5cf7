import { Command, CommanderError, Option } from 'commander';
import { DEFAULT_LUN_STORE, DEFAULT_PORTAL, DEFAULT_TARGET_NAME, defaultWorkerCount } from '../engine/config/config-document.js';
import { formatPortal } from '../engine/config/portal.js';
import { deviceKinds } from '../engine/devices/registry.js';
import { ExitCode } from './exit-codes.js';
import { addMeasureCommands, type MeasureActions, withVerifyLength } from './measure-commands.js';
import type { ServeOptions } from './overlay.js';
import { addProfileCommand, type ProfileActions } from './profile-command.js';
import type { ProgramOutput } from './program-output.js';
import type { RawStatsOptions } from './stats.js';
import { addTargetCommands, type TargetActions } from './target-commands.js';
import { addUnitCommands, type UnitActions } from './unit-commands.js';

/** What the commands do, given by `main` so that parsing can be tested without doing it. */
export interface ProgramActions extends MeasureActions, ProfileActions, TargetActions, UnitActions {
  serve(configFile: string | undefined, options: ServeOptions & { readonly json?: boolean }): Promise<void>;
  check(configFile: string, options: { readonly json?: boolean }): Promise<void>;
  stats(options: RawStatsOptions): Promise<void>;
}

const SERVE_HELP = `
STORE is one of
  ram:SIZE     memory, gone when the engine stops
  null:SIZE    reads zeros, forgets writes; for measuring
  file:PATH    a file or block device; size=SIZE creates a missing file
or a device, whose keys stand in docs/devices.md
${deviceKinds.map(({ form }) => `  ${form}`).join('\n')}

keys behind the store, each with a comma before it
  readonly           refuse writes
  block-size=512     520, 528, 4096, 4104, 4160 or 4224
  physical-block-size=SIZE
                     what initiators align to; 4096 makes 512e of 512
  size=SIZE          file: create a missing file this large, sparse
  thin=true          blocks can be unmapped (default for ram: and sparse files)
  space=SIZE         of a thin unit: all that its blocks may take
  threshold=PERCENT  of a thin unit: tell initiators when so much of it is taken
  removable          the medium can be taken out
  naa=HEX            its name, 16 or 32 digits (default: derived from target and LUN)
  direct             file: O_DIRECT, past the page cache
  execution=auto     inline, pool or auto, for this LUN
  serial= vendor= product=
                     what INQUIRY answers

SIZE is bytes, or K M G T P E (KiB to EiB, powers of 1024), or KB to EB (powers of 1000).

Examples:
  lunloom serve                                        1 GiB of memory on 127.0.0.1:3260
  lunloom serve --lun 0=ram:4GiB,block-size=4096
  lunloom serve --lun 0=file:disk.img,size=10GiB --lun 1=file:/iso/debian.iso,readonly
  lunloom serve --portal '[::1]:3260' --portal 127.0.0.1:0 --json
  lunloom serve lab.yaml --workers 3

docs/cli.md and docs/configuration.md have the rest.`;

const STATS_HELP = `
Stages of a command, in their order
  arrive   its header came in; it waits for its turn by CmdSN
  collect  it waits for its turn in the task set, for Data-Out, memory and its blocks
  queue    on the ring to a worker; 0 inline
  execute  the device server works
  return   on the ring back; 0 inline
  send     its answer waits for the flush and the socket
  total    all of it

docs/stats.md has the picture.`;

const PROGRAM_HELP = `
Examples:
  lunloom serve                 serve 1 GiB of memory on 127.0.0.1:3260
  lunloom serve lab.yaml        serve what a file says
  lunloom check lab.yaml        find its mistakes, print it with all defaults
  lunloom stats --watch         see what the running target does
  lunloom lun add 3=ram:1GiB    serve one more LUN without a restart
  lunloom turs -t -n 10000 URL  time TEST UNIT READY commands of any target
  lunloom disktest -T10 URL     measure reads of any target
  lunloom discover HOST         list the targets of a portal
  lunloom dd if=URL of=FILE     copy a logical unit to a file

Exit codes: 0 stopped or done, 1 errors or wrong data, 2 usage, 3 configuration, 4 cannot listen, 5 store cannot be
opened, 6 target cannot be reached, 70 internal error, 130 interrupted.`;

/** Runs the command in `argv` (without node and script). Answers an exit code for parsing; actions throw for themselves. */
export async function runProgram(argv: readonly string[], version: string, actions: ProgramActions, output: ProgramOutput): Promise<number> {
  try {
    await buildProgram(version, actions, output, argv).parseAsync(withVerifyLength(argv), { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
}

function buildProgram(version: string, actions: ProgramActions, output: ProgramOutput, argv: readonly string[]): Command {
  const program = new Command('lunloom')
    .description('An iSCSI target engine for storage labs.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', PROGRAM_HELP)
    // Subcommands inherit these two.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.result(text),
      writeErr: (text) => output.remarkLine(text.trimEnd()),
      // One line an error: the suggestion comes on a second one otherwise.
      outputError: (text, write) =>
        write(
          text
            .replace(/^error: /, 'lunloom: ')
            .trimEnd()
            .replaceAll(/\n+/g, ' '),
        ),
    });
  addServe(program, actions);
  program
    .command('check')
    .description('Check a configuration file and print it with every default filled in.')
    .argument('<config>', 'YAML configuration file')
    .option('--json', 'print JSON instead of YAML')
    .action((configFile: string, options: { json?: boolean }) => actions.check(configFile, options));
  program
    .command('stats')
    .description('Tell what a running target does, and where its commands spend their time.')
    .option('--control <path>', 'control socket of the target (default: that of the only one that runs)')
    .option('--watch', 'each second anew, until interrupted')
    .option('--json', 'print JSON lines')
    .addHelpText('after', STATS_HELP)
    .action((options: RawStatsOptions) => actions.stats(options));
  addMeasureCommands(program, actions, argv);
  addProfileCommand(program, actions);
  addUnitCommands(program, actions);
  addTargetCommands(program, actions);
  return program;
}

function addServe(program: Command, actions: ProgramActions): void {
  const repeated = (value: string, previous: readonly string[] | undefined): readonly string[] => [...(previous ?? []), value];
  program
    .command('serve')
    .description('Serve LUNs over iSCSI until SIGINT or SIGTERM.')
    .argument('[config]', 'YAML configuration file')
    .addOption(
      new Option('--portal <addr:port>', `listen here, [,TAG] names the portal group; repeatable (default ${formatPortal(DEFAULT_PORTAL)})`).argParser(
        repeated,
      ),
    )
    .option('--target <iqn>', `name of the target (default ${DEFAULT_TARGET_NAME})`)
    .addOption(new Option('--lun <n=store,…>', `serve a store as LUN n; repeatable (default 0=${DEFAULT_LUN_STORE})`).argParser(repeated))
    .option('--execution <policy>', 'where medium commands run: inline, pool or auto (default auto)')
    .option('--workers <n>', `worker threads (default ${defaultWorkerCount()} on this machine)`)
    .option('--poll-us <n>', 'stay awake for the next command this long, in microseconds, while commands keep coming that soon (default 100)')
    .option('--chap-user <name>', 'ask initiators to authenticate by CHAP as this user')
    .option('--chap-secret-file <path>', 'its secret: a file that only its owner may read')
    .option('--chap-secret-env <name>', 'its secret: an environment variable')
    .option('--insecure', 'allow portals beyond loopback although nobody is asked who they are')
    .option('--control <path>', 'socket for lunloom stats: a path, auto or off (default auto)')
    .option('--state <directory>', 'keep reservations, saved mode pages and the like over restarts here')
    .option('--isns <host:port>', 'register the targets with this iSNS server')
    .option('--json', 'print events as JSON lines')
    .addHelpText('after', SERVE_HELP)
    .action((configFile: string | undefined, options: ServeOptions & { json?: boolean }) => actions.serve(configFile, options));
}
