import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathExists, readSource } from './source-files.js';

const { exports: entries } = JSON.parse(readSource('package.json')) as {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
};

test('every entry of the package is compiled from a source that is there, and has declarations beside it', () => {
  for (const [name, entry] of Object.entries(entries)) {
    if (name === './package.json') continue;
    assert.type(entry, 'object', name);
    const { types = '', default: code = '' } = entry as Readonly<Record<string, string>>;
    assert.match(code, /^\.\/dist\/.*\.js$/, name);
    assert.is(types, code.replace(/\.js$/, '.d.ts'), name);
    assert.ok(pathExists(code.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')), `${code} has no source`);
    // The resolver takes the first condition that fits.
    assert.is(Object.keys(entry as object)[0], 'types', name);
  }
});

test('declarations are made', () => assert.match(readSource('tsconfig.json'), /"declaration": true/));

test.run();
