import { Assertion } from 'uvu/assert';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlElement[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const TOKEN = /<!\[CDATA\[([\s\S]*?)\]\]>|<\/([\w:-]+)\s*>|<([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;

/** Reads as much of XML as our SVGs use, strictly: what is not well-formed fails. Answers the root element. */
export function parseXml(text: string): XmlElement {
  const document: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open: XmlElement[] = [document];
  TOKEN.lastIndex = /^<\?xml[^?]*\?>\s*/.exec(text)?.[0].length ?? 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    const parent = open.at(-1) as XmlElement;
    if (match === null) fail(`nothing XML knows at ${at}: ${text.slice(at, at + 60)}`);
    const [, cdata, closed, opened, attributes = '', selfClosed, characters] = match;
    if (closed !== undefined) {
      if (open.length === 1 || parent.name !== closed) fail(`</${closed}> ends <${parent.name}>`);
      open.pop();
    } else if (opened !== undefined) {
      const element: XmlElement = { name: opened, attributes: readAttributes(attributes), children: [], text: '' };
      parent.children.push(element);
      if (selfClosed === '') open.push(element);
    } else {
      parent.text += cdata ?? unescapeXml(characters as string);
    }
  }
  const [root] = document.children;
  if (open.length !== 1 || root === undefined || document.children.length !== 1 || document.text.trim() !== '') fail('not one whole element');
  return root;
}

function readAttributes(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name as string, unescapeXml(value as string)] as const);
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length) fail(`an attribute is there twice: ${text}`);
  return Object.fromEntries(pairs);
}

function unescapeXml(text: string): string {
  return text.replaceAll(/&([^;]*;?)/g, (whole, name: string) => ENTITIES[name.replace(/;$/, '')] ?? fail(`an ampersand that begins nothing: ${whole}`));
}

function fail(message: string): never {
  throw new Assertion({ message, operator: 'parseXml', expects: 'well-formed XML', actual: message });
}

/** The element and all below it of that name. */
export function elementsNamed(element: XmlElement, name: string): XmlElement[] {
  return [...(element.name === name ? [element] : []), ...element.children.flatMap((child) => elementsNamed(child, name))];
}
