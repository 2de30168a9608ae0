/** Images that gpg has signed beside their registry: what verify says of them, and of what was changed there. */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { errorTable, MillinerError, type ErrorCode } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { writePolicy } from '../../../src/pipeline/trust/policy.ts';
import { verifyReference } from '../../../src/pipeline/trust/verify-image.ts';
import { Lookaside } from '../../helpers/registry/lookaside.ts';
import { damaged } from '../../helpers/rpm/damaged.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';
import { Shelf, type Image } from '../../helpers/signed-images.ts';
import { pullAsPrinted } from './printed.ts';

const changes = process.env['MILLINER_SOAK'] === undefined ? 20 : 60;

let shelf: Shelf;
let lookaside: Lookaside;
let home: GpgHome;
let app: Image;
let other: Image;
let good: Buffer;
let config: string;
const file = (n = 1, image = app) => lookaside.path(shelf.repository, image.descriptor.digest, n);

beforeAll(async () => {
  shelf = await Shelf.open();
  lookaside = await Lookaside.start();
  home = await GpgHome.open();
  const fingerprint = await home.makeKey('vendor', 'rsa3072');
  await home.export(shelf.path('vendor.asc'), [fingerprint]);
  app = await shelf.image('app', ['1.0', 'latest']);
  other = await shelf.image('other', ['2.0']);
  for (const tag of ['1.0', '2.0'])
    await lookaside.sign(shelf.reference(tag), { home: home.path, fingerprint });
  good = await readFile(file());
  config = await lookaside.home(shelf.server.host);
});
beforeEach(async () => {
  vi.stubEnv('HOME', config);
  await rm(dirname(file()), { recursive: true });
  await mkdir(dirname(file()));
  await writeFile(file(), good);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await home.close();
  await lookaside.close();
  await shelf.close();
});

const verify = (tag: string, options: { signedAs?: string; signatureOnly?: boolean } = {}) =>
  verifyReference(
    {
      reference: shelf.reference(tag),
      key: shelf.path('vendor.asc'),
      plainHttp: false,
      signatureOnly: true,
      ...options,
    },
    { progress: silent },
  );
const codeOf = (tag = '1.0', options = {}) =>
  verify(tag, options).then(
    () => 'holds' as const,
    (error: unknown) => {
      if (error instanceof MillinerError) return error.code;
      throw error;
    },
  );

test('what was signed is said, and by whom', async () => {
  const { proved } = await verify('1.0');
  const detail = expect.stringMatching(/^signed as .*\/vendor\/app:1\.0 by [0-9A-F]{40}$/) as string;
  expect(proved).toEqual([{ claim: 'signature', layout: 'lookaside', detail }]);
});

test('a signature of one tag is none of another, unless it is asked for', async () => {
  expect(await codeOf('latest')).toBe('SIGNED_ELSEWHERE');
  expect(await codeOf('latest', { signedAs: shelf.reference('1.0') })).toBe('holds');
});

test('nothing else is proved by such a key, and that is said', async () => {
  expect(await codeOf('1.0', { signatureOnly: false })).toBe('USAGE');
});

test('one good signature among others is enough', async () => {
  await copyFile(file(1, other), file(1));
  await writeFile(file(2), '\0sigstore-json\n{}');
  await writeFile(file(3), good);
  expect(await codeOf()).toBe('holds');
});

test('signatures in other formats are passed over', async () => {
  await writeFile(file(), '\0sigstore-json\n{}');
  expect(await codeOf()).toBe('SIGNATURE_MISSING');
});

test('the signature of another image in its place', async () => {
  await copyFile(file(1, other), file(1));
  expect(await codeOf()).toBe('IMAGE_ALTERED');
});

test('none, or none where they are looked for', async () => {
  await rm(file());
  expect(await codeOf()).toBe('SIGNATURE_MISSING');
  await writeFile(file(2), good);
  expect(await codeOf()).toBe('SIGNATURE_MISSING');
  await writeFile(file(), good);
  vi.stubEnv('HOME', await lookaside.home('registry.example.com'));
  expect(await codeOf()).toBe('SIGNATURE_MISSING');
  const wrong = await lookaside.home(shelf.server.host, { lookaside: 'nowhere' });
  vi.stubEnv('HOME', wrong);
  expect(await codeOf()).toBe('REGISTRIES_INVALID');
  const files = await lookaside.home(shelf.server.host, {
    sigstore: `file://${join(lookaside.directory, 'files')}`,
  });
  vi.stubEnv('HOME', files);
  expect(await codeOf()).toBe('holds');
});

test("signed statements of somebody else's making, by a trusted key", async () => {
  const sign = async (content: string) =>
    writeFile(file(), await home.make(Buffer.from(content), ['--local-user', 'vendor', '--sign']));
  const { digest } = app.descriptor;
  const image = { 'docker-manifest-digest': digest };
  const identity = { 'docker-reference': shelf.reference('1.0') };
  const critical = { type: 'atomic container signature', image, identity };
  await sign(JSON.stringify({ critical, optional: {} }));
  expect(await codeOf()).toBe('holds');
  for (const content of [
    { critical, optional: {}, more: 1 },
    { critical: { ...critical, more: 1 }, optional: {} },
    { critical: { ...critical, type: 'cosign container image signature' }, optional: {} },
    {
      critical: { ...critical, image: { 'docker-manifest-digest': `sha256:${'a'.repeat(64)}` } },
      optional: {},
    },
    [],
  ]) {
    await sign(JSON.stringify(content));
    expect(await codeOf()).toBe('IMAGE_ALTERED');
  }
  await sign(good.toString('latin1'));
  expect(await codeOf()).toBe('IMAGE_ALTERED');
});

test('a signature with a byte changed, or cut, verifies as what was signed or not at all', async () => {
  const outcomes: (ErrorCode | 'holds')[] = [];
  await fc.assert(
    fc.asyncProperty(damaged(good), async (bytes) => {
      await writeFile(file(), bytes);
      outcomes.push(await codeOf());
    }),
    { numRuns: changes },
  );
  const kinds = outcomes.filter((one) => one !== 'holds').map((code) => errorTable[code].kind);
  for (const kind of kinds) expect(['unsigned', 'wrongKey', 'altered']).toContain(kind);
  expect(kinds.length).toBeGreaterThan(changes / 2);
});

test('the commands that policy prints for such a key pull under it, and refuse with another', async () => {
  const repositories = [`${shelf.server.host}/${shelf.repository}`];
  const stranger = await home.makeKey('stranger', 'ed25519');
  await home.export(shelf.path('stranger.asc'), [stranger]);
  for (const name of ['vendor', 'stranger']) {
    const directory = shelf.path(`printed-${name}`);
    const key = shelf.path(`${name}.asc`);
    const written = await writePolicy({ key, lookaside: lookaside.url, repositories, directory });
    const refusal =
      name === 'vendor' ? undefined : (expect.stringContaining('Invalid GPG signature') as string);
    expect(await pullAsPrinted(written, directory)).toEqual([refusal, refusal]);
    // Debian 12's is built without sigstore, and reads this.
    const flags = [
      '--policy',
      join(directory, 'policy.json'),
      '--registries.d',
      join(directory, 'registries.d'),
    ];
    const copy = ['copy', '--quiet', '--src-tls-verify=false', `docker://${shelf.reference('1.0')}`];
    const { exitCode } = await run('skopeo', [...flags, ...copy, `dir:${directory}/copy`], { allow: [0, 1] });
    expect(exitCode === 0).toBe(name === 'vendor');
  }
});
