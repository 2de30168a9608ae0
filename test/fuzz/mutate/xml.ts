/** Damage to XML below its compression: elements, attributes, entities, and how deep they lie. */
import { faults, pick, type Random } from '../../helpers/random.ts';
import { encode, words } from './text.ts';

/** Tags and the text between them, as they stand. */
type Token = string;
type Fault = (tokens: Token[], random: Random) => Token[];

export function mutateXml(document: string, random: Random): Buffer {
  const tokens = faults<Token[]>(random, 3, document.match(/<[^>]*>|[^<]+/g) ?? [], (list) =>
    list.length === 0 ? list : pick(random, random(4) === 0 ? breaking : meaning)(list, random),
  );
  return encode(tokens.join(''), random);
}

const isOpening = (token: Token) => /^<[A-Za-z][^]*[^/]>$/.test(token);
const nameOf = (token: Token) => /^<\/?([^\s/>]+)/.exec(token)?.[1] ?? '';

/** Where the element ends that opens at a token; the token itself where it does not open one. */
function endOf(tokens: Token[], start: number): number {
  const name = nameOf(tokens[start]!);
  if (!isOpening(tokens[start]!)) return start;
  for (let at = start, depth = 0; at < tokens.length; at += 1) {
    if (nameOf(tokens[at]!) !== name || tokens[at]!.endsWith('/>')) continue;
    depth += tokens[at]!.startsWith('</') ? -1 : 1;
    if (depth === 0) return at;
  }
  return tokens.length - 1;
}

/** Of all tokens for which it holds, one. */
function find(tokens: Token[], random: Random, holds: (token: Token) => boolean): number {
  const from = random(tokens.length);
  for (let i = 0; i < tokens.length; i += 1) {
    const at = (from + i) % tokens.length;
    if (holds(tokens[at]!)) return at;
  }
  return from;
}

const anElement = (tokens: Token[], random: Random) => find(tokens, random, isOpening);
const hasAttribute = (token: Token) => /^<[A-Za-z][^]*="/.test(token);
const isText = (token: Token) => !token.startsWith('<') && token.trim() !== '';

function attribute(
  tokens: Token[],
  random: Random,
  change: (name: string, value: string) => string,
): Token[] {
  const at = find(tokens, random, hasAttribute);
  const all = [...tokens[at]!.matchAll(/ ([^\s=]+)="([^"]*)"/g)];
  if (all.length === 0) return tokens;
  const [whole, name = '', value = ''] = pick(random, all);
  return tokens.with(
    at,
    tokens[at]!.replace(whole, () => change(name, value)),
  );
}

const laughs = Array.from({ length: 12 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
const traps = [
  `<!DOCTYPE a [<!ENTITY l0 "ha">${laughs}]>`,
  '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
  '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
  '&l12;',
  '&x;',
  '&#0;',
  '&#x110000;',
  '&#xFFFFFFFFFFFFFFFF;',
  '&amp',
  '<![CDATA[ ]]',
  '<![CDATA[</package></metadata>]]>',
  '<!-- -- -->',
  '<!--',
  '<?xml version="9.9"?>',
  '<?x ?>',
  '</metadata>',
  '<a>'.repeat(10_000),
  `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`,
  `<a ${'b="" '.repeat(20_000)}/>`,
  `<${'n'.repeat(100_000)}/>`,
  '<rpm:entry xmlns:rpm="" name="x"/>',
];

/** The value, as it would be written; now and then as it is. */
const escaped = (value: string, random: Random) =>
  random(6) === 0 ? value : value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const aWord = (random: Random) => escaped(pick(random, words), random);

/** What leaves a document that parsers take. */
const meaning: Fault[] = [
  (tokens, random) => {
    const at = anElement(tokens, random);
    return tokens.toSpliced(at, endOf(tokens, at) - at + 1);
  },
  (tokens, random) => {
    const at = anElement(tokens, random);
    return tokens.toSpliced(at, 0, ...tokens.slice(at, endOf(tokens, at) + 1));
  },
  (tokens, random) => {
    const [at, to] = [anElement(tokens, random), anElement(tokens, random)];
    return tokens.toSpliced(to, 0, ...tokens.slice(at, endOf(tokens, at) + 1));
  },
  (tokens, random) => attribute(tokens, random, (name) => ` ${name}="${aWord(random)}"`),
  (tokens, random) => attribute(tokens, random, (name) => ` ${name}="${aWord(random)}"`),
  (tokens, random) => attribute(tokens, random, () => ''),
  (tokens, random) => {
    const other = tokens[find(tokens, random, hasAttribute)] ?? '';
    const values = [...other.matchAll(/="([^"]*)"/g)].map(([, value = '']) => value);
    return attribute(tokens, random, (name) => ` ${name}="${values.length > 0 ? pick(random, values) : ''}"`);
  },
  (tokens, random) => tokens.with(find(tokens, random, isText), aWord(random)),
  (tokens, random) => {
    const [from, to] = [find(tokens, random, isText), find(tokens, random, isText)];
    return tokens.with(from, tokens[to]!).with(to, tokens[from]!);
  },
];

/** What most parsers refuse. */
const breaking: Fault[] = [
  (tokens, random) => tokens.toSpliced(random(tokens.length), 1),
  (tokens, random) => tokens.slice(0, random(tokens.length)),
  (tokens, random) => tokens.with(random(tokens.length), pick(random, tokens)),
  (tokens, random) => tokens.toSpliced(random(tokens.length), 0, pick(random, traps)),
  // A document type is one only at the beginning.
  (tokens, random) => tokens.toSpliced(1, 0, pick(random, traps)),
  (tokens, random) => attribute(tokens, random, (name, value) => ` ${name}="${value}" ${name}="${value}"`),
  (tokens, random) => attribute(tokens, random, (name, value) => ` ${value || 'x'}="${name}"`),
];
