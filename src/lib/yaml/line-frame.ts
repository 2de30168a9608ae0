/** Shows a place in a file as cargo and rustc do: the line itself, with a mark below what is wrong. */

/** Columns that every terminal has. */
export const frameWidth = 80;

export interface Spot {
  /** As the user would name it. */
  file: string;
  /** Counted from 1, as editors do. */
  line: number;
  column: number;
  /** Characters to mark. */
  length: number;
  /** The whole line. */
  source: string;
}

/** @param notes what to do about it, one sentence each */
export function drawFrame({ file, line, column, length, source }: Spot, notes: readonly string[]): string {
  const margin = ' '.repeat(String(line).length);
  const shown = excerpt(source, column - 1, length, frameWidth - margin.length - 3);
  return [
    `${margin}--> ${file}:${line}:${column}`,
    `${margin} |`,
    `${line} | ${shown.text}`,
    `${margin} | ${' '.repeat(shown.at)}${'^'.repeat(shown.length)}`,
    ...notes.map((note) => wrapped(`${margin} = ${note}`, frameWidth, `${margin}   `)),
  ].join('\n');
}

/** Breaks a text between words, so that no line is longer than `width` unless a word is. */
export function wrapped(text: string, width: number, indent: string, first = width): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S) /)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > (lines.length === 0 ? first : width)) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/** As much of the line as fits around the mark. */
function excerpt(source: string, at: number, length: number, width: number) {
  const before = spaced(source.slice(0, at));
  const text = hidden(before + spaced(source.slice(at)));
  const mark = Math.max(1, Math.min(length, text.length - before.length));
  const start = before.length + mark <= width ? 0 : Math.max(0, before.length - Math.floor(width / 3));
  const head = start > 0 ? '…' : '';
  const rest = head + text.slice(start + head.length);
  const cut = rest.length > width ? `${rest.slice(0, width - 1)}…` : rest.trimEnd();
  return { text: cut, at: before.length - start, length: Math.min(mark, width - (before.length - start)) };
}

const spaced = (text: string) => text.replaceAll('\t', '    ');

/** A line goes into logs that others read: the password in a URL does not. */
const hidden = (text: string) =>
  text.replaceAll(
    /(\/\/)([^/@\s]+)(?=@)/g,
    (_, slashes: string, login: string) => slashes + '*'.repeat(login.length),
  );
