import { posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathExists, readSource, repositoryFiles } from './source-files.js';

const documents = repositoryFiles.filter((path) => /^(?:README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$|^(?:docs|examples|bench|flamegraphs)\/.*\.md$/.test(path));
const INLINE_LINK = /!?\[(?:[^\][]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;
const REFERENCE_LINK = /^\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)/gm;
const HTML_LINK = /<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)="([^"]+)"/g;
const EXTERNAL = /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i;

const withoutCode = (text: string) => text.replace(/^( *)(```+|~~~+)[\s\S]*?^\1\2.*$/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '));

function linksOf(path: string): string[] {
  const text = withoutCode(readSource(path));
  return [INLINE_LINK, REFERENCE_LINK, HTML_LINK].flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] as string));
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  const text = readSource(path).replace(/^( *)(```+|~~~+)[\s\S]*?^\1\2.*$/gm, '');
  for (const match of text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = (match[1] as string)
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let unique = slug;
    for (let i = 1; anchors.has(unique); i++) unique = `${slug}-${i}`;
    anchors.add(unique);
  }
  for (const match of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(match[1] as string);
  return anchors;
}

function faultOf(from: string, link: string): string | null {
  if (EXTERNAL.test(link)) return null;
  const [file, anchor] = link.split('#', 2) as [string, string | undefined];
  const target = file === '' ? from : posix.normalize(file.startsWith('/') ? file.slice(1) : posix.join(posix.dirname(from), decodeURIComponent(file)));
  if (!pathExists(target)) return `${from}: ${link} leads nowhere`;
  if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor)) return `${from}: ${link} names no heading`;
  return null;
}

test('relative links of all documents are alive', () => {
  const faults = documents.flatMap((path) => linksOf(path).map((link) => faultOf(path, link))).filter((fault) => fault !== null);
  assert.equal(faults, []);
});

test('there are a README and a CHANGELOG', () => {
  for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE']) assert.ok(pathExists(path), `${path} is missing`);
});

test.run();
