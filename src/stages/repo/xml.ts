/** Reads XML: small documents whole (repomd, metalink, comps), large ones element by element (updateinfo). */
import { StringDecoder } from 'node:string_decoder';
import { SaxesParser } from 'saxes';
import { MillinerError } from '../../lib/errors/error.ts';

export interface Element {
  /** Without its namespace prefix. */
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
  /** Character data directly inside the element. */
  text: string;
}

interface Limits {
  elements: number;
  /** Characters in memory, before an element is complete. */
  characters: number;
}

/** Callers that read a whole document bound its length. Fedora 40's comps has 6,243 elements, and translations. */
const ofDocument: Limits = { elements: 400_000, characters: Infinity };
/** An advisory for a whole distribution has a few thousand packages. */
const ofElement: Limits = { elements: 200_000, characters: 16 * 1024 * 1024 };
const maxDepth = 64;

/** `file` names the document in errors. Throws REPO_INVALID; entities of a DTD are never expanded. */
export function parseXml(document: string, file: string): Element {
  const reader = new ElementReader(file, () => true, ofDocument);
  reader.write(document);
  reader.close();
  const [root] = reader.takeElements();
  if (!root) throw new MillinerError('REPO_INVALID', `${file} is empty`);
  return root;
}

/**
 * The elements of that name in a document that arrives in pieces, each once it is complete; the rest is dropped. The
 * largest element bounds the memory. Throws REPO_INVALID.
 */
export async function* elementsOf(
  pieces: AsyncIterable<Buffer>,
  name: string,
  file: string,
): AsyncGenerator<Element> {
  const decoder = new StringDecoder('utf8');
  const reader = new ElementReader(file, (candidate) => candidate === name, ofElement);
  for await (const piece of pieces) {
    reader.write(decoder.write(piece));
    yield* reader.takeElements();
  }
  reader.write(decoder.end());
  reader.close();
  yield* reader.takeElements();
}

/** Builds the wanted elements with their content; of nested ones, the outermost. */
class ElementReader {
  readonly #parser = new SaxesParser({ xmlns: false });
  readonly #file: string;
  readonly #limits: Limits;
  /** The elements that are being built, outermost first. */
  readonly #open: Element[] = [];
  #complete: Element[] = [];
  /** Number of open elements, wanted or not. */
  #depth = 0;
  #elements = 0;
  #characters = 0;

  constructor(file: string, isWanted: (name: string) => boolean, limits: Limits) {
    this.#file = file;
    this.#limits = limits;
    this.#parser.on('error', (error) => this.#refuse(`is not well-formed XML: ${error.message}`));
    this.#parser.on('opentag', ({ name, attributes }) => {
      if (++this.#depth > maxDepth) this.#refuse('has elements nested too deeply');
      const local = name.slice(name.indexOf(':') + 1);
      const parent = this.#open.at(-1);
      if (!parent) [this.#elements, this.#characters] = [0, 0];
      if (!parent && !isWanted(local)) return;
      if (++this.#elements > limits.elements) this.#refuse('has too many elements');
      const element: Element = { name: local, attributes, children: [], text: '' };
      parent?.children.push(element);
      this.#open.push(element);
    });
    const addText = (text: string) => {
      const current = this.#open.at(-1);
      if (current) current.text += text;
    };
    this.#parser.on('text', addText);
    this.#parser.on('cdata', addText);
    this.#parser.on('closetag', () => {
      this.#depth -= 1;
      const closed = this.#open.pop();
      if (!closed || this.#open.length > 0) return;
      this.#complete.push(closed);
      this.#characters = 0;
    });
  }

  write(text: string): void {
    this.#characters += text.length;
    this.#parser.write(text);
    if (this.#characters > this.#limits.characters) this.#refuse('has too large an element');
  }

  close(): void {
    this.#parser.close();
  }

  /** The elements completed since the last call. */
  takeElements(): Element[] {
    const complete = this.#complete;
    this.#complete = [];
    return complete;
  }

  #refuse(what: string): never {
    throw new MillinerError('REPO_INVALID', `${this.#file} ${what}`);
  }
}

export function childrenOf(element: Element | undefined, name: string): Element[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function childOf(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The trimmed text of the first child of that name; empty if there is none. */
export function textOf(element: Element | undefined, name: string): string {
  return childOf(element, name)?.text.trim() ?? '';
}

/** A whole number of bytes; undefined if absent. */
export function sizeOf(element: Element | undefined, name: string): number | undefined {
  const text = textOf(element, name);
  const size = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(size) ? size : undefined;
}
