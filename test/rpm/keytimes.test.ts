/** Signatures by keys and subkeys that have expired, were revoked, or are not valid yet; gpg makes them at their times. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/host/exec.ts';
import type { MillinerError } from '../../src/errors.ts';
import { refusalOf } from '../../src/rpm/signingkey.ts';
import { verifySignatures, type BadPackage } from '../../src/rpm/signature.ts';
import { build, familySpec } from './fixtures.ts';

let directory: string;
let home: string;
let unsigned: string;
const env = () => ({ GNUPGHOME: home });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mill-times-'));
  home = join(directory, 'gpg');
  await mkdir(home, { mode: 0o700 });
  [unsigned = ''] = await build(directory, familySpec(['a']));
});
afterAll(async () => {
  await run('gpgconf', ['--kill', 'all'], { env: env() });
  await rm(directory, { recursive: true, force: true });
});

const at = (day: string) => ['--faked-system-time', `${day.replaceAll('-', '')}T000000!`];
const quiet = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];

async function gpg(day: string, args: string[], input = ''): Promise<string> {
  const { stdout } = await run('gpg', [...at(day), ...quiet, '--ignore-time-conflict', ...args], {
    env: env(),
    input,
  });
  return stdout;
}

interface Made {
  name: string;
  primary: string;
  /** Newest last. */
  subkeys: string[];
}

async function fingerprintsOf(name: string): Promise<string[]> {
  const listed = await gpg('2026-01-01', ['--with-colons', '--list-keys', name]);
  return [...listed.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, found]) => found!);
}

let count = 0;
/** A key that never expires, with subkeys that never do; what is to be of them comes after. */
async function key(created: string, subkeys: readonly string[] = []): Promise<Made> {
  const name = `key${++count}@example.com`;
  await gpg(created, ['--quick-generate-key', name, 'rsa2048', 'sign', 'never']);
  const [primary = ''] = await fingerprintsOf(name);
  for (const day of subkeys) await gpg(day, ['--quick-add-key', primary, 'rsa2048', 'sign', 'never']);
  return { name, primary, subkeys: (await fingerprintsOf(name)).slice(1) };
}

/** With a new self-signature, which a later day makes the one that counts. */
const expire = (today: string, { primary }: Made, day: string, ...subkeys: string[]) =>
  gpg(today, ['--quick-set-expire', primary, day, ...subkeys]);

const revoke = (made: Made, subkey: string) =>
  run('gpg', ['--command-fd', '0', '--no-tty', ...quiet.slice(1), '--edit-key', made.primary], {
    env: env(),
    input: `key ${subkey}\nrevkey\ny\n0\n\ny\nsave\n`,
  });

async function revokePrimary({ primary }: Made): Promise<void> {
  const { stdout } = await run('sed', ['s/^:---/---/', join(home, 'openpgp-revocs.d', `${primary}.rev`)]);
  await gpg('2026-01-01', ['--import'], stdout);
}

async function sign(day: string, signer: string): Promise<string> {
  const path = join(directory, `signed-${++count}.rpm`);
  await copyFile(unsigned, path);
  const defines = {
    __gpg: '/usr/bin/gpg',
    _gpg_name: `${signer}!`,
    _gpg_path: home,
    _gpg_sign_cmd_extra_args: `${at(day).join(' ')} --ignore-time-conflict`,
  };
  const args = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await run('rpmsign', [...args, '--addsign', path], { env: env() });
  return path;
}

async function exported({ primary }: Made): Promise<string> {
  const file = join(directory, `key-${++count}.asc`);
  await gpg('2026-01-01', ['--armor', '--output', file, '--export', primary]);
  return file;
}

/** `good`, or the problem. */
async function verdict(path: string, ...files: string[]): Promise<string> {
  try {
    await verifySignatures([path], { keys: files.map((file) => ({ file })) });
    return 'good';
  } catch (error) {
    const { details, message } = error as MillinerError;
    return (details.packages as BadPackage[] | undefined)?.[0]?.problem ?? message;
  }
}

test('an expired key, or subkey, counts for what was signed in time', async () => {
  const alone = await key('2020-01-01');
  const withSub = await key('2020-01-01', ['2020-01-02']);
  const expiredSub = await key('2020-01-01', ['2020-01-02']);
  const [subkey = ''] = withSub.subkeys;
  const [own = ''] = expiredSub.subkeys;
  const days = ['2020-02-01', '2020-05-31', '2020-06-02'];
  const signed = await Promise.all(
    [alone.primary, subkey, own, expiredSub.primary].map(async (signer) => {
      const paths: string[] = [];
      for (const day of days) paths.push(await sign(day, signer));
      return paths;
    }),
  );
  await expire('2020-01-15', alone, '2020-06-01');
  await expire('2020-01-15', withSub, '2020-06-01');
  await expire('2020-01-15', expiredSub, '2020-06-01', own);
  const files = [alone, withSub, expiredSub, expiredSub].map(exported);
  const found: string[][] = [];
  for (const [index, paths] of signed.entries()) {
    const file = await files[index]!;
    found.push([]);
    for (const path of paths) found[index]!.push(await verdict(path, file));
  }
  const inTime = ['good', 'good', 'expired-key'];
  expect(found).toEqual([inTime, inTime, inTime, ['good', 'good', 'good']]);
  // A copy of the key from before it was prolonged does no harm.
  const before = await files[0]!;
  await expire('2020-01-16', alone, '2040-01-01');
  expect(await verdict(signed[0]![2]!, before, await exported(alone))).toBe('good');
});

test('a revoked key counts for nothing, the others of its file still do', async () => {
  const made = await key('2020-01-01', ['2020-01-02', '2020-01-03']);
  const [first = '', second = ''] = made.subkeys;
  const paths = [
    await sign('2020-02-01', first),
    await sign('2020-02-01', second),
    await sign('2020-02-01', made.primary),
  ];
  await revoke(made, '1');
  const file = await exported(made);
  const found = [];
  for (const path of paths) found.push(await verdict(path, file));
  expect(found).toEqual(['revoked-key', 'good', 'good']);
  const named = await verifySignatures([paths[1]!], { keys: [{ file, fingerprint: made.primary }] });
  expect(named).toMatchObject([{ fingerprint: made.primary }]);
  await revokePrimary(made);
  const gone = await exported(made);
  for (const path of paths) expect(await verdict(path, gone)).toBe('revoked-key');
  // Nor does a copy from before it was.
  expect(await verdict(paths[1]!, file, gone)).toBe('revoked-key');
});

test('a key counts for nothing before it is valid', () => {
  const subkey = {
    fingerprint: 'AB',
    isRevoked: false,
    kind: 'RSA 4096',
    canSign: true,
    created: 1000,
    expires: 2000,
  };
  const times = [999, 1000, 1999, 2000].map((time) => refusalOf(subkey, time)?.problem);
  expect(times).toEqual(['early-key', undefined, undefined, 'expired-key']);
});
