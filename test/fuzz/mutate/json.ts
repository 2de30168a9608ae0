/** Damage to JSON: to the values that it means, and to its text. */
import { faults, pick, type Random } from '../../helpers/random.ts';
import { encode, words } from './text.ts';

const values: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  [],
  {},
  [null],
  [[[]]],
  { '': '' },
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  `sha256:../../${'0'.repeat(58)}`,
  'x'.repeat(100_000),
  Array.from({ length: 5000 }, () => 0),
  ...words,
];

/** A copy: damage that follows would otherwise stay in the list, and close a circle in a later value. */
const anyValue = (random: Random) => structuredClone(pick(random, values));

/** Another value that differs in one to four places. */
export function mutateValue(sound: unknown, random: Random): unknown {
  return faults(random, 4, structuredClone(sound), (whole) => {
    const nodes = containers(whole);
    if (nodes.length === 0) return anyValue(random);
    const node = pick(random, nodes);
    const key = pick(random, Object.keys(node));
    const kind = random(8);
    if (kind === 0) return (withoutKey(node, key), whole);
    if (kind === 1) node[pick(random, words)] = anyValue(random);
    else if (kind === 2) node[key] = structuredClone(pick(random, nodes));
    else if (kind === 3) node[key] = [node[key]];
    else if (kind === 4) node[key] = structuredClone(node[pick(random, Object.keys(node))]);
    else node[key] = anyValue(random);
    return whole;
  });
}

type Container = Record<string, unknown>;

function withoutKey(node: Container, key: string): void {
  if (Array.isArray(node)) node.splice(Number(key), 1);
  else delete node[key];
}

/** Every object and array that holds something; a list is an object with numbers for keys. */
function containers(value: unknown): Container[] {
  if (value === null || typeof value !== 'object') return [];
  const below = Object.values(value).flatMap(containers);
  return Object.keys(value).length > 0 ? [value as Container, ...below] : below;
}

/** Of a parser: depth, repeated keys, what is no JSON. */
const traps: ((text: string) => string)[] = [
  (text) => '['.repeat(200_000) + text,
  (text) => `${'{"a":'.repeat(50_000)}${text}${'}'.repeat(50_000)}`,
  (text) => text.replace(/"(\w+)":/, '"$1":null,"$1":'),
  (text) => text.replace(/"(\w+)":/, '"__proto__":{"x":1},"$1":'),
  (text) => text.replace(/\d+/, '1e400'),
  (text) => text.replace(/\d+/, '0123'),
  (text) => text.replace(/,/, ',,'),
  (text) => `${text}${text}`,
  (text) => text.slice(0, text.length >> 1),
  () => '',
  () => 'null',
];

export function mutateJson(sound: unknown, random: Random): Buffer {
  if (random(5) > 0) return encode(JSON.stringify(mutateValue(sound, random)), random);
  return encode(pick(random, traps)(JSON.stringify(sound)), random);
}
