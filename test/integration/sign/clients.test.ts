/**
 * Real clients against a real registry: cosign, skopeo and podman of Debian 13 take what we sign, in each layout, and
 * refuse what was changed; `verify` refuses it too, and says why.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorTable, exitCodes, MillinerError } from '../../../src/lib/errors/error.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import type { Layout } from '../../../src/pipeline/trust/fetch-signatures.ts';
import { writePolicy } from '../../../src/pipeline/trust/policy.ts';
import { toJson, type Fetched } from '../../../src/stages/sign/artifact.ts';
import { generateKeyPair, readPrivateKey } from '../../../src/stages/sign/key.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { mergeSignatures, signReference } from '../../../src/stages/sign/simple-signing.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { password, Shelf, type Hung, type Image } from '../../helpers/signed-images.ts';
import { pullAsPrinted } from './printed.ts';

const spdx = 'spdxjson';
const cyclonedx = 'cyclonedx';
const verdict = 'https://in-toto.io/attestation/test-result/v0.1';
const signature = 'https://sigstore.dev/cosign/sign/v1';

let shelf: Shelf;
let app: Image;
let other: Image;
let hung: Hung;
let reference: string;

beforeAll(async () => {
  shelf = await Shelf.open();
  app = await shelf.image('app', ['1.0', 'latest']);
  other = await shelf.image('other', ['2.0']);
  reference = shelf.reference('1.0');
  hung = shelf.sign(app);
  await shelf.hang(other, shelf.sign(other));
});
beforeEach(() => shelf.hang(app, hung));
afterAll(() => shelf.close());

/** As the exit code of `milliner verify`: 0, or the kind of the failure. */
async function judge(only?: Layout, name?: string, of = reference): Promise<number> {
  // What comes through a proxy is signed under the registry's own name.
  const signedAs = of.startsWith(shelf.server.host) ? undefined : reference;
  return shelf.verify(of, only, name, signedAs).then(
    () => 0,
    (error: unknown) => {
      if (error instanceof MillinerError) return exitCodes[errorTable[error.code].kind];
      throw error;
    },
  );
}

describe('what we signed', () => {
  test('is taken by cosign: signature and attestations of both layouts', async () => {
    for (const tag of ['1.0', 'latest']) expect(await shelf.accepted.cosign(shelf.reference(tag))).toBe(true);
    for (const type of [spdx, cyclonedx, verdict])
      expect(await shelf.accepted.attestation(reference, type)).toBe(true);
    for (const type of [spdx, cyclonedx, verdict, signature])
      expect(await shelf.accepted.bundle(reference, type)).toBe(true);
  });

  test('is taken by skopeo and podman under our policy, by tag and by digest', async () => {
    const digest = `${reference.replace(/:[^:/]+$/, '')}@${app.descriptor.digest}`;
    for (const one of [reference, shelf.reference('latest'), digest]) {
      expect(await shelf.accepted.skopeo(one)).toBe(true);
      expect(await shelf.accepted.podman(one)).toBe(true);
    }
  });

  test('is proved by verify, whole and by layout', async () => {
    const { manifestDigest, proved } = await shelf.verify(reference);
    expect(manifestDigest).toBe(app.descriptor.digest);
    const claims = ['signature', 'sbom', 'verdict'];
    expect(proved.map(({ claim, layout }) => [layout, claim])).toEqual([
      ...claims.map((claim) => ['sig', claim]),
      ...claims.map((claim) => ['bundle', claim]),
    ]);
    expect((await shelf.verify(reference, 'bundle')).proved).toEqual(proved.slice(3));
  });

  test('is refused by all with another key', async () => {
    expect(await shelf.accepted.cosign(reference, 'other')).toBe(false);
    expect(await shelf.accepted.attestation(reference, spdx, 'other')).toBe(false);
    expect(await shelf.accepted.bundle(reference, signature, 'other')).toBe(false);
    expect(await shelf.accepted.skopeo(reference, 'other')).toBe(false);
    expect(await shelf.accepted.podman(reference, 'other')).toBe(false);
    for (const only of [undefined, 'sig', 'bundle'] as const) expect(await judge(only, 'other')).toBe(14);
  });

  test('as a bundle file is one for verify-blob-attestation', async () => {
    const bundle = shelf.path('sbom.bundle');
    const bytes = blobOf(hung.bundles[2]!);
    await writeFile(bundle, bytes);
    const manifest = await shelf.client.getManifest(shelf.repository, '1.0');
    await writeFile(shelf.path('manifest.json'), manifest!.bytes);
    const trusted = [
      '--new-bundle-format',
      '--trusted-root',
      shelf.path('roots.json'),
      '--insecure-ignore-tlog',
    ];
    const args = [
      'verify-blob-attestation',
      '--key',
      shelf.path('release.pub'),
      '--bundle',
      bundle,
      ...trusted,
    ];
    await shelf.cosign([...args, '--type', spdx, shelf.path('manifest.json')]);
  });
});

