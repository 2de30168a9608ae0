/**
 * The packages that the tests of the commands work on, built once for each state of the files in this directory:
 * a userland of one busybox, packages that fail, packages that mean harm, and what is done to packages on the way.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File, sha256Text } from '../../../spec/digest.ts';
import { cache, temporary, withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild, rpmbuildKey } from '../../../spec/rpmbuild.ts';
import { signAsVersion6 } from '../../../spec/signature-v6.ts';
import { closeKey, createKey, exportKey, signPackages, type SigningKey } from '../../../spec/signing.ts';
import { run } from '../../../src/lib/host/exec.ts';

export interface Tiny {
  /** Every sound package, signed by `key`: NAME-VERSION-RELEASE.ARCH.rpm. */
  packages: string;
  /** What was done to tiny-app on the way: a directory for each damage, with the one package. */
  damaged: string;
  /** Public key of the packages; somebody else's. */
  key: string;
  strangerKey: string;
  /**
   * A directory of the host that hostile packages point links at; tests put something there and look at it again.
   * Its name is as old as the packages: no other checkout's tests use it.
   */
  outside: string;
}

/** Seconds: 2024-01-01. */
const epoch = 1_704_067_200;
const here = import.meta.dirname;
const store = join(cache, 'tiny');
const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
export const appFile = `tiny-app-1.0-1.${architecture}.rpm`;

/** Builds what is not there; several test processes may ask at once. */
export async function tinyPackages(): Promise<Tiny> {
  // In a virtual machine, whose root is another disk, it takes long to build others.
  const place = process.env['MILLINER_TINY'] ?? (await placeOfBuilt());
  return {
    packages: join(place, 'packages'),
    damaged: join(place, 'damaged'),
    key: join(place, 'keys', 'tiny'),
    strangerKey: join(place, 'keys', 'stranger'),
    outside: await readFile(join(place, 'outside'), 'utf8'),
  };
}

async function placeOfBuilt(): Promise<string> {
  const place = join(store, (await sourcesKey()).slice(0, 16));
  if (!existsSync(place)) {
    await withWorkPlace(async () => {
      if (!existsSync(place)) await build(place);
    });
  }
  return place;
}

async function sourcesKey(): Promise<string> {
  const names = (await readdir(here)).toSorted();
  const digests = await Promise.all(names.map(async (name) => [name, await sha256File(join(here, name))]));
  return sha256Text(JSON.stringify([digests, await rpmbuildKey(), rootDevice(), await busybox()]));
}

async function build(place: string): Promise<void> {
  const work = `${place}.tmp`;
  // What was built from other sources serves nobody any more.
  await rm(store, { recursive: true, force: true });
  const packages = join(work, 'packages');
  await mkdir(packages, { recursive: true });
  const outside = `/var/tmp/milliner-tests-${randomBytes(6).toString('hex')}`;
  await writeFile(join(work, 'outside'), outside);
  const key = await createKey('Tiny <tiny@milliner.invalid>');
  const stranger = await createKey('Stranger <stranger@milliner.invalid>');
  try {
    const defines = { outside, ...keyMaterial() };
    const paths = { busybox: await busybox(), programs: await compilePrograms() };
    for (const name of ['tiny', 'scriptlets', 'hostile']) {
      await rpmbuild({ spec: join(here, `${name}.spec`), sources: here, epoch, defines, paths }, packages);
    }
    await damage(packages, join(work, 'damaged'), key, stranger);
    await signPackages(key, await rpmsIn(packages));
    await exportKey(key, join(work, 'keys'), 'tiny');
    await exportKey(stranger, join(work, 'keys'), 'stranger');
    await rename(work, place);
  } finally {
    await closeKey(key);
    await closeKey(stranger);
    await rm(work, { recursive: true, force: true });
  }
}

async function rpmsIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.rpm'));
  return names.map((name) => join(directory, name));
}

type Change = (path: string, keys: { key: SigningKey; stranger: SigningKey }) => Promise<void>;

const damages: Record<string, Change> = {
  unsigned: async () => {},
  stranger: (path, { stranger }) => signPackages(stranger, [path]),
  'signed-v6': signed(signAsVersion6),
  'payload-flipped': signed((rpm) => flipped(rpm, rpm.length - 2000)),
  'header-flipped': signed((rpm) => flipped(rpm, rpm.indexOf('One of everything'))),
  'unsigned-flipped': (path) => change(path, (rpm) => flipped(rpm, rpm.length - 2000)),
  truncated: signed((rpm) => rpm.subarray(0, rpm.length - 5000)),
  'truncated-in-header': signed((rpm) => rpm.subarray(0, 1500)),
  empty: signed(() => Buffer.alloc(0)),
  'not-an-rpm': signed(() => Buffer.from('<html>404</html>'.repeat(100))),
};

async function damage(packages: string, output: string, key: SigningKey, stranger: SigningKey) {
  for (const [name, apply] of Object.entries(damages)) {
    await mkdir(join(output, name), { recursive: true });
    const path = join(output, name, appFile);
    await copyFile(join(packages, appFile), path);
    await apply(path, { key, stranger });
  }
}

function signed(edit: (rpm: Buffer) => Buffer): Change {
  return async (path, { key }) => {
    await signPackages(key, [path]);
    await change(path, edit);
  };
}

async function change(path: string, edit: (rpm: Buffer) => Buffer): Promise<void> {
  await writeFile(path, edit(await readFile(path)));
}

function flipped(rpm: Buffer, at: number): Buffer {
  const copy = Buffer.from(rpm);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

export async function busybox(): Promise<string> {
  const places = ['/bin/busybox', '/usr/bin/busybox', '/usr/sbin/busybox'];
  const found = places.find((path) => existsSync(path));
  if (!found) throw new Error('no busybox: install busybox-static');
  return found;
}

async function compilePrograms(): Promise<string> {
  const directory = await temporary('programs');
  const { major, minor } = rootDevice();
  const flags = ['-static', '-Wall', '-Werror', '-O1', `-DROOT_MAJOR=${major}`, `-DROOT_MINOR=${minor}`];
  for (const name of ['escape', 'connect', 'greedy']) {
    await run('gcc', [...flags, '-o', join(directory, name), join(here, `${name}.c`)]);
  }
  return directory;
}

/** The disk that the host's files lie on, as makedev(3) took it together. */
function rootDevice(): { major: number; minor: number } {
  const { dev } = statSync('/');
  return { major: (dev >> 8) & 0xfff, minor: (dev & 0xff) | ((dev >> 12) & 0xfff00) };
}

/** Real keys, made for this build alone, in base64. */
function keyMaterial(): Record<string, string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const base64 = (value: string | Buffer) => Buffer.from(value).toString('base64');
  const body = base64(Buffer.concat([Buffer.from('openssh-key-v1\0none'), randomBytes(256)]));
  const openssh = ['BEGIN', 'END'].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return {
    key_pem: base64(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    key_der: base64(privateKey.export({ type: 'sec1', format: 'der' })),
    key_openssh: base64([openssh[0], ...(body.match(/.{1,70}/g) ?? []), openssh[1], ''].join('\n')),
    key_public: base64(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}
