/** A YAML file as its author wrote it: its data, and errors that show the line that they are about. */
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document, type Pair } from 'yaml';
import type { z } from 'zod';
import type { ErrorCode, MillinerError } from '../errors/error.ts';
import { mistakesError, type Mistake, type MistakeOptions, type Wrong } from './mistakes.ts';
import { checkData, maxMistakes, type SchemaMistake } from './schema-mistakes.ts';
import { syntaxError } from './syntax-words.ts';
import { excessOf, faultsOfTree, type Finding } from './yaml-bounds.ts';

/** What is wrong with a key of the file. */
export interface WrongKey extends Wrong {
  keys: readonly (string | number)[];
  /** Whether the key itself is wrong, and not what it has. */
  isKey?: boolean;
  /** The part of the value to mark. */
  part?: string;
  hint?: string | undefined;
  /** Default: that of the file. */
  code?: ErrorCode;
}

interface Place {
  at: number;
  end: number;
}

export class YamlFile {
  readonly path: string;
  readonly #code: ErrorCode;
  readonly #text: string;
  #lines = new LineCounter();
  /** While it is needed: thousands of recipes may be loaded at once. */
  #document: Document | undefined;

  /** @param code of every error about the file */
  constructor(path: string, text: string, code: ErrorCode) {
    this.path = path;
    this.#code = code;
    this.#text = text;
    const excess = excessOf(text);
    if (excess) throw this.#excessive(excess);
    this.#document = this.#parse();
  }

  /** The parser has not counted the lines yet. */
  #excessive({ at, text }: Finding): MillinerError {
    for (const { index } of this.#text.slice(0, at).matchAll(/\n/g)) this.#lines.addNewLine(index + 1);
    return this.#broken([{ at, end: at, text }]);
  }

  /** Throws an error with every mistake. */
  check<T extends z.ZodType>(schema: T): z.output<T> {
    const checked = checkData(schema, this.#toData());
    if ('mistakes' in checked) throw this.#error(checked.mistakes.map((one) => this.#mistake(one)));
    this.#document = undefined;
    return checked.data;
  }

  /** An error about keys of the file. */
  wrong(...all: readonly WrongKey[]): MillinerError {
    const [{ hint, code } = {}] = all;
    const mistakes = all.map((one) => this.#mistake({ isKey: false, ...one, keys: one.keys.map(String) }));
    return this.#error(mistakes, { hint, code });
  }

  /** The parser is recursive, so a text that is nested too deeply overflows the stack. */
  #parse(): Document {
    let document: Document;
    try {
      // Each pretty error reads the whole text to find its line, and the parser's check for repeated keys is quadratic.
      this.#lines = new LineCounter();
      const options = { lineCounter: this.#lines, uniqueKeys: false, prettyErrors: false };
      document = parseDocument(this.#text, options);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw this.#broken([{ at: 0, end: 0, text: 'nested too deeply' }]);
    }
    const broken =
      document.errors.length > 0
        ? document.errors.slice(0, maxMistakes).map((one) => syntaxError(one, this.#text))
        : faultsOfTree(document)
            .slice(0, maxMistakes)
            .map((one) => ({ ...one, ...this.#headOf({ at: one.at, end: this.#text.length }) }));
    if (broken.length > 0) throw this.#broken(broken);
    return document;
  }

  #toData(): unknown {
    try {
      return (this.#document ??= this.#parse()).toJS({ maxAliasCount: 100 });
    } catch (cause) {
      throw this.#error([this.#spot({ at: 0, end: 0, text: 'too many aliases' }, '')], { cause });
    }
  }

  /** Behind the first error of the syntax, the others are its consequences more often than not. */
  #broken(all: readonly (Place & Wrong)[]): MillinerError {
    const mistakes = all.slice(0, maxMistakes).map((one) => this.#spot(one, ''));
    return mistakesError(this.#code, this.path, mistakes, { shown: 1 });
  }

  #error(
    mistakes: Mistake[],
    { code = this.#code, ...options }: MistakeOptions & { code?: ErrorCode | undefined } = {},
  ): MillinerError {
    const ordered = mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column);
    return mistakesError(code, this.path, ordered, options);
  }

  #mistake({ keys, isKey, part, ...wrong }: SchemaMistake & Pick<WrongKey, 'part'>): Mistake {
    const place = this.#placeOf(keys, isKey);
    const offset = part === undefined ? -1 : this.#text.slice(place.at, place.end).indexOf(part);
    const inside = offset < 0 ? place : { at: place.at + offset, end: place.at + offset + part!.length };
    return this.#spot({ ...inside, ...wrong }, keys.join('.'));
  }

  #spot({ at, end, ...wrong }: Place & Wrong, key: string): Mistake {
    const { line, col } = this.#lines.linePos(at);
    const start = at - col + 1;
    const next = this.#text.indexOf('\n', start);
    const source = this.#text.slice(start, next < 0 ? undefined : next).replace(/\r$/, '');
    const marked = Math.min(end, start + source.length) - at;
    const { text, suggestion, note } = wrong;
    return { line, column: col, length: Math.max(1, marked), source, key, text, suggestion, note };
  }

  /**
   * Of the deepest node on the path that is there: its value if that begins in the line of the key, or else the key. For
   * a missing key that is the map that lacks it.
   */
  #placeOf(keys: readonly string[], isKey: boolean): Place {
    this.#document ??= this.#parse();
    let node: unknown = this.#document.contents;
    let place: Place | undefined;
    let missing = false;
    for (const [index, key] of keys.entries()) {
      const next = childOf(node, key);
      if (!next) {
        missing = true;
        break;
      }
      const isLast = index === keys.length - 1;
      const anchor = rangeOf(isPair(next) ? next.key : next);
      node = isPair(next) ? next.value : next;
      const value = rangeOf(node);
      place = anchor ?? place;
      if (isLast && !isKey && value && anchor && this.#areBeside(anchor, value)) place = value;
    }
    if (place) return missing ? this.#headOf(place) : place;
    const first = rangeOf(isMap(node) ? (node.items[0]?.key ?? node) : node);
    return this.#headOf(first ?? { at: 0, end: 0 });
  }

  #areBeside(anchor: Place, value: Place): boolean {
    return value.end > value.at && this.#lines.linePos(anchor.at).line === this.#lines.linePos(value.at).line;
  }

  /** The first word of it: the whole would be too much to mark. */
  #headOf({ at, end }: Place): Place {
    const [head = ''] = /^[^\s:,{}[\]]+/.exec(this.#text.slice(at, end)) ?? [];
    return { at, end: at + Math.max(1, head.length) };
  }
}

function childOf(node: unknown, key: string): Pair | object | undefined {
  if (isMap(node)) return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  return isSeq(node) ? (node.items[Number(key)] as object | undefined) : undefined;
}

function rangeOf(node: unknown): Place | undefined {
  const range = (node as { range?: [number, number, number] } | null)?.range;
  return range ? { at: range[0], end: range[1] } : undefined;
}