describe('what was changed is refused', () => {
  test('a byte of the payload', async () => {
    const changed = mended(hung.sig, (bytes) =>
      Buffer.from(bytes.toString().replace('"optional":null', '"optional":nul1')),
    );
    await shelf.hang(app, { ...hung, sig: changed });
    await expectRefusedBySigClients();
    expect(await judge('sig')).toBe(15);
    expect(await judge('bundle')).toBe(0);
  });

  test('a byte of the signature', async () => {
    const name = 'dev.cosignproject.cosign/signature';
    await shelf.hang(app, { ...hung, sig: annotated(hung.sig, name, (value) => flipBase64(value)) });
    await expectRefusedBySigClients();
    expect(await judge('sig')).toBe(15);
  });

  test('the signature of another image in its place', async () => {
    const theirs = shelf.sign(other);
    await shelf.hang(app, theirs);
    await expectRefusedBySigClients();
    for (const type of [spdx, verdict]) expect(await shelf.accepted.attestation(reference, type)).toBe(false);
    for (const type of [spdx, signature]) expect(await shelf.accepted.bundle(reference, type)).toBe(false);
    for (const only of ['sig', 'bundle'] as const) expect(await judge(only)).toBe(15);
  });

  test('a byte of the attestations, in each layout', async () => {
    const flip = (bytes: Buffer) => {
      const envelope = JSON.parse(bytes.toString()) as { dsseEnvelope?: object; payload?: string };
      const at = (envelope.dsseEnvelope ?? envelope) as { payload: string };
      at.payload = Buffer.from(
        Buffer.from(at.payload, 'base64').toString().replace('"name":"app"', '"name":"apq"'),
      ).toString('base64');
      return toJson(envelope);
    };
    const bundles = hung.bundles.map((bundle) => mended(bundle, flip));
    await shelf.hang(app, { ...hung, att: mended(hung.att, flip), bundles });
    expect(await shelf.accepted.attestation(reference, spdx)).toBe(false);
    expect(await shelf.accepted.attestation(reference, verdict)).toBe(true);
    expect(await shelf.accepted.bundle(reference, spdx)).toBe(false);
    for (const only of ['sig', 'bundle'] as const) expect(await judge(only)).toBe(15);
  });

  test('a tag that leads to another image that is signed too', async () => {
    const manifest = await shelf.client.getManifest(shelf.repository, '2.0');
    const move = async (bytes: Buffer) =>
      shelf.client.putManifest(shelf.repository, 'latest', bytes, app.descriptor.mediaType);
    const before = await shelf.client.getManifest(shelf.repository, 'latest');
    await move(manifest!.bytes);
    const moved = shelf.reference('latest');
    expect(await shelf.accepted.skopeo(moved)).toBe(false);
    expect(await shelf.accepted.podman(moved)).toBe(false);
    expect(await judge('sig', undefined, moved)).toBe(19);
    await move(before!.bytes);
    expect(await judge(undefined, undefined, moved)).toBe(0);
  });

  test('an image manifest that was changed and pushed again', async () => {
    const { bytes } = (await shelf.client.getManifest(shelf.repository, '1.0'))!;
    const changed = Buffer.from(bytes.toString().replace('{', '{ '));
    await shelf.client.putManifest(shelf.repository, '1.0', changed, app.descriptor.mediaType);
    await expectRefusedBySigClients();
    expect(await shelf.accepted.bundle(reference, signature)).toBe(false);
    for (const only of ['sig', 'bundle'] as const) expect(await judge(only)).toBe(13);
    await shelf.client.putManifest(shelf.repository, '1.0', bytes, app.descriptor.mediaType);
    expect(await judge()).toBe(0);
  });

  test.each(['signature', 'attestation', 'bundle'])(
    'bytes of the %s on the disk of the registry',
    async (what) => {
      const damaged = digestsOf(
        { signature: hung.sig, attestation: hung.att, bundle: hung.bundles[0]! }[what]!,
      )[0]!;
      const flip = (bytes: Buffer) => {
        const changed = Buffer.from(bytes);
        changed[changed.length >> 1]! ^= 1;
        return changed;
      };
      await shelf.tamper(damaged, flip);
      expect(await judge()).toBe(15);
      await shelf.tamper(damaged, flip);
      expect(await judge()).toBe(0);
    },
  );

  test.each(['tag', 'digest'])('a manifest that is not what its %s says, on the way', async (what) => {
    const proxy = await FaultProxy.start(shelf.server.host);
    const { digest } = app.descriptor;
    const of = `${proxy.host}/${shelf.repository}${what === 'tag' ? ':1.0' : `@${digest}`}`;
    expect(await judge('bundle', undefined, of)).toBe(0);
    const { bytes } = (await shelf.client.getManifest(shelf.repository, '1.0'))!;
    const headers = { 'content-type': app.descriptor.mediaType, 'docker-content-digest': digest };
    const body = bytes.toString().replace('{', '{ ');
    proxy.script = ({ url }) =>
      url.endsWith(of.slice(of.lastIndexOf('/app') + 5)) ? { answer: 200, headers, body } : undefined;
    expect(await judge('bundle', undefined, of)).toBe(15);
    proxy.close();
  });

  test('what is not there', async () => {
    const empty: Fetched = { ...hung.sig, manifest: toJson({ ...parse(hung.sig), layers: [] }) };
    await shelf.hang(app, { ...hung, sig: empty });
    await expectRefusedBySigClients();
    expect(await judge('sig')).toBe(13);
    await shelf.hang(app, { ...hung, bundles: hung.bundles.slice(2) });
    expect(await judge('bundle')).toBe(13);
    await shelf.hang(app, { ...hung, bundles: hung.bundles.slice(0, 3) });
    expect(await shelf.accepted.bundle(reference, cyclonedx)).toBe(false);
    expect(await judge('bundle')).toBe(13);
    await shelf.hang(app, { ...hung, bundles: hung.bundles.slice(0, 4) });
    expect(await shelf.accepted.bundle(reference, verdict)).toBe(false);
    expect(await judge('bundle')).toBe(16);
    expect(await judge(undefined, undefined, shelf.reference('absent'))).toBe(3);
  });
});

