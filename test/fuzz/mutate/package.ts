/** Damage to packages: to a file as it lies there, and to values under digests that are right again. */
import { extremes, faults, pick, type Random } from '../../helpers/random.ts';
import type { Draft } from '../mutants/draft.ts';
import { damage } from './bytes.ts';

const entrySize = 16;
const magicSize = 8;
const leadSize = 96;

/** Faults in the lead, in one of the two headers, in the payload, or anywhere. */
export function mutateFile(rpm: Buffer, random: Random): Buffer {
  const signature = headerAt(rpm, leadSize);
  const main = mainHeader(rpm);
  const replaced = ({ start, end }: Span, change: (bytes: Buffer) => Buffer) =>
    Buffer.concat([rpm.subarray(0, start), change(rpm.subarray(start, end)), rpm.subarray(end)]);
  const kind = random(20);
  if (kind < 2) return replaced({ start: 0, end: leadSize }, (bytes) => damage(bytes, random));
  if (kind < 6) return replaced(signature, (bytes) => mutateHeader(bytes, random));
  if (kind < 15) return replaced(main, (bytes) => mutateHeader(bytes, random));
  if (kind < 19) return replaced({ start: main.end, end: rpm.length }, (bytes) => damage(bytes, random));
  return damage(rpm, random);
}

/** Faults in the payload alone: its reader gets each of them. */
export const damagePayload = (rpm: Buffer, random: Random): Buffer =>
  damage(rpm, random, mainHeader(rpm).end);

function mainHeader(rpm: Buffer): Span {
  const { end } = headerAt(rpm, leadSize);
  return headerAt(rpm, end + (-end & 7));
}

interface Span {
  start: number;
  end: number;
}

/** Of a header without its magic. */
function headerAt(rpm: Buffer, at: number): Span {
  const start = at + magicSize;
  return { start, end: start + 8 + rpm.readUInt32BE(start) * entrySize + rpm.readUInt32BE(start + 4) };
}

/** A header blob with faults in its counts, its index, its store; as long as before, but where bytes are lost. */
export function mutateHeader(blob: Buffer, random: Random): Buffer {
  return faults<Buffer>(random, 2, blob, (bytes) => {
    const count = blob.readUInt32BE(0);
    const store = 8 + count * entrySize;
    const kind = random(16);
    const copy = Buffer.from(bytes);
    const put = (at: number, value: number) => {
      if (at + 4 <= copy.length) copy.writeUInt32BE(value >>> 0, at);
      return copy;
    };
    const number = (at: number) => (at + 4 <= copy.length ? copy.readUInt32BE(at) : 0);
    const field = 8 + random(count) * entrySize + random(4) * 4;
    if (kind === 0) return put(random(2) * 4, pick(random, extremes));
    if (kind === 1) return put(random(2) * 4, number(0) + random(5) - 2);
    if (kind < 5) return put(field, pick(random, extremes));
    if (kind < 8) return put(field, number(field) + random(9) - 4);
    if (kind < 10) return put(field, number(8 + random(count) * entrySize + ((field - 8) & 12)));
    if (kind === 10) return put(field, -number(field));
    if (kind === 11) return swapEntries(copy, random(count), random(count));
    if (kind === 12) return put(copy.length - entrySize + random(4) * 4, pick(random, extremes));
    // A terminator that is none, or one too many.
    const at = store + random(copy.length - store);
    if (kind < 15 && at < copy.length) return copy.fill(copy[at] === 0 ? 0x41 : 0, at, at + 1);
    return damage(copy, random, Math.min(store, copy.length - 1));
  });
}

function swapEntries(bytes: Buffer, one: number, other: number): Buffer {
  const at = (index: number) => bytes.subarray(8 + index * entrySize, 8 + (index + 1) * entrySize);
  const kept = Buffer.from(at(one));
  at(other).copy(at(one));
  kept.copy(at(other));
  return bytes;
}

const numbers = [
  0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 0x8000, 0o120777, 0o040755, 0o020666, 0o106755,
];
const words = [
  '',
  '.',
  '..',
  '/',
  '../../../../tmp',
  '/opt/n/outside',
  'opt',
  'a',
  '\u00ff',
  'root',
  ' ',
  '%{_tmppath}',
  // Longer than any file system's names.
  'n'.repeat(256),
];

/** Any value of any tag that is not spared, any number of the archive; every digest is right. */
export function mutateDraft(draft: Draft, random: Random, spared: ReadonlySet<number>): void {
  for (let fault = random(3); fault >= 0; fault -= 1) {
    if (random(3) === 0) {
      const member = pick(random, draft.archive);
      const at = random(12);
      member.fields[at] = random(2) === 0 ? pick(random, numbers) : pick(random, draft.archive).fields[at]!;
      continue;
    }
    const entry = pick(
      random,
      draft.header.filter(({ tag, type }) => !spared.has(tag) && type !== 'binary'),
    );
    const at = random(entry.values.length);
    const isNumber = typeof entry.values[0] === 'number';
    const other =
      random(2) === 0
        ? pick(random, entry.values)
        : pick<number | string>(random, isNumber ? numbers : words);
    const values = random(8) === 0 ? entry.values.toSpliced(at, 1) : entry.values.with(at, other);
    draft.header = draft.header.filter((one) => one !== entry);
    if (values.length > 0) draft.header.push({ ...entry, values });
  }
}
