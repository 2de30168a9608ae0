/** Packages without digests, and signatures that a newer rpm does not accept: told as what they are. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type * as Confined from '../../../src/lib/host/confined.ts';
import { readHead } from '../../../src/lib/rpm/lead.ts';
import { verifyDigests, verifySignatures } from '../../../src/lib/rpm/package-signature.ts';
import { signatureTags } from '../../../src/lib/rpm/tags.ts';
import { build, familySpec, signingKey, type SigningKey } from '../../helpers/rpm/fixtures.ts';
import { packageFile } from '../../helpers/rpm/synthesize.ts';

/** What a newer rpmkeys than the host's says, where it is to say something. */
const said = vi.hoisted(() => ({ text: '' }));
vi.mock('../../../src/lib/host/confined.ts', async (original) => {
  const real = await original<typeof Confined>();
  const runConfined: typeof real.runConfined = async (program, args, ...rest) =>
    said.text !== '' && args.includes('--checksig')
      ? { exitCode: 1, stdout: said.text, stderr: '' }
      : real.runConfined(program, args, ...rest);
  return { ...real, runConfined };
});

let directory: string;
let key: SigningKey;
let signed: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mill-digests-'));
  key = await signingKey(directory, 'ours');
  [signed = ''] = await build(directory, familySpec(['a']));
  await key.sign([signed]);
});
afterAll(async () => {
  await key.close();
  await rm(directory, { recursive: true, force: true });
});

/** The same package with nothing in its signature header but this. */
async function only(name: string, withSignature: boolean): Promise<string> {
  const { header, signature, payloadOffset } = await readHead(signed);
  const payload = (await readFile(signed)).subarray(payloadOffset);
  const rsa = { ...signatureTags.RSA, values: [signature.bytes(signatureTags.RSA)!] };
  const path = join(directory, name);
  await writeFile(path, packageFile({ header: header.blob, signature: withSignature ? [rsa] : [], payload }));
  return path;
}

test('without digests: told as that, signed or not', async () => {
  const keys = [{ file: key.publicFile }];
  const bare = await only('signed.rpm', true);
  await expect(verifySignatures([signed], { keys })).resolves.toHaveLength(1);
  await expect(verifySignatures([bare], { keys })).rejects.toMatchObject({
    details: {
      packages: [{ problem: 'no-digest', message: expect.stringContaining('Header SHA256 digest') }],
    },
  });
  await expect(verifyDigests([await only('unsigned.rpm', false)])).rejects.toMatchObject({
    details: { packages: [{ problem: 'no-digest' }] },
  });
});

/** As rpm 4.20 and 6 write it. */
const words = [
  [
    'Header V4 RSA/SHA1 Signature, key ID %: NOTTRUSTED (Policy rejected non-revocation signature: SHA1 is not considered secure)',
    /SHA1 is not considered secure/,
  ],
  ['Header OpenPGP V4 DSA/SHA1 signature, key fingerprint: %: NOTTRUSTED', /DSA\/SHA1/],
  ['Header V4 EdDSA/SHA512 Signature, key ID %: UNKNOWN', /EdDSA/],
] as const;

test.each(words)('%s', async (line, told) => {
  const id = key.fingerprint.slice(-16).toLowerCase();
  said.text = `${signed}:\n    ${line.replace('%', id)}\n    Payload SHA256 digest: OK\n`;
  try {
    await expect(verifySignatures([signed], { keys: [{ file: key.publicFile }] })).rejects.toMatchObject({
      details: { packages: [{ problem: 'untrusted-signature', message: expect.stringMatching(told) }] },
    });
  } finally {
    said.text = '';
  }
});
