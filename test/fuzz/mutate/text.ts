/** Damage to documents below their compression: the words, the structure, and what parsers of each kind stumble over. */
import { faults, pick, type Random } from '../../helpers/random.ts';
import { damage } from './bytes.ts';

/** Values that are something else to a reader of another kind. */
export const words = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  '4294967296',
  '18446744073709551616',
  '9'.repeat(400),
  '../../../etc/passwd',
  '/',
  'file:///etc/passwd',
  'https://[::1]:99999/',
  '\u0000',
  '\n',
  '\u202e',
  '%s%n',
  '__proto__',
  'constructor',
  '*',
  'a'.repeat(70_000),
  '('.repeat(500),
  '(a if '.repeat(40),
  'sha256',
  'é\ud800',
];

/** A document of another encoding than it says, or of none. */
const encodings: ((text: string) => Buffer)[] = [
  (text) => Buffer.from(text, 'utf16le'),
  (text) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
  (text) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
  (text) => Buffer.from(text.replace(/encoding="[^"]*"/, 'encoding="ISO-8859-1"')),
  (text) => Buffer.from(text.replace(/encoding="[^"]*"/, 'encoding="UTF-16"')),
  (text) => Buffer.from(text.replace(/encoding="[^"]*"/, 'encoding="none"')),
];

/** Bytes that are no UTF-8: cut short, overlong, a surrogate, beyond the last character. */
const malformed = ['c3', 'c0af', 'eda080', 'f4908080', 'ff', '00', '80'];

/** Whatever the text has become, as bytes; some of them wrong as such. */
export function encode(text: string, random: Random): Buffer {
  const kind = random(12);
  if (kind === 0) return pick(random, encodings)(text);
  const bytes = Buffer.from(text);
  if (kind === 1) return damage(bytes, random);
  if (kind !== 2) return bytes;
  const at = random(bytes.length);
  const wrong = Buffer.from(pick(random, malformed), 'hex');
  return Buffer.concat([bytes.subarray(0, at), wrong, bytes.subarray(at)]);
}

/** Lines of YAML or of a mirror list: left out, repeated, moved, indented otherwise, with another value. */
export function mutateLines(document: string, random: Random): Buffer {
  const lines = faults(random, 2, document.split('\n'), (list) => {
    const at = random(list.length);
    const line = list[at] ?? '';
    switch (random(9)) {
      case 0:
        return list.toSpliced(at, 1);
      case 1:
        return list.toSpliced(at, 0, line);
      case 2:
        return list.toSpliced(at, 1, `${' '.repeat(random(9))}${line.trimStart()}`);
      case 3:
        return list.toSpliced(
          at,
          1,
          line.replace(/(:\s*|-\s+|^)\S*$/, `$1${JSON.stringify(pick(random, words))}`),
        );
      case 4:
        return list.toSpliced(at, 1, line.replace(/(:\s*|-\s+|^)\S*$/, `$1${pick(random, words)}`));
      case 5:
        return list.toSpliced(random(list.length), 0, line);
      case 6:
        return list.toSpliced(at, 0, pick(random, yamlTraps));
      case 7:
        return list.slice(0, at);
      default:
        return list.toSpliced(at, 1, line.replace(/\S+/, (pick(random, list) ?? '').trim()));
    }
  });
  return encode(lines.join('\n'), random);
}

const anchors = Array.from({ length: 30 }, (_, i) => `x${i + 1}: &x${i + 1} [${`*x${i},`.repeat(10)}]`);
const yamlTraps = [
  '---',
  '...',
  '%YAML 9.9',
  '\t- tab',
  '? {a: b}',
  '<<: *nothing',
  '&a [*a]',
  '!!js/function x',
  '!!binary "////"',
  `x0: &x0 [a]\n${anchors.join('\n')}`,
  '['.repeat(20_000),
  '- '.repeat(5000),
  '{a: '.repeat(3000),
];
