import type { Command } from 'commander';

/** Who we say that we are, in all of them. */
export interface InitiatorNameOption {
  readonly initiatorName?: string;
}

/** The options of `lunloom discover` as they were typed. */
export interface DiscoverOptions extends InitiatorNameOption {
  readonly luns?: boolean;
  readonly json?: boolean;
}

/** The options of `lunloom inquire` as they were typed. */
export interface InquireOptions extends InitiatorNameOption {
  readonly vpd?: string;
  readonly digests?: boolean;
  readonly json?: boolean;
}

/** The options of `lunloom dd` as they were typed; the operands are apart. */
export interface DdOptions extends InitiatorNameOption {
  readonly depth?: string;
  readonly digests?: boolean;
  readonly json?: boolean;
}

export interface TargetActions {
  discover(portal: string, options: DiscoverOptions): Promise<void>;
  inquire(url: string, options: InquireOptions): Promise<void>;
  dd(operands: readonly string[], options: DdOptions): Promise<void>;
}

const INITIATOR_NAME = ['--initiator-name <iqn>', 'who we say that we are, for targets that let only some in'] as const;

const CREDENTIALS_HELP = `
Users and secrets come from the URL, or better from the environment, which other users cannot list:
  LUNLOOM_CHAP_USER, LUNLOOM_CHAP_SECRET                  who we are
  LUNLOOM_CHAP_TARGET_USER, LUNLOOM_CHAP_TARGET_SECRET    who the target has to be
LIBISCSI_CHAP_USERNAME and its like, as libiscsi's tools read them, are understood too.`;

const DISCOVER_HELP = `
Examples:
  lunloom discover 192.0.2.7
  lunloom discover --luns '[2001:db8::7]:3261'
  LUNLOOM_CHAP_SECRET=… lunloom discover --json iscsi://admin@192.0.2.7
${CREDENTIALS_HELP}`;

const INQUIRE_HELP = `
PAGE is a number (0x83, b0), a name (deviceIdentification, blockLimits) or all.

Examples:
  lunloom inquire iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0
  lunloom inquire --vpd all URL
  lunloom inquire --vpd 0xb0 --json URL
${CREDENTIALS_HELP}`;

const DD_HELP = `
Operands, as of dd; at least one of if= and of= is a URL
  if=FROM of=TO    iscsi://host[:port]/target/lun, a file, or - (the default): standard input and output
  bs=SIZE          bytes of a block (default 1M); of a LUN, a multiple of its own block length
  count=N          blocks to copy (default all); with a B behind it bytes
  skip=N seek=N    blocks to pass over in the input and in the output; with a B behind it bytes
  conv=sparse      leave out blocks of zeros: holes in a file, unmapped blocks on a LUN that can
  conv=fsync       end when the data is durable; conv=notrunc keeps what an output file has
  oflag=dsync      every write durable by itself (FUA)
  iflag=count_bytes,skip_bytes oflag=seek_bytes
                   count, skip and seek in bytes
  status=none      no figures; noxfer, progress as of dd

SIZE and N: c w b kB K M MB G GB T TB behind a number, and products (2x512).

Examples:
  lunloom dd if=disk.img of=iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0 conv=fsync
  lunloom dd if=iscsi://127.0.0.1/iqn.2026-11.io.lunloom:demo/0 of=disk.img conv=sparse
  lunloom dd if=URL of=OTHER_URL --depth 32
  lunloom dd if=URL bs=4k count=1 | xxd | head
${CREDENTIALS_HELP}`;

/** Adds what looks at targets of any make and copies to and from them. */
export function addTargetCommands(program: Command, actions: TargetActions): void {
  program
    .command('discover')
    .description('List the targets behind a portal, and where they are.')
    .argument('<portal>', 'host[:port] or iscsi://[user%secret@]host[:port]')
    .option(...INITIATOR_NAME)
    .option('--luns', 'log in to each and list its logical units')
    .option('--json', 'print JSON')
    .addHelpText('after', DISCOVER_HELP)
    .action((portal: string, options: DiscoverOptions) => actions.discover(portal, options));
  program
    .command('inquire')
    .description('Tell what a logical unit says of itself.')
    .argument('<url>', 'iscsi://[user%secret@]host[:port]/target/lun')
    .option(...INITIATOR_NAME)
    .option('--vpd <page>', 'a vital product data page, see below')
    .option('--digests', 'CRC32C digests for headers and data')
    .option('--json', 'print JSON')
    .addHelpText('after', INQUIRE_HELP)
    .action((url: string, options: InquireOptions) => actions.inquire(url, options));
  program
    .command('dd')
    .description('Copy between logical units, files and pipes.')
    .argument('<operand...>', 'if= of= bs= count= skip= seek= conv= iflag= oflag= status=')
    .option(...INITIATOR_NAME)
    .option('--depth <n>', 'blocks on their way at the same time (default 8)')
    .option('--digests', 'CRC32C digests for headers and data')
    .option('--json', 'print the figures as JSON on standard output')
    .addHelpText('after', DD_HELP)
    .action((operands: string[], options: DdOptions) => actions.dd(operands, options));
}
