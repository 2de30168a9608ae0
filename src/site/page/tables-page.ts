/// <reference lib="dom" />
/** Long tables: a field that hides rows without its words, and heads that sort. */
import { element } from './make-element.ts';

function addFilter(table: HTMLTableElement): void {
  const label = table.dataset['filter'];
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  if (label === undefined || rows.length < 8) return;
  const input = element('input', {
    type: 'search',
    'aria-label': label,
    placeholder: label,
  }) as HTMLInputElement;
  const count = element('span', { class: 'muted', 'aria-live': 'polite' });
  const texts = rows.map((row) => row.textContent.toLowerCase());
  input.addEventListener('input', () => {
    const words = input.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    let shown = 0;
    for (const [index, row] of rows.entries()) {
      const matches = words.every((word) => texts[index]!.includes(word));
      row.hidden = !matches;
      if (matches) shown += 1;
    }
    count.textContent = words.length > 0 ? `${shown} of ${rows.length}` : '';
  });
  const given = new URLSearchParams(location.search).get('q');
  if (given !== null) {
    input.value = given;
    input.dispatchEvent(new Event('input'));
  }
  (table.closest('.scroll') ?? table).before(element('p', { class: 'filter' }, input, ' ', count));
}

const keyOf = (row: HTMLTableRowElement, column: number) => {
  const cell = row.cells[column];
  return cell?.dataset['sort'] ?? cell?.textContent.trim() ?? '';
};

function addSorting(table: HTMLTableElement): void {
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  for (const [column, head] of heads.entries()) {
    if (head.dataset['sortable'] === undefined) continue;
    const button = element('button', { type: 'button', class: 'sort' }, head.textContent);
    button.addEventListener('click', () => {
      const isAscending = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', isAscending ? 'ascending' : 'descending');
      sortRows(table, column, isAscending ? 1 : -1);
    });
    head.replaceChildren(button);
  }
}

function sortRows(table: HTMLTableElement, column: number, sign: number): void {
  const body = table.tBodies[0]!;
  const rows = [...body.rows].toSorted(
    (a, b) => sign * keyOf(a, column).localeCompare(keyOf(b, column), 'en', { numeric: true }),
  );
  body.append(...rows);
}

for (const table of document.querySelectorAll('table')) {
  addFilter(table);
  addSorting(table);
}
