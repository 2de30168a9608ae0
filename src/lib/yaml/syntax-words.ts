/** What is wrong with a text that is not YAML, in words for its author. */
import type { ErrorCode as SyntaxCode, YAMLError } from 'yaml';
import type { Wrong } from './mistakes.ts';

type Words = Wrong | ((message: string) => Wrong);

const closing: Record<string, string> = { ']': 'list', '}': 'map' };

const noKey: Wrong = {
  text: 'this line is neither a key with a colon nor an entry of a list',
  note: 'write KEY: VALUE, or indent the line if it continues the one above',
};

/** The library's own message is good enough for what is not here. */
const wordsByCode: Partial<Record<SyntaxCode, Words>> = {
  ALIAS_PROPS: { text: 'an alias (*name) stands alone, without a tag or an anchor' },
  BAD_DQ_ESCAPE: {
    text: 'a backslash in double quotes begins an escape, and there is no such escape',
    note: "write \\\\ for a backslash, or put the text in single quotes: '...'",
  },
  BAD_INDENT: (message) =>
    notClosed(message) ?? {
      text: 'wrong indentation: keys of one map, and entries of one list, begin in the same column',
    },
  BAD_SCALAR_START: (message) => ({
    text: `a value cannot begin with ${/ (\S+)$/.exec(message)?.[1] ?? 'this character'}`,
    note: 'put the value in quotes',
  }),
  BLOCK_AS_IMPLICIT_KEY: {
    text: 'a second colon in one line, or wrong indentation',
    note: 'put a value that has a colon and a space in quotes; begin a new key on its own line',
  },
  BLOCK_IN_FLOW: {
    text: 'a second colon, or a dash, inside of [ ] or { }',
    note: 'put a value that has a colon and a space in quotes; put commas between entries',
  },
  MISSING_CHAR: (message) =>
    notClosed(message) ??
    quoteOf(message) ??
    (message.startsWith('Implicit map keys') ? noKey : { text: lowerFirst(message) }),
  MULTILINE_IMPLICIT_KEY: noKey,
  MULTIPLE_DOCS: { text: 'a second document begins here: one file has one' },
  TAB_AS_INDENT: {
    text: 'a tab for indentation: YAML takes spaces alone',
    note: 'replace the tab by two spaces',
  },
};

/** What the library calls a broken key is a line that is indented too far, more often than not. */
const brokenKeys: readonly SyntaxCode[] = ['BLOCK_AS_IMPLICIT_KEY', 'MULTILINE_IMPLICIT_KEY'];

export interface SyntaxError extends Wrong {
  at: number;
  end: number;
}

export function syntaxError({ pos: [at, end], code, message }: YAMLError, text: string): SyntaxError {
  const deeper = brokenKeys.includes(code) ? deeperLine(text, at) : undefined;
  if (deeper) return deeper;
  const words = syntaxWords(code, message);
  const begin = openingOf(words, text, at);
  return { at: begin, end: begin === at ? end : begin + 1, ...words };
}

/** The line below, if it is indented further although the key at this place has a value already. */
function deeperLine(text: string, at: number): SyntaxError | undefined {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const [, own = '', next = '', word = ''] =
    /^( *(?:- +)*)[^\n]*\n( *)(\S[^\s:]*)/.exec(text.slice(start)) ?? [];
  if (word === '' || next.length <= own.length) return undefined;
  const below = text.indexOf('\n', at) + 1 + next.length;
  const note = `begin ${word} in column ${own.length + 1}, below the key above, which has a value already`;
  return { at: below, end: below + word.length, text: 'this line is indented too far', note };
}

function syntaxWords(code: SyntaxCode, message: string): Wrong {
  const found = wordsByCode[code];
  if (found === undefined) return { text: lowerFirst(message) };
  return typeof found === 'function' ? found(message) : found;
}

function notClosed(message: string): Wrong | undefined {
  const [, end] = /(?:end with an? |end with |^Missing closing )([\]}])/.exec(message) ?? [];
  return end === undefined
    ? undefined
    : { text: `this ${closing[end]} has no end`, note: `close it with ${end}` };
}

function quoteOf(message: string): Wrong | undefined {
  const [, quote] = /^Missing closing (["'])/.exec(message) ?? [];
  return quote === undefined
    ? undefined
    : { text: 'this text in quotes has no end', note: `close it with ${quote}` };
}

const openings: Record<string, string> = { ']': '[', '}': '{', '"': '"', "'": "'" };

/** Where what has no end begins: the library tells where the end is missing. */
function openingOf({ note }: Wrong, text: string, at: number): number {
  const end = /^close it with (.)$/.exec(note ?? '')?.[1];
  if (end === undefined) return at;
  const opening = openings[end]!;
  let depth = 0;
  for (let index = at - 1; index >= 0; index--) {
    if (text[index] === end && end !== opening) depth++;
    else if (text[index] === opening && depth-- === 0) return index;
  }
  return at;
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);
