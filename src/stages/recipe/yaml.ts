/** Parses and checks YAML; every fault is reported with file, line and key. */
import { isUtf8 } from 'node:buffer';
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import { readBeneath, rootOf } from '../../lib/host/beneath.ts';
import { excessOf, faultsOfTree } from './yaml-bounds.ts';

/** Enough for files whose content is in the recipe. */
const maxFileBytes = 1024 * 1024;
/** Longer lists of faults help no user. */
const maxFaults = 100;

/** The errors of a kind of file. */
interface FileErrors {
  invalid: ErrorCode;
  missing: ErrorCode;
}

const ofRecipes: FileErrors = { invalid: 'RECIPE_INVALID', missing: 'RECIPE_NOT_FOUND' };

/** Reads and checks a file. Throws RECIPE_INVALID with every fault, RECIPE_NOT_FOUND if it does not exist. */
export async function readYaml<T extends z.ZodType>(
  path: string,
  schema: T,
  codes: FileErrors = ofRecipes,
): Promise<z.output<T>> {
  try {
    return await readChecked(path, schema);
  } catch (error) {
    throw error instanceof MillinerError ? withCode(error, codes) : error;
  }
}

function withCode(error: MillinerError, { invalid: wrong, missing }: FileErrors): MillinerError {
  const codes: Partial<Record<ErrorCode, ErrorCode>> = { RECIPE_INVALID: wrong, RECIPE_NOT_FOUND: missing };
  const code = codes[error.code] ?? error.code;
  if (code === error.code) return error;
  return new MillinerError(code, error.message, { cause: error.cause, details: error.details });
}

async function readChecked<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
  const text = await readText(path);
  const lines = new LineCounter();
  const document = parse(text, path, lines);
  const broken =
    document.errors.length > 0
      ? document.errors.map((e) => ({ at: e.pos[0], text: e.message }))
      : faultsOfTree(document);
  if (broken.length > 0) {
    throw invalid(
      path,
      broken.slice(0, maxFaults).map((one) => ({
        line: lines.linePos(one.at).line,
        key: '',
        text: one.text,
      })),
    );
  }
  const result = schema.safeParse(toData(document, path));
  if (result.success) return result.data;
  throw invalid(
    path,
    result.error.issues
      .flatMap((issue) => faults(issue))
      .slice(0, maxFaults)
      .map(({ keys, text: message }) => ({
        line: lineOf(document, keys, lines),
        key: keys.join('.'),
        text: message,
      })),
  );
}

async function readText(path: string): Promise<string> {
  const bytes = await readBeneath(rootOf(path), path, maxFileBytes).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof MillinerError) throw error;
    if (error.code === 'EFBIG') throw invalid(path, [{ line: 1, key: '', text: 'larger than 1 MiB' }]);
    throw new MillinerError('RECIPE_INVALID', `${path} cannot be read: ${error.code}`, { cause: error });
  });
  if (!bytes) throw new MillinerError('RECIPE_NOT_FOUND', `no file ${path}`, { details: { path } });
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  throw invalid(path, [{ line: 1, key: '', text: 'not UTF-8 text' }]);
}

/** The parser is recursive, so a text that is nested too deeply overflows the stack. */
function parse(text: string, path: string, lineCounter: LineCounter): Document {
  const excess = excessOf(text);
  if (excess) {
    const line = text.slice(0, excess.at).split('\n').length;
    throw invalid(path, [{ line, key: '', text: excess.text }]);
  }
  try {
    // Each pretty error reads the whole text to find its line, and the parser's check for repeated keys is quadratic.
    return parseDocument(text, { lineCounter, uniqueKeys: false, prettyErrors: false });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw invalid(path, [{ line: 1, key: '', text: 'nested too deeply' }]);
  }
}

function toData(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new MillinerError('RECIPE_INVALID', `${path}: too many aliases`, { cause });
  }
}

interface Fault {
  line: number;
  key: string;
  text: string;
}

function invalid(path: string, all: Fault[]): MillinerError {
  const lines = all.map((f) => `${path}:${f.line}: ${f.key ? `${f.key}: ` : ''}${f.text}`);
  return new MillinerError('RECIPE_INVALID', lines.join('\n'), { details: { path, faults: all } });
}

type Issue = z.core.$ZodIssue;

/** One fault for each wrong key: of a union the branch that matched furthest, and each unknown key by itself. */
function faults(issue: Issue, above: PropertyKey[] = []): { keys: string[]; text: string }[] {
  const keys = [...above, ...issue.path].map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ keys: [...keys, key], text: 'there is no such key' }));
  }
  const branches = issue.code === 'invalid_union' ? issue.errors : [];
  const depth = (branch: Issue[]) => Math.max(...branch.map((i) => i.path.length));
  const closest = branches.toSorted((a, b) => depth(b) - depth(a))[0];
  if (closest && depth(closest) > 0) return closest.flatMap((inner) => faults(inner, keys));
  return [{ keys, text: issue.message }];
}

/** The line of the deepest existing node on the path of the key; for a missing key, that of its parent. */
function lineOf(document: Document, keys: string[], lines: LineCounter): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of keys) {
    const next = isMap(node)
      ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
      : isSeq(node)
        ? node.items[Number(key)]
        : undefined;
    if (!next) break;
    const anchor = isPair(next) ? next.key : next;
    offset = (anchor as { range?: [number, number, number] }).range?.[0] ?? offset;
    node = isPair(next) ? next.value : next;
  }
  return lines.linePos(offset).line;
}
