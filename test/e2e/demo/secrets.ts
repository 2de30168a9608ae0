/** Secrets in every form that a program may let them out in, and the places where they are looked for. */
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { dataOf } from '../../helpers/sparse-file.ts';

export class Secrets {
  readonly #needles: { name: string; needle: Buffer }[] = [];

  /** Parts of it count as well. */
  add(name: string, secret: Buffer, { parts = 2 } = {}): void {
    const length = Math.ceil(secret.length / parts);
    for (let start = 0; start < secret.length; start += length) {
      for (const form of formsOf(secret.subarray(start, start + length))) {
        this.#needles.push({ name, needle: Buffer.from(form) });
      }
    }
  }

  /** Names of those that it holds. */
  in(content: Buffer): string[] {
    const joined = withoutBreaks(content);
    const found = this.#needles.filter(({ needle }) => content.includes(needle) || joined?.includes(needle));
    return [...new Set(found.map(({ name }) => name))];
  }

  /** `NAME in PATH`, for what lies below a directory and for how it is called. */
  async below(directory: string): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isFile()
        ? await dataOf(path)
        : Buffer.from(entry.isSymbolicLink() ? await readlink(path) : '');
      for (const name of this.in(Buffer.concat([Buffer.from(`${path}\0`), content]))) {
        found.push(`${name} in ${path}`);
      }
    }
    return found;
  }
}

/** As it is, as text of its bytes, and as part of something longer that is in base64. */
function formsOf(bytes: Buffer): (Buffer | string)[] {
  const text = bytes.toString();
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].map((before) => base64After(bytes, before));
  return [
    bytes,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    hex,
    hex.toUpperCase(),
    [...bytes].join(','),
    ...base64,
    ...base64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

/** The letters that depend on nothing but these bytes, where so many others stand before them. */
function base64After(bytes: Buffer, before: number): string {
  const all = Buffer.concat([Buffer.alloc(before), bytes]);
  const first = Math.ceil((before * 8) / 6);
  return all.toString('base64').slice(first, Math.floor((all.length * 8) / 6));
}

/** PEM has lines, also within JSON; Node shows bytes with blanks, and others with colons between them. */
function withoutBreaks(content: Buffer): Buffer | undefined {
  if (content.subarray(0, 8192).includes(0)) return undefined;
  return Buffer.from(content.toString('latin1').replaceAll(/\\[nr]|[\s:]/g, ''), 'latin1');
}
