/** A repository of a distribution's size: the demo repository's records over and over, each time under other names. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, gunzipSync } from 'node:zlib';
import { parseRepomd } from '../../src/stages/repo/repomd.ts';
import { cache } from '../helpers/demo-recipes.ts';

const packages = 70_000;
const demo = join(cache, 'repository/packages');
const version = 3;

/** Everything in a record that names: a text with holes, each for the copy's suffix or for its package id. */
interface Template {
  pieces: string[];
  /** Where the hole before the next piece is for an id: the id of the original. */
  ids: (string | undefined)[];
}

const named =
  /<name>[^<]+(?=<)|<file[^>]*>[^<]+(?=<)|<rpm:entry name="(?!rpmlib\()[^"]+(?=")|<location href="[^"]+?(?=-[^-"]+-[^-"]+\.rpm")|<rpm:sourcerpm>[^<]+?(?=-[^-<]+-[^-<]+\.src)|(?<=pkgid="YES">|pkgid=")[0-9a-f]{64}|(?<= name=")[^"(]+(?=" arch=)/g;

function templateOf(record: string): Template {
  const template: Template = { pieces: [], ids: [] };
  let from = 0;
  const hole = (end: number, next: number, id?: string) => {
    template.pieces.push(record.slice(from, end));
    template.ids.push(id);
    from = next;
  };
  for (const match of record.matchAll(named)) {
    const end = match.index + match[0].length;
    if (/^[0-9a-f]{64}$/.test(match[0])) hole(match.index, end, match[0]);
    else if (match[0].startsWith('<rpm:entry name="(')) {
      // A rich dependency: each of its words is a name but for operators and what a version is compared with.
      const start = match.index + '<rpm:entry name="'.length;
      const words = record
        .slice(start, end)
        .matchAll(/(?<=(?<!(?:[<>=]|&[lg]t;)) |\()[^\s()]+(?:\([^\s()]*\))*/g);
      for (const word of words) {
        if (/^(?:and|or|if|else|with|without|unless|=|[<>]=?|&[lg]t;=?)$/.test(word[0])) continue;
        hole(start + word.index + word[0].length, start + word.index + word[0].length);
      }
    } else hole(end, end);
  }
  template.pieces.push(record.slice(from));
  return template;
}

function copyOf({ pieces, ids }: Template, copy: number): string {
  if (copy === 0) return pieces.map((piece, index) => piece + (ids[index] ?? '')).join('');
  return pieces
    .map((piece, index) => {
      if (index === pieces.length - 1) return piece;
      const id = ids[index];
      return (
        piece + (id === undefined ? `.x${copy}` : createHash('sha256').update(`${id} ${copy}`).digest('hex'))
      );
    })
    .join('');
}

/** The document with all of its records copied; the count in its head is what it then holds. */
function* multiplied(document: string): Generator<string> {
  const start = document.indexOf('<package ');
  const end = document.lastIndexOf('</package>') + '</package>'.length;
  const records = document.slice(start, end).split(/(?<=<\/package>)\s*/);
  const templates = records.map(templateOf);
  yield document.slice(0, start).replace(/packages="\d+"/, `packages="${packages}"`);
  for (let made = 0; made < packages; made++) {
    yield `${copyOf(templates[made % records.length]!, Math.floor(made / records.length))}\n`;
  }
  yield document.slice(end);
}

/** The directory of the repository; kept in .cache, and made anew where the demo repository is another one. */
export async function multipliedRepository(): Promise<string> {
  const repomd = readFileSync(join(demo, 'repodata/repomd.xml'));
  const key = createHash('sha256').update(`${version} ${packages}`).update(repomd).digest('hex').slice(0, 16);
  const directory = join(cache, `multiplied-${key}`);
  if (existsSync(directory)) return directory;
  const fresh = `${directory}.new`;
  await rm(fresh, { recursive: true, force: true });
  mkdirSync(join(fresh, 'repodata'), { recursive: true });
  // The first copy is the original: its packages are there to be fetched.
  for (const name of readdirSync(demo).filter((file) => file.endsWith('.rpm')))
    linkSync(join(demo, name), join(fresh, name));
  const { files } = parseRepomd(String(repomd), 'repomd.xml');
  const data: string[] = [];
  for (const type of ['primary', 'filelists'] as const) {
    const document = String(gunzipSync(readFileSync(join(demo, files.get(type)!.location))));
    data.push(await writeDocument(document, type, fresh));
  }
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">';
  await writeFile(
    join(fresh, 'repodata/repomd.xml'),
    `${head}<revision>1</revision>${data.join('')}</repomd>\n`,
  );
  await rename(fresh, directory);
  return directory;
}

async function writeDocument(document: string, type: string, directory: string): Promise<string> {
  const location = `repodata/${type}.xml.zst`;
  const open = createHash('sha256');
  let openSize = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      open.update(chunk);
      openSize += chunk.length;
      done(null, chunk);
    },
  });
  const path = join(directory, location);
  await pipeline(Readable.from(multiplied(document)), count, createZstdCompress(), createWriteStream(path));
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  const sum = (name: string, value: string) => `<${name} type="sha256">${value}</${name}>`;
  return `<data type="${type}">${sum('checksum', hash.digest('hex'))}${sum('open-checksum', open.digest('hex'))}<location href="${location}"/><timestamp>1700000000</timestamp><size>${(await stat(path)).size}</size><open-size>${openSize}</open-size></data>`;
}
