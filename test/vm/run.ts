import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../support/repository-root.js';
import { isKnown } from './debian.js';
import { HostedLunloom } from './hosted-lunloom.js';
import { bootFiles, cacheFolder, writeInitramfs } from './initramfs.js';
import { killMachines, runMachine } from './machine.js';
import { installNeeds, updatePackageLists } from './needs.js';
import { ResultReader } from './results.js';
import { type Scenario, scenarios } from './scenarios.js';

/*
 * npm run test:vm -- [scenario…]      all of them without a name; docs/testing-vm.md
 *
 * Boots Debian's kernel in QEMU and lets its drivers meet the logical units of this build. The last line is
 * `N passed, N failed, N skipped`; the exit code is 1 when anything failed or nothing ran.
 */

const MINUTES_MAX_DEFAULT = 30;
const SCENARIO_SECONDS_MAX = 600;
/** As the guest sees the host's loopback. */
const HOST_IN_GUEST = '10.0.2.2';
const INITIATOR_NAME = 'iqn.2026-11.io.lunloom:guest';

interface Served {
  readonly scenario: Scenario;
  readonly folder: string;
  readonly lunloom: HostedLunloom | null;
}

type OnFault = (scenario: Scenario, error: unknown) => void;

/** One Lunloom a scenario, so that each finds only what is its own. */
async function serveAll(chosen: readonly Scenario[], runFolder: string, reader: ResultReader, onFault: OnFault): Promise<Served[]> {
  const served: Served[] = [];
  for (const scenario of chosen) {
    const folder = join(runFolder, scenario.name);
    mkdirSync(folder);
    try {
      const args = await scenario.serve?.(folder);
      served.push({ scenario, folder, lunloom: args === undefined ? null : await HostedLunloom.start(scenario.name, args, folder) });
    } catch (error) {
      onFault(scenario, error);
      reader.leaveOut(scenario.name);
    }
  }
  return served;
}

/** `DISK_TARGET`, `DISK_PORTAL`… for the scripts. */
function settingsOf(served: readonly Served[]): Record<string, string> {
  const settings: Record<string, string> = {
    SCENARIOS: served.map(({ scenario }) => scenario.name).join(' '),
    SCENARIO_SECONDS_MAX: `${SCENARIO_SECONDS_MAX}`,
    INITIATOR_NAME,
  };
  for (const { scenario, folder, lunloom } of served) {
    const own = {
      ...(lunloom === null ? {} : { TARGET: lunloom.targetName, PORTAL: `${HOST_IN_GUEST}:${lunloom.port}` }),
      ...scenario.settings?.(folder),
    };
    const prefix = scenario.name.toUpperCase().replaceAll('-', '_');
    for (const [name, value] of Object.entries(own)) settings[`${prefix}_${name}`] = value;
  }
  return settings;
}

async function answer(served: readonly Served[], name: string, word: string, onFault: OnFault): Promise<void> {
  const found = served.find(({ scenario }) => scenario.name === name);
  const asked = found?.scenario.asked?.[word];
  if (found === undefined || found.lunloom === null || asked === undefined) return;
  await asked(found.lunloom, found.folder).catch((error) => onFault(found.scenario, error));
}

async function runScenarios(chosen: readonly Scenario[], minutesMax: number, keep: boolean): Promise<number> {
  const root = repositoryRoot();
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-vm-run-'));
  const logPath = join(cacheFolder(), 'test-vm.log');
  const consolePath = join(cacheFolder(), 'console.log');
  for (const path of [logPath, consolePath]) writeFileSync(path, '');
  // However this run ends.
  if (!keep) process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  let served: Served[] = [];
  const reader = new ResultReader(logPath, chosen, (name, word) => void answer(served, name, word, onFault));
  const onFault: OnFault = (scenario, error) => reader.fault(scenario.name, error instanceof Error ? error.message : `${error}`);
  try {
    const boot = bootFiles((line) => console.log(line));
    served = await serveAll(chosen, folder, reader, onFault);
    const initramfs = join(folder, 'initramfs.cpio');
    const compiled = fileURLToPath(new URL('../../', import.meta.url));
    writeInitramfs(initramfs, boot.base, { root, compiled, scripts: join(root, 'test/vm/guest'), settings: settingsOf(served) });
    const args = served.flatMap(({ scenario, lunloom }) => (lunloom === null ? [] : (scenario.machine?.(lunloom) ?? [])));
    const end = await runMachine({ boot, initramfs, consolePath, args, timeMsMax: minutesMax * 60_000, onLine: (line) => reader.read(line) });
    reader.finish(end.fault);
  } finally {
    for (const { scenario, lunloom } of served) {
      const fault = (await lunloom?.stop()) ?? null;
      if (fault !== null) onFault(scenario, fault);
    }
  }
  return reader.summarize(logPath);
}

async function main(args: readonly string[]): Promise<number> {
  const options = { list: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, minutes: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  if (values.list) {
    for (const { name, what } of scenarios) console.log(`${name.padEnd(14)} ${what}`);
    return 0;
  }
  const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    console.error(`no scenario ${unknown.join(', ')}: ${scenarios.map(({ name }) => name).join(', ')}`);
    return 1;
  }
  const faults = installNeeds();
  if (faults.length === 0 && !isKnown()) updatePackageLists();
  if (faults.length === 0 && !isKnown()) faults.push("apt knows no package linux-image-amd64: this needs Debian's package lists (apt-get update)");
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) return 1;
  const chosen = positionals.length === 0 ? scenarios : scenarios.filter(({ name }) => positionals.includes(name));
  return runScenarios(chosen, Number(values.minutes ?? MINUTES_MAX_DEFAULT), values.keep);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killMachines();
    process.exit(1);
  });
}

process.exitCode = await main(process.argv.slice(2));
