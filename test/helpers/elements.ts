/** What a page holds as its readers see it: how many elements of each name, and its text. */
import { parse, type DefaultTreeAdapterTypes } from 'parse5';
import { SaxesParser } from 'saxes';

export interface Page {
  elements: Record<string, number>;
  text: string;
  /** What its parser had to forgive. */
  faults: string[];
}

type Node = DefaultTreeAdapterTypes.Node;

export function htmlPage(html: string): Page {
  const page: Page = { elements: {}, text: '', faults: [] };
  const document = parse(html, { onParseError: ({ code }) => page.faults.push(code) });
  visit(document, page);
  return page;
}

function visit(node: Node, page: Page): void {
  if ('tagName' in node) count(page, node.tagName, node.attrs.length);
  if (node.nodeName === '#text') page.text += ` ${(node as DefaultTreeAdapterTypes.TextNode).value}`;
  if (node.nodeName === '#comment') count(page, '#comment', 0);
  if ('childNodes' in node) for (const child of node.childNodes) visit(child, page);
}

export function xmlPage(xml: string): Page {
  const page: Page = { elements: {}, text: '', faults: [] };
  const parser = new SaxesParser();
  parser.on('error', (error) => page.faults.push(error.message));
  parser.on('opentag', ({ name, attributes }) => {
    count(page, name, Object.keys(attributes).length);
    page.text += ` ${Object.values(attributes).join(' ')}`;
  });
  parser.on('text', (text) => (page.text += ` ${text}`));
  parser.on('comment', () => count(page, '#comment', 0));
  parser.on('processinginstruction', () => count(page, '#instruction', 0));
  parser.write(xml).close();
  return page;
}

/** By name and number of attributes, since a text could add one as well. */
function count({ elements }: Page, name: string, attributes: number): void {
  const key = attributes > 0 ? `${name} with ${attributes}` : name;
  elements[key] = (elements[key] ?? 0) + 1;
}
