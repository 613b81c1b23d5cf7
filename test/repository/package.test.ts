import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeFiles, pathExists, readSource } from './source-files.js';
import { importsOf } from './source-text.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readSource('package.json')) as Manifest;
const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies };
const DEPENDENCIES_PAGE = 'docs/dependencies.md';

test('the engine asks for Node 20.19 or later', () => assert.is(manifest.engines.node, '>=20.19'));

test('the lock file names no registry', () => {
  // An address would send every installation to the registry that happened to serve the one who wrote the file.
  assert.not.match(readSource('package-lock.json'), /"resolved"/);
});

test('the lock file is that of this package', () => {
  const lock = JSON.parse(readSource('package-lock.json')) as { name: string; version: string; packages: Record<string, Partial<Manifest>> };
  assert.is(lock.name, manifest.name);
  assert.is(lock.version, manifest.version);
  for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies'] as const) assert.equal(lock.packages['']?.[kind], manifest[kind], kind);
});

test('the lock file holds every platform of its optional packages', () => {
  // `npm install` leaves out what the registry at hand does not serve, and `npm ci` then refuses the file everywhere. An entry with
  // version, os, cpu and libc is enough: it is never fetched on another platform.
  const { packages } = JSON.parse(readSource('package-lock.json')) as { packages: Record<string, Partial<Manifest>> };
  const named = Object.entries(packages).filter(([path]) => path !== '');
  const optional = named.flatMap(([path, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}).map((name) => [path, name] as const));
  assert.equal(
    optional.filter(([, name]) => packages[`node_modules/${name}`] === undefined).map(([path, name]) => `${path} names ${name}`),
    [],
  );
});

test('every dependency that ships is accounted for', () => {
  assert.ok(pathExists(DEPENDENCIES_PAGE), `${DEPENDENCIES_PAGE} is missing`);
  const page = readSource(DEPENDENCIES_PAGE);
  assert.equal(
    Object.keys(shipped).filter((name) => !page.includes(name)),
    [],
  );
});

test('nothing is imported that is not declared', () => {
  const declared = { ...shipped, ...manifest.devDependencies };
  const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const own = codeFiles.filter((path) => !/^(?:flamegraphs|dashboard|examples)\//.test(path));
  const packages = own.flatMap((path) => importsOf(readSource(path)).map(({ specifier }) => [path, packageOf(specifier)] as const));
  const undeclared = packages.filter(
    ([, name]) => !/^(?:\.|node:)/.test(name) && !(name in declared) && name !== manifest.name && name !== '.' && name !== '..',
  );
  assert.equal(undeclared, []);
});

test('programs that the package offers exist and can be started', () => {
  for (const path of Object.values(manifest.bin)) {
    assert.ok(pathExists(path), `${path} is missing`);
    assert.match(readSource(path), /^#!\/usr\/bin\/env node\n/);
  }
});

test.run();
