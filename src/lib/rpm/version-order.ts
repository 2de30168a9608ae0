/**
 * The order of versions, as rpm's rpmvercmp.c has it. It imports nothing: the pages of a site search with this file, too
 * (src/site/page-script.ts).
 */

export interface Evr {
  /** Digits; absent where the text has none, which compares as 0. */
  epoch?: string;
  version: string;
  release?: string;
}

/** Splits [epoch:]version[-release]; the epoch must be digits, the release begins at the last dash. */
export function parseEvr(text: string): Evr {
  const colon = /^(\d*):/.exec(text);
  const rest = colon ? text.slice(colon[0].length) : text;
  const dash = rest.lastIndexOf('-');
  return {
    ...(colon && { epoch: colon[1] || '0' }),
    version: dash < 0 ? rest : rest.slice(0, dash),
    ...(dash >= 0 && { release: rest.slice(dash + 1) }),
  };
}

/**
 * Compares two version or release strings: -1, 0 or 1. Segments are digits or letters; `~` sorts before the end, `^`
 * after it.
 */
export function rpmvercmp(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    i = skipSeparators(a, i);
    j = skipSeparators(b, j);
    const [x, y] = [a[i], b[j]];
    if (x === '~' || y === '~') {
      if (x !== y) return x === '~' ? -1 : 1;
      i += 1;
      j += 1;
      continue;
    }
    if (x === '^' || y === '^') {
      if (x === undefined) return -1;
      if (y === undefined) return 1;
      if (x !== y) return x === '^' ? -1 : 1;
      i += 1;
      j += 1;
      continue;
    }
    if (x === undefined || y === undefined) break;
    const numeric = isDigit(x);
    const [m, n] = [segmentEnd(a, i, numeric), segmentEnd(b, j, numeric)];
    // A number is newer than letters.
    if (n === j) return numeric ? 1 : -1;
    const difference = compareSegments(a.slice(i, m), b.slice(j, n), numeric);
    if (difference !== 0) return difference;
    [i, j] = [m, n];
  }
  if (i >= a.length && j >= b.length) return 0;
  return i < a.length ? 1 : -1;
}

function compareSegments(a: string, b: string, numeric: boolean): -1 | 0 | 1 {
  if (!numeric) return compareText(a, b);
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  // More digits, without leading zeros, is the larger number.
  return x.length === y.length ? compareText(x, y) : x.length < y.length ? -1 : 1;
}

function skipSeparators(text: string, from: number): number {
  let at = from;
  while (at < text.length && !/[A-Za-z0-9~^]/.test(text.charAt(at))) at += 1;
  return at;
}

function segmentEnd(text: string, from: number, numeric: boolean): number {
  const member = numeric ? isDigit : isLetter;
  let at = from;
  while (at < text.length && member(text.charAt(at))) at += 1;
  return at;
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

function isLetter(character: string): boolean {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

export function compareText(a: string, b: string): -1 | 0 | 1 {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Epoch, then version, then release; a release missing on either side counts as empty. */
export function compareEvr(a: Evr, b: Evr): -1 | 0 | 1 {
  return (
    rpmvercmp(a.epoch ?? '0', b.epoch ?? '0') ||
    rpmvercmp(a.version, b.version) ||
    rpmvercmp(a.release ?? '', b.release ?? '')
  );
}
