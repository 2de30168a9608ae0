/// <reference lib="dom" />
/** Makes elements from text that stays text: no string becomes markup. */

type Child = Node | string;

export function element(
  tag: string,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function requireElement<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${id}`);
}

export function tableOf(
  caption: string,
  heads: readonly string[],
  rows: readonly HTMLElement[],
): HTMLElement {
  const head = element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)));
  const table = element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, head),
    element('tbody', {}, ...rows),
  );
  // A scrolling place is reached by the keyboard only if it says so.
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, table);
}

export function rowOf(...cells: Child[]): HTMLElement {
  return element('tr', {}, ...cells.map((cell) => element('td', {}, cell)));
}
