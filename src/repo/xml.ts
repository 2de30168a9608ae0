/** Small XML documents, read into elements: repomd, metalink, comps. The large ones are libsolv's. */
import { SaxesParser } from 'saxes';
import { MillinerError } from '../errors.ts';

export interface Element {
  /** Without its namespace prefix. */
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
  /** All character data directly inside. */
  text: string;
}

const maxElements = 2_000_000;
const maxDepth = 64;

/** `file` names the document in errors. Throws REPO_INVALID; entities of a DTD are never expanded. */
export function parseXml(document: string, file: string): Element {
  const parser = new SaxesParser({ xmlns: false });
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open: Element[] = [top];
  let count = 0;
  parser.on('error', (error) => {
    throw new MillinerError('REPO_INVALID', `${file} is not well-formed XML: ${error.message}`);
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (++count > maxElements || open.length > maxDepth) {
      throw new MillinerError('REPO_INVALID', `${file} has too many elements`);
    }
    const element: Element = { name: name.slice(name.indexOf(':') + 1), attributes, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const addText = (text: string) => {
    const current = open.at(-1);
    if (current) current.text += text;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => void open.pop());
  parser.write(document).close();
  const root = top.children[0];
  if (!root) throw new MillinerError('REPO_INVALID', `${file} is empty`);
  return root;
}

export function childrenOf(element: Element | undefined, name: string): Element[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function childOf(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The trimmed text of the first child of that name; empty where there is none. */
export function textOf(element: Element | undefined, name: string): string {
  return childOf(element, name)?.text.trim() ?? '';
}

/** A whole number of bytes; undefined where there is none. */
export function sizeOf(element: Element | undefined, name: string): number | undefined {
  const text = textOf(element, name);
  const size = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(size) ? size : undefined;
}
