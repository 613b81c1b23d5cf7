import type { Command } from 'commander';

interface TargetOptions {
  readonly control?: string;
  readonly target?: string;
  readonly json?: boolean;
}

/** The options of `lunloom lun` and `lunloom alua` as they were typed. */
export interface RawUnitOptions extends TargetOptions {
  readonly force?: boolean;
  readonly transitionMs?: string;
}

/** What is asked of a running target, with its arguments as they were typed. */
export type UnitRequest =
  | { readonly verb: 'list' | 'alua-list' }
  | { readonly verb: 'add'; readonly lun: string }
  | { readonly verb: 'remove' | 'eject' | 'load'; readonly lun: string }
  | { readonly verb: 'resize'; readonly lun: string; readonly size: string }
  | { readonly verb: 'do'; readonly lun: string; readonly operation: string; readonly args: readonly string[] }
  | { readonly verb: 'alua-set'; readonly group: string; readonly state: string };

export interface UnitActions {
  units(request: UnitRequest, options: RawUnitOptions): Promise<void>;
}

const LUN_HELP = `
Changes hold until the target stops; its configuration file is not written. Initiators are told of them by unit attentions; Linux takes note
of a new size or a new LUN with a rescan.

Examples:
  lunloom lun list
  lunloom lun add 3=ram:1GiB,thin
  lunloom lun add 4=file:disk.img,size=10GiB --target iqn.2026-11.io.lunloom:demo
  lunloom lun resize 4 20GiB
  lunloom lun resize 4 10GiB --force        what lies behind 10 GiB is lost
  lunloom lun remove 3
  lunloom lun do 1 insert archive.tape
  lunloom lun do 3 list`;

const ALUA_HELP = `
STATE is active-optimized, active-non-optimized, standby or unavailable.

Examples:
  lunloom alua list
  lunloom alua set 2 standby
  lunloom alua set 1 active-optimized --transition-ms 5000   transitioning for five seconds first`;

/** Adds `lun` and `alua`: what changes a running target. */
export function addUnitCommands(program: Command, actions: UnitActions): void {
  const lun = program.command('lun').description('List, add, remove, resize, eject and load the LUNs of a running target.').addHelpText('after', LUN_HELP);
  const verb = (parent: Command, nameAndArguments: string, description: string): Command =>
    parent
      .command(nameAndArguments)
      .description(description)
      .option('--control <path>', 'control socket of the target (default: that of the only one that runs)')
      .option('--json', 'print JSON');
  const change = (parent: Command, nameAndArguments: string, description: string): Command =>
    verb(parent, nameAndArguments, description).option('--target <iqn>', 'which target (default: the only one)');
  verb(lun, 'list', 'Tell what is served.').action((options: RawUnitOptions) => actions.units({ verb: 'list' }, options));
  change(lun, 'add <n=store,…>', 'Serve one more LUN, written as for serve --lun.').action((text: string, options: RawUnitOptions) =>
    actions.units({ verb: 'add', lun: text }, options),
  );
  change(lun, 'remove <n>', 'Take a LUN away.').action((text: string, options: RawUnitOptions) => actions.units({ verb: 'remove', lun: text }, options));
  change(lun, 'resize <n> <size>', 'Give a LUN another size.')
    .option('--force', 'also a smaller one: what lies behind it is lost')
    .action((text: string, size: string, options: RawUnitOptions) => actions.units({ verb: 'resize', lun: text, size }, options));
  change(lun, 'eject <n>', 'Take the medium of a removable LUN out.')
    .option('--force', 'although an initiator prevents it')
    .action((text: string, options: RawUnitOptions) => actions.units({ verb: 'eject', lun: text }, options));
  change(lun, 'load <n>', 'Put it in again.').action((text: string, options: RawUnitOptions) => actions.units({ verb: 'load', lun: text }, options));

  change(lun, 'do <n> <operation> [arguments...]', 'Ask a device for something of its own, such as a tape drive to take a cartridge.').action(
    (text: string, operation: string, args: readonly string[], options: RawUnitOptions) => actions.units({ verb: 'do', lun: text, operation, args }, options),
  );

  const alua = program
    .command('alua')
    .description('List and change the access states of the target port groups of a running target.')
    .addHelpText('after', ALUA_HELP);
  verb(alua, 'list', 'Tell the target port groups and their states.').action((options: RawUnitOptions) => actions.units({ verb: 'alua-list' }, options));
  change(alua, 'set <group> <state>', 'Change the state of a target port group.')
    .option('--transition-ms <n>', 'milliseconds in which the group is transitioning (default 0)')
    .action((group: string, state: string, options: RawUnitOptions) => actions.units({ verb: 'alua-set', group, state }, options));
}
