/**
 * Bounds on YAML texts. The parser's own check for repeated keys compares each key with all others, and an alias may
 * refer to a node that contains it. One walk here finds both.
 */
import { isAlias, isMap, isScalar, isSeq, Lexer, type Document, type Node } from 'yaml';

export interface Finding {
  /** Offset in the text. */
  at: number;
  text: string;
}

/** Tokens of the lexer: a line such as `- a` has four. Enough for a recipe of 20,000 lines. */
const maxTokens = 200_000;
/** Later code reads the data recursively. */
const maxDepth = 100;
const maxAliases = 100;

/** Undefined if the text is within bounds. Called before it is parsed. */
export function excessOf(text: string): Finding | undefined {
  let at = 0;
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    at += token.length;
    if (++tokens > maxTokens) return { at: Math.min(at, text.length), text: `more than ${maxTokens} tokens` };
  }
  return undefined;
}

/** Faults that keep a valid document from being a tree of plain data, in the order of the text. */
export function faultsOfTree(document: Document): Finding[] {
  const found: Finding[] = [];
  const above = new Set<unknown>();
  let aliases = 0;
  const enter = (node: unknown): unknown[] => {
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target && above.has(target))
        found.push(finding(node, `*${node.source} is part of what it stands for`));
      if (++aliases === maxAliases + 1) found.push(finding(node, `more than ${maxAliases} aliases`));
      return [];
    }
    if (isSeq(node)) return node.items;
    if (!isMap(node)) return [];
    const keys = new Set<string>();
    return node.items.flatMap(({ key, value }) => {
      if (!isScalar(key)) found.push(finding(key, 'this key is no plain word'));
      else if (keys.has(String(key.value))) found.push(finding(key, 'this key is there twice'));
      else keys.add(String(key.value));
      return value === null ? [] : [value];
    });
  };
  // Not recursive, because the text decides how deep it goes.
  const todo: (() => void)[] = [];
  const visit = (node: unknown) => () => {
    const below = aliases > maxAliases ? [] : enter(node);
    if (below.length === 0) return;
    above.add(node);
    todo.push(() => above.delete(node));
    if (above.size > maxDepth) found.push(finding(node, 'nested too deeply'));
    else for (const child of below.toReversed()) todo.push(visit(child));
  };
  todo.push(visit(document.contents));
  for (let next = todo.pop(); next; next = todo.pop()) next();
  return found.toSorted((a, b) => a.at - b.at);
}

function finding(node: unknown, text: string): Finding {
  return { at: (node as Node | null)?.range?.[0] ?? 0, text };
}
