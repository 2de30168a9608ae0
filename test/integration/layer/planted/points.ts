/** Where a fault can be planted in compiled JavaScript, and what it then says: one operator, literal or statement each. */
import { parseAst } from 'vitest/node';

export interface Point {
  /** FILE:LINE:COLUMN and what is done there. */
  name: string;
  /** Below the checkout. */
  file: string;
  start: number;
  end: number;
  replacement: string;
}

/** What is written in place of some code. */
export interface Planted {
  replacement: string;
  what: string;
}

interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

/** Undefined where nothing is planted. */
type Plant = (node: Node, text: (node: Node) => string) => Planted | undefined;

/** Of JavaScript and C++. */
export const commonOperators: Record<string, string> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '+': '-',
  '-': '+',
  '*': '+',
  '%': '+',
  '&': '|',
  '|': '&',
  '^': '|',
  '>>': '<<',
  '<<': '>>',
  '&&': '||',
  '||': '&&',
  '+=': '-=',
  '-=': '+=',
};

const operators: Record<string, string> = {
  ...commonOperators,
  '===': '!==',
  '!==': '===',
  '>>>': '>>',
  '??': '&&',
  '&&=': '||=',
};

const changed: Plant = (node, text) => {
  const { operator } = node;
  const other = operators[operator as string];
  if (other === undefined) return undefined;
  const replacement = `(${text(node['left'] as Node)}) ${other} (${text(node['right'] as Node)})`;
  return { replacement: `(${replacement})`, what: `${operator as string} to ${other}` };
};

const removed: Plant = (node) => {
  const { type } = node['expression'] as Node;
  return type === 'Literal' ? undefined : { replacement: ';', what: `${type} removed` };
};

const plants: Record<string, Plant> = {
  BinaryExpression: changed,
  LogicalExpression: changed,
  AssignmentExpression: (node, text) => {
    const other = operators[node['operator'] as string];
    if (other === undefined) return undefined;
    const sides = [text(node['left'] as Node), text(node['right'] as Node)];
    return {
      replacement: `(${sides.join(` ${other} `)})`,
      what: `${node['operator'] as string} to ${other}`,
    };
  },
  UnaryExpression: (node, text) =>
    node['operator'] === '!'
      ? { replacement: `(${text(node['argument'] as Node)})`, what: 'not removed' }
      : undefined,
  ConditionalExpression: (node, text) => ({
    replacement: `((${text(node['test'] as Node)}) ? (${text(node['alternate'] as Node)}) : (${text(node['consequent'] as Node)}))`,
    what: 'branches swapped',
  }),
  ContinueStatement: () => ({ replacement: ';', what: 'continue removed' }),
  ExpressionStatement: removed,
  Literal: (node) => {
    const { value } = node;
    if (typeof value === 'number')
      return { replacement: String(value + 1), what: `${value} to ${value + 1}` };
    if (typeof value === 'boolean') return { replacement: String(!value), what: `${value} to ${!value}` };
    if (typeof value !== 'string') return undefined;
    return { replacement: JSON.stringify(otherText(value)), what: `${JSON.stringify(value)} changed` };
  },
};

export function otherText(text: string): string {
  const last = text.at(-1);
  return last === undefined ? 'x' : `${text.slice(0, -1)}${last === 'x' ? 'y' : 'x'}`;
}

/** Modules' names, and what is said to people when a build has failed already. */
const spared = new Set(['ImportDeclaration', 'ThrowStatement', 'ImportExpression']);

/** FILE:LINE:COLUMN */
export function placeIn(file: string, code: string, at: number): string {
  const before = code.slice(0, at).split('\n');
  return `${file}:${before.length}:${before.at(-1)!.length + 1}`;
}

/** In the order of the code. */
export function pointsOf(file: string, code: string): Point[] {
  const points: Point[] = [];
  const text = (node: Node) => code.slice(node.start, node.end);
  const visit = (node: Node): void => {
    if (spared.has(node.type)) return;
    const planted = plants[node.type]?.(node, text);
    if (planted) {
      const place = placeIn(file, code, node.start);
      points.push({ name: `${place} ${planted.what}`, file, ...planted, start: node.start, end: node.end });
    }
    for (const child of Object.values(node).flat()) if (isNode(child)) visit(child);
  };
  visit(parseAst(code) as unknown as Node);
  return points;
}

/** A name of a property that is no expression of its own is never a Literal: keys stand as they are. */
function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string';
}