describe('keys and signatures go both ways', () => {
  test('cosign reads our key, and signs with it beside us', async () => {
    const { stdout } = await shelf.cosign(['public-key', '--key', shelf.path('release.key')]);
    expect(readPublicKey(stdout).hint).toBe(shelf.key.public.hint);
    const flags = [
      '--key',
      shelf.path('release.key'),
      '--tlog-upload=false',
      '--allow-http-registry',
      '--yes',
    ];
    const digest = `${shelf.server.host}/${shelf.repository}@${app.descriptor.digest}`;
    await shelf.cosign(['sign', ...flags, digest]);
    expect(await judge()).toBe(0);
    expect(await shelf.accepted.podman(reference)).toBe(true);
  });

  test('we read a key that cosign made, and what it signs stays beside ours', async () => {
    const prefix = shelf.path('theirs');
    await shelf.cosign(['generate-key-pair', '--output-key-prefix', prefix]);
    const theirs = await readPrivateKey(await readFile(`${prefix}.key`, 'utf8'), password);
    expect(theirs.public.pem).toBe(await readFile(`${prefix}.pub`, 'utf8'));
    const flags = ['--tlog-upload=false', '--allow-http-registry', '--yes'];
    const digest = `${shelf.server.host}/${shelf.repository}@${app.descriptor.digest}`;
    await shelf.cosign(['sign', '--key', `${prefix}.key`, ...flags, digest]);
    const tag = `${app.descriptor.digest.replace(':', '-')}.sig`;
    const manifest = (await shelf.client.getManifest(shelf.repository, tag))!.bytes;
    const stranger = await readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
    const ours = [signReference(stranger, app.descriptor.digest, reference)];
    const existing = { manifest, blobs: new Map<string, Buffer>() };
    const merged = mergeSignatures(stranger.public, app.descriptor.digest, ours, existing);
    await shelf.push(tag, merged);
    expect(parse(merged).layers).toHaveLength(parse({ ...hung.sig, manifest }).layers.length + 1);
    expect(await shelf.accepted.cosign(reference, 'theirs')).toBe(true);
    expect(await shelf.accepted.cosign(reference)).toBe(true);
    expect(await judge()).toBe(0);
  });
});

