/** The same for C++, from its source text. What does not compile is found by the compiler, and is no fault. */
import { parser } from '@lezer/cpp';
import { commonOperators, otherText, type Planted, type Point, placeIn } from './points.ts';

type Node = ReturnType<typeof parser.parse>['topNode'];
type Plant = (node: Node, text: (node: Node) => string) => Planted | undefined;

const operators: Record<string, string> = {
  ...commonOperators,
  '==': '!=',
  '!=': '==',
  '/': '*',
  '|=': '&=',
  '<<=': '>>=',
  '>>=': '<<=',
  '++': '--',
  '--': '++',
};

const operator: Plant = (node, text) => {
  const sign = text(node);
  if (node.parent?.name === 'UnaryExpression') return { replacement: '', what: `${sign} removed` };
  const other = operators[sign];
  return other === undefined ? undefined : { replacement: other, what: `${sign} to ${other}` };
};

const removed: Plant = ({ name }) => ({ replacement: ';', what: `${name} removed` });

const opposite: Plant = (node, text) => {
  const other = String(text(node) !== 'true');
  return { replacement: other, what: `${text(node)} to ${other}` };
};

const plants: Record<string, Plant> = {
  ArithOp: operator,
  BitOp: operator,
  CompareOp: operator,
  LogicOp: operator,
  UpdateOp: operator,
  True: opposite,
  False: opposite,
  BreakStatement: removed,
  ContinueStatement: removed,
  ExpressionStatement: removed,
  Number: (node, text) => ({ replacement: `(${text(node)} + 1)`, what: `${text(node)} and 1` }),
  String: quoted,
  CharLiteral: quoted,
  ConditionalExpression: (node, text) => {
    const [condition, first, second] = expressionsIn(node).map(text);
    if (second === undefined) return undefined;
    return { replacement: `((${condition}) ? (${second}) : (${first}))`, what: 'branches swapped' };
  },
};

function quoted(node: Node, text: (node: Node) => string): Planted {
  const [quote, inner] = [text(node).slice(-1), text(node).slice(1, -1)];
  // An escape sequence has no last character of its own.
  const isEscaped = node.lastChild?.to === node.to - 1;
  const other = isEscaped ? (quote === "'" ? 'x' : `${inner}x`) : otherText(inner);
  return { replacement: `${quote}${other}${quote}`, what: `${text(node)} changed` };
}

function expressionsIn(node: Node): Node[] {
  const found: Node[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling)
    if (!['LineComment', 'BlockComment', '?', ':'].includes(child.name)) found.push(child);
  return found;
}

/** Functions that throw: their callers have refused already, and say why. */
export function refusing(code: string): string[] {
  return [...code.matchAll(/\[\[noreturn\]\][^(]*?(\w+)\(/g)].map(([, name]) => name!);
}

const spared = new Set(['PreprocDirective', 'ThrowStatement', 'Attribute', 'LinkageSpecification']);

/** In the order of the code. `refusals`: names of functions of which nothing is planted in calls and definition. */
export function cppPointsOf(file: string, code: string, refusals: ReadonlySet<string>): Point[] {
  const points: Point[] = [];
  const text = ({ from, to }: Node) => code.slice(from, to);
  const refuses = (node: Node): boolean => {
    if (node.name === 'ExpressionStatement') return node.firstChild !== null && refuses(node.firstChild);
    if (node.name === 'FunctionDefinition') return text(node).startsWith('[[noreturn]]');
    return node.name === 'CallExpression' && refusals.has(text(node.firstChild!));
  };
  const visit = (node: Node): void => {
    if (spared.has(node.name) || refuses(node)) return;
    const planted = plants[node.name]?.(node, text);
    if (planted) {
      const name = `${placeIn(file, code, node.from)} ${planted.what}`;
      points.push({ name, file, ...planted, start: node.from, end: node.to });
    }
    for (let child = node.firstChild; child; child = child.nextSibling) visit(child);
  };
  visit(parser.parse(code).topNode);
  return points;
}
