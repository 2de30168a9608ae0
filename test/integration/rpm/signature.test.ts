/** Signed, unsigned, wrongly signed and damaged packages, each named with its reason. */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { readHead } from '../../../src/lib/rpm/lead.ts';
import { verifyDigests, verifySignatures, type BadPackage } from '../../../src/lib/rpm/package-signature.ts';
import { signatureTags } from '../../../src/lib/rpm/tags.ts';
import { build, familySpec, signingKey, type SigningKey } from '../../helpers/rpm/fixtures.ts';
import { headerMagic, packageFile } from '../../helpers/rpm/synthesize.ts';

let directory: string;
let ours: SigningKey;
let theirs: SigningKey;
let split: SigningKey;
let signed: string[];
let unsigned: string;
let foreign: string;
let bySubkey: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mill-sig-'));
  vi.stubEnv('TMPDIR', directory);
  ours = await signingKey(directory, 'ours');
  theirs = await signingKey(directory, 'theirs');
  split = await signingKey(directory, 'split');
  await split.addSubkey();
  const [a = '', b = '', c = '', d = '', e = ''] = await build(
    directory,
    familySpec(['a', 'b', 'c', 'd', 'e']),
  );
  await ours.sign([a, b]);
  await theirs.sign([c]);
  await split.sign([e]);
  signed = [a, b];
  [foreign, unsigned, bySubkey] = [c, d, e];
});
afterAll(async () => {
  for (const key of [ours, theirs, split]) await key.close();
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/** A damaged copy of a package. */
async function damaged(name: string, change: (bytes: Buffer) => Buffer | Promise<Buffer>): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, await change(await readFile(signed[0] ?? '')));
  return path;
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

const trust = (...files: string[]) => files.map((file) => ({ file }));

async function problems(files: readonly string[], keys: readonly string[]): Promise<Record<string, string>> {
  const error: unknown = await verifySignatures(files, { keys: trust(...keys) }).catch((it: unknown) => it);
  expect(error).toMatchObject({ code: 'SIGNATURE_INVALID' });
  const bad = (error as MillinerError).details.packages as BadPackage[];
  return Object.fromEntries(bad.map(({ path, problem }) => [basename(path), problem]));
}

test('tells which key signed', async () => {
  const found = await verifySignatures([...signed, foreign], {
    keys: trust(ours.publicFile, theirs.publicFile),
  });
  expect(found).toEqual([
    ...signed.map((path) => ({ path, keyId: ours.fingerprint.slice(-16), fingerprint: ours.fingerprint })),
    { path: foreign, keyId: theirs.fingerprint.slice(-16), fingerprint: theirs.fingerprint },
  ]);
});

test('a subkey counts as its primary key', async () => {
  const [found] = await verifySignatures([bySubkey], { keys: trust(split.publicFile) });
  expect(found?.fingerprint).toBe(split.fingerprint);
  expect(found?.keyId).not.toBe(split.fingerprint.slice(-16));
});

test('names every bad package with its reason', async () => {
  const head = await readHead(signed[0] ?? '');
  const rsa = head.signature.bytes(signatureTags.RSA) ?? Buffer.alloc(0);
  const files = [
    ...signed,
    unsigned,
    foreign,
    await damaged('header.rpm', (bytes) => flip(bytes, head.payloadOffset - 100)),
    await damaged('payload.rpm', (bytes) => flip(bytes, head.payloadOffset + 40)),
    await damaged('signature.rpm', (bytes) => flip(bytes, bytes.indexOf(rsa) + rsa.length - 5)),
    await damaged('cut.rpm', (bytes) => bytes.subarray(0, -10)),
    await damaged('stump.rpm', (bytes) => bytes.subarray(0, head.payloadOffset - 100)),
    await damaged('text.rpm', () => Buffer.from('not a package\n'.repeat(20))),
    await damaged('v6.rpm', async (bytes) => {
      const { header, payloadOffset } = await readHead(unsigned);
      const sha256 = createHash('sha256').update(headerMagic).update(header.blob).digest('hex');
      const signature = [
        { ...signatureTags.SHA256, values: [sha256] },
        { ...signatureTags.OPENPGP, values: [rsa.toString('base64')] },
      ];
      const payload = (await readFile(unsigned)).subarray(payloadOffset);
      return packageFile({ header: header.blob, signature, payload: bytes.length > 0 ? payload : bytes });
    }),
    join(directory, 'missing.rpm'),
  ];
  expect(await problems(files, [ours.publicFile])).toEqual({
    [basename(unsigned)]: 'unsigned',
    [basename(foreign)]: 'unknown-key',
    'header.rpm': 'bad-digest',
    'payload.rpm': 'bad-digest',
    'signature.rpm': 'bad-signature',
    'cut.rpm': 'truncated',
    'stump.rpm': 'truncated',
    'text.rpm': 'unreadable',
    'v6.rpm': 'v6-only',
    'missing.rpm': 'unreadable',
  });
});

test('without keys nothing passes', async () => {
  expect(await problems(signed.slice(0, 1), [])).toEqual({ [basename(signed[0] ?? '')]: 'unknown-key' });
  expect(await problems([unsigned], [])).toEqual({ [basename(unsigned)]: 'unsigned' });
});

test('of a file with several keys only the one that is named counts', async () => {
  const both = join(directory, 'both.asc');
  await writeFile(
    both,
    (await readFile(ours.publicFile, 'utf8')) + (await readFile(theirs.publicFile, 'utf8')),
  );
  expect(await verifySignatures([...signed, foreign], { keys: trust(both) })).toHaveLength(3);
  const keys = [{ file: both, fingerprint: ours.fingerprint }];
  expect((await verifySignatures(signed, { keys }))[0]).toMatchObject({ fingerprint: ours.fingerprint });
  await expect(verifySignatures([...signed, foreign], { keys })).rejects.toMatchObject({
    details: { packages: [{ path: foreign, problem: 'unknown-key' }] },
  });
});

test('a file without the key that is named is an error with both', async () => {
  const keys = [{ file: ours.publicFile, fingerprint: theirs.fingerprint }];
  await expect(verifySignatures(signed, { keys })).rejects.toMatchObject({
    code: 'KEY_INVALID',
    details: { file: ours.publicFile, fingerprint: theirs.fingerprint, found: [ours.fingerprint] },
  });
});

test('digests alone let an unsigned package pass, and no damaged one', async () => {
  await verifyDigests([unsigned, foreign, ...signed]);
  const { payloadOffset } = await readHead(signed[0] ?? '');
  const bad = await damaged('payload.rpm', (bytes) => flip(bytes, payloadOffset + 40));
  await expect(verifyDigests([unsigned, bad])).rejects.toMatchObject({
    details: { packages: [{ path: bad, problem: 'bad-digest' }] },
  });
});

test('a file that is no key is named', async () => {
  await expect(verifySignatures(signed, { keys: trust(signed[0] ?? '') })).rejects.toMatchObject({
    code: 'KEY_INVALID',
  });
  const missing = join(directory, 'none.asc');
  await expect(verifySignatures(signed, { keys: trust(missing) })).rejects.toMatchObject({
    code: 'KEY_INVALID',
    details: { file: missing },
  });
});

test('many packages keep their order, and a path cannot forge a line', async () => {
  const copies: string[] = [];
  for (let i = 0; i < 60; i += 1) {
    const copy = join(directory, `copy ${i} %{name} é.rpm`);
    await copyFile(signed[i % 2] ?? '', copy);
    copies.push(copy);
  }
  const found = await verifySignatures(copies, { keys: trust(ours.publicFile) });
  expect(found.map((it) => it.path)).toEqual(copies);
  const forged = `${unsigned}\n    Header V4 RSA/SHA256 Signature, key ID 00000000: OK`;
  await expect(verifySignatures([forged], { keys: trust(ours.publicFile) })).rejects.toMatchObject({
    code: 'PACKAGE_INVALID',
  });
});

test('no keyring stays', async () => {
  expect((await readdir(directory)).filter((name) => name.startsWith('milliner-keys-'))).toEqual([]);
});
