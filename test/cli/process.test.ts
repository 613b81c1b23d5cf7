import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/**
 * The program as a process, as far as it goes without an engine. The compiled tests may lie in a private directory, so
 * the package is put together in a temporary one: bin, package.json and the `dist` that this file belongs to.
 */
const dist = fileURLToPath(new URL('../../', import.meta.url));
const nearby = fileURLToPath(new URL('../../../', import.meta.url));
const repository = existsSync(join(nearby, 'bin', 'lunloom.js')) ? nearby : process.cwd();
const directory = mkdtempSync(join(tmpdir(), 'lunloom-cli-'));
const RUN_MS_MAX = 20_000;

test.before(() => {
  mkdirSync(join(directory, 'bin'));
  copyFileSync(join(repository, 'bin', 'lunloom.js'), join(directory, 'bin', 'lunloom.js'));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module', version: '1.2.3' }));
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
});
test.after(() => rmSync(directory, { recursive: true }));

function lunloom(args: readonly string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  // Links are kept as they are, so that package.json is looked for beside the link to dist.
  const node = ['--preserve-symlinks', '--preserve-symlinks-main', join(directory, 'bin', 'lunloom.js')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, ...args], {
    cwd: directory,
    encoding: 'utf8',
    timeout: RUN_MS_MAX,
    env: { ...process.env, LUNLOOM_DEBUG: '', ...env },
  });
  return { status, stdout, stderr };
}

test('without a build the shim says what to do', () => {
  assert.equal(lunloom(['serve']), {
    status: 70,
    stdout: '',
    stderr: 'lunloom: it is not built yet (dist/cli/main.js is missing); run: npm run build\n',
  });
  symlinkSync(dist, join(directory, 'dist'));
});

test('--version and --help answer on stdout with 0', () => {
  assert.equal(lunloom(['--version']), { status: 0, stdout: '1.2.3\n', stderr: '' });
  const help = lunloom(['--help']);
  assert.is(help.status, 0);
  assert.match(help.stdout, 'lunloom check lab.yaml');
  const serveHelp = lunloom(['serve', '--help']);
  assert.is(serveHelp.status, 0);
  for (const word of ['--portal', '--target', '--lun', '--execution', '--workers', '--insecure', '--json', 'Examples:']) assert.match(serveHelp.stdout, word);
});

test('without a command help goes to stderr with 2', () => {
  const { status, stdout, stderr } = lunloom([]);
  assert.is(status, 2);
  assert.is(stdout, '');
  assert.match(stderr, 'Usage: lunloom');
});

const USAGE: readonly (readonly [readonly string[], string])[] = [
  [['sreve'], "lunloom: unknown command 'sreve' (Did you mean serve?)\n"],
  [['serve', '--portl', 'x'], "lunloom: unknown option '--portl' (Did you mean --portal?)\n"],
  [['serve', '--lun'], "lunloom: option '--lun <n=store,…>' argument missing\n"],
  [['serve', 'a', 'b'], "lunloom: too many arguments for 'serve'. Expected 1 argument but got 2.\n"],
  [['check'], "lunloom: missing required argument 'config'\n"],
  [['serve', '--lun', '0=ram:1GiB', '--lun', '0=ram:2GiB'], 'lunloom: --lun 0=ram:2GiB: LUN 0 is there twice, first as --lun 0=ram:1GiB\n'],
  [['serve', '--workers', 'many'], 'lunloom: --workers many: expected a whole number from 0, found "many"\n'],
];

test('mistyped options are one line on stderr and exit with 2', () => {
  for (const [args, stderr] of USAGE) assert.equal(lunloom(args), { status: 2, stdout: '', stderr }, args.join(' '));
});

test('a wrong file prints every problem and exits with 3, in serve and in check', () => {
  writeFileSync(join(directory, 'bad.yaml'), 'targets:\n  - nam: x\n    luns: [{ lun: 0, store: "ram:1GB", block-size: 4096 }]\nworkers: -1\n');
  const stderr = `bad.yaml:2:5: targets[0].nam: unknown key; did you mean "name"?
bad.yaml:2:5: targets[0].name: missing; expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1
bad.yaml:3:29: targets[0].luns[0].store: expected a multiple of the block size of 4096 bytes, found 1000000000 bytes; the next one is 976564KiB
bad.yaml:4:10: workers: expected a whole number from 0, found -1
lunloom: 4 problems with bad.yaml; nothing was started
`;
  for (const command of ['serve', 'check']) assert.equal(lunloom([command, 'bad.yaml']), { status: 3, stdout: '', stderr });
});

test('files that are not there and portals that are open exit with 3', () => {
  assert.equal(lunloom(['serve', 'none.yaml']), { status: 3, stdout: '', stderr: 'lunloom: none.yaml: there is no such file\n' });
  const open = lunloom(['serve', '--portal', '0.0.0.0']);
  assert.is(open.status, 3);
  assert.match(open.stderr, /^lunloom: --portal 0\.0\.0\.0: 0\.0\.0\.0:3260 can be reached from other machines[^\n]*\n$/);
});

test('check prints a configuration that check reads back', () => {
  writeFileSync(join(directory, 'good.yaml'), 'targets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "file:disk.img", size: 1GiB }] }]\n');
  const first = lunloom(['check', 'good.yaml']);
  assert.is(first.status, 0);
  assert.match(first.stdout, `store: file:${join(directory, 'disk.img')}\n`);
  writeFileSync(join(directory, 'printed.yaml'), first.stdout);
  assert.equal(lunloom(['check', 'printed.yaml']), first);
  const json = JSON.parse(lunloom(['check', '--json', 'good.yaml']).stdout) as { execution?: unknown };
  assert.is(json.execution, 'auto');
});

test('a stack is printed for LUNLOOM_DEBUG=1 only', () => {
  assert.not.match(lunloom(['serve', 'none.yaml']).stderr, '    at ');
  const { status, stderr } = lunloom(['serve', 'none.yaml'], { LUNLOOM_DEBUG: '1' });
  assert.is(status, 3);
  assert.match(stderr, '    at ');
});

test.run();
