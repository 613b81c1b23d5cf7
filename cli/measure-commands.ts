import { type Command, Option } from 'commander';
import { maskIscsiUrl } from '../initiator/iscsi-url.js';
import { SEED_DISKTEST_ARGS, SEED_TURS_ARGS } from '../load/seed-history.js';
import type { RawDisktestOptions } from './disktest-settings.js';

/** The options of `lunloom turs` as they were typed. */
export interface RawTursOptions {
  readonly number?: string;
  readonly num?: string;
  readonly time?: boolean;
  readonly depth?: string;
  readonly digests?: boolean;
  readonly preset?: string;
  readonly json?: boolean;
}

export interface MeasureActions {
  turs(urls: readonly string[], options: RawTursOptions): Promise<void>;
  /** `argsText` is the command line behind `disktest`. */
  disktest(urls: readonly string[], options: RawDisktestOptions, argsText: string): Promise<void>;
}

const URL_ARGUMENT = ['<url...>', 'iscsi://host[:port]/target/lun; several are measured one after the other'] as const;

const TURS_HELP = `
Examples:
  lunloom turs -t -n 10000 iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0
  lunloom turs --preset seed iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0 iscsi://127.0.0.1:3261/iqn.2001-04.com.example:tgt/1

docs/measuring.md maps each option to sg_turs.`;

const DISKTEST_HELP = `
SIZE is bytes, or blocks when it is up to 256 and has no suffix; k m g are powers of 1024, K M G powers of 1000.

Patterns for -p
  R   random (default); with -r and -w in the proportion of -D
  r   random; with -r and -w each block is written and read back
  L   linear; with -r and -w a pass of writes, then a pass of reads
  l   linear; with -r and -w each block is written and read back
  u d behind L or l: at the end start over (default), or turn round

Examples:
  lunloom disktest -PT -T60 -h1 -K8 -B8192 -pL -ID iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0
  lunloom disktest -r -w -D 70:30 -K32 -B4k -T30 URL        overwrites the unit
  lunloom disktest -r -w -E -pL -B64k -K8 URL               writes all of it, reads it back, compares
  lunloom disktest --preset seed --seconds 60 URL URL       one beside the other

-w overwrites what is there. docs/measuring.md maps each option to LTP's disktest.`;

/** Adds `turs` and `disktest`. */
export function addMeasureCommands(program: Command, actions: MeasureActions, argv: readonly string[]): void {
  addTurs(program, actions);
  // It is printed, and secrets are not.
  addDisktest(program, actions, argv.slice(1).map(maskIscsiUrl).join(' '));
}

function addTurs(program: Command, actions: MeasureActions): void {
  program
    .command('turs')
    .description('Send TEST UNIT READY commands and tell how long they took, as sg_turs does.')
    .argument(...URL_ARGUMENT)
    .option('-n, --number <count>', 'commands to send (default 1)')
    .addOption(new Option('--num <count>', 'the same').hideHelp())
    .option('-t, --time', 'tell the time taken and commands per second')
    .option('-q, --depth <count>', 'commands outstanding (default 1)')
    .option('--digests', 'CRC32C digests for headers and data')
    .option('--preset <name>', `seed: ${SEED_TURS_ARGS}, with the figures of 2007 beside it`)
    .option('--json', 'print JSON lines')
    .addHelpText('after', TURS_HELP)
    .action((urls: string[], options: RawTursOptions) => actions.turs(urls, options));
}

function addDisktest(program: Command, actions: MeasureActions, argsText: string): void {
  program
    .command('disktest')
    .description('Read and write a logical unit and tell the throughput, as LTP’s disktest does.')
    // The original's -h is the heartbeat.
    .helpOption('--help', 'print help')
    .argument(...URL_ARGUMENT)
    .option('-K, --threads <count>', 'threads, each with one command outstanding (default 4)')
    .option('--sessions <count>', 'sessions that the threads are dealt out over (default 1)')
    .option('-B, --transfer <size[:size]>', 'size of a transfer, or random between two (default 1 block)')
    .option('-p, --pattern <letters>', 'order of blocks and operations, see below (default R)')
    .option('-r, --read', 'read (the default)')
    .option('-w, --write', 'write: overwrites what is there')
    .option('-D, --duty <read:write>', 'percent of reads and writes, with -pR (default 50:50)')
    .option('-S, --range <first[:last]>', 'LBAs to use, both included (default all)')
    .addOption(new Option('-s <first[:last]>', 'the same').hideHelp())
    .option('-T, --seconds <time>', 'end after so many seconds, or m h d')
    .option('-L, --commands <count>', 'end after so many commands (default: once over the range)')
    .option('-h, --heartbeat <time>', 'tell the throughput every so many seconds')
    .option('-P, --report <letters>', 'T throughput, X transfers, R run time, A all; P with semicolons (default T)')
    .option('-E, --verify [bytes]', 'compare what is read, up to so many bytes of a transfer (default all)')
    .option('-a, --seed <number>', 'seed of random places and data (default the process id)')
    .option('-A, --action <letters>', 'c: go on after an error')
    .option('-I, --io-type <letters>', 'accepted and without effect: every command goes on the wire')
    .addOption(new Option('-z', 'accepted: written data is always random').hideHelp())
    .option('-q, --quiet', 'no INFO lines')
    .option('-Q, --bare', 'messages without date, level, pid, version and URL')
    .option('--digests', 'CRC32C digests for headers and data')
    .option('--preset <name>', `seed: ${SEED_DISKTEST_ARGS}, with the figures of 2007 beside it`)
    .option('--json', 'print JSON lines')
    .addHelpText('after', DISKTEST_HELP)
    .action((urls: string[], options: RawDisktestOptions) => actions.disktest(urls, options, argsText));
}

/**
 * The parser would take what follows a bare `-E` for its length, even a URL; the length 0, which is all of a transfer, is put
 * behind every `-E` that no number follows.
 */
export function withVerifyLength(argv: readonly string[]): string[] {
  if (argv[0] !== 'disktest') return [...argv];
  return argv.map((arg, index) => {
    const isBare = arg === '--verify' || /^-[rwqQz]*E$/.test(arg);
    if (!isBare || /^\d/.test(argv[index + 1] ?? '')) return arg;
    return arg === '--verify' ? '--verify=0' : `${arg}0`;
  });
}