test('the commands that policy prints pull under it, and refuse with another key', async () => {
  const repositories = [`${shelf.server.host}/${shelf.repository}`];
  for (const name of ['release', 'other']) {
    const directory = shelf.path(`printed-${name}`);
    const written = await writePolicy({ key: shelf.path(`${name}.pub`), repositories, directory });
    const refusal = name === 'release' ? undefined : (expect.stringContaining('invalid signature') as string);
    expect(await pullAsPrinted(written, directory)).toEqual([refusal, refusal]);
  }
});

async function expectRefusedBySigClients(): Promise<void> {
  expect(await shelf.accepted.cosign(reference)).toBe(false);
  expect(await shelf.accepted.skopeo(reference)).toBe(false);
  expect(await shelf.accepted.podman(reference)).toBe(false);
}

interface Manifest {
  layers: { digest: string; size: number; annotations?: Record<string, string> }[];
}

const parse = ({ manifest }: Fetched) => JSON.parse(manifest.toString()) as Manifest;
const digestsOf = (fetched: Fetched) => parse(fetched).layers.map(({ digest }) => digest);
const blobOf = (fetched: Fetched) => fetched.blobs.get(digestsOf(fetched)[0]!)!;

/** Every layer changed, with digests that fit. */
function mended(fetched: Fetched, change: (bytes: Buffer) => Buffer): Fetched {
  const manifest = parse(fetched);
  const blobs = new Map(fetched.blobs);
  for (const layer of manifest.layers) {
    const bytes = change(fetched.blobs.get(layer.digest)!);
    Object.assign(layer, { digest: sha256Of(bytes), size: bytes.length });
    blobs.set(layer.digest, bytes);
  }
  return { manifest: toJson(manifest), blobs };
}

function annotated(fetched: Fetched, name: string, change: (value: string) => string): Fetched {
  const manifest = parse(fetched);
  for (const { annotations } of manifest.layers) annotations![name] = change(annotations![name]!);
  return { ...fetched, manifest: toJson(manifest) };
}

function flipBase64(value: string): string {
  const bytes = Buffer.from(value, 'base64');
  bytes[20]! ^= 1;
  return bytes.toString('base64');
}
