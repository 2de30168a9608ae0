/** A registry with signed images in it, the keys, and the clients that look at them. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type RunOptions, type RunResult } from '../../src/lib/host/exec.ts';
import { inParallel } from '../../src/lib/host/parallel.ts';
import { silent } from '../../src/lib/host/progress.ts';
import { indexType } from '../../src/lib/oci/descriptor.ts';
import { manifestType, type Descriptor } from '../../src/lib/oci/descriptor.ts';
import type { Digest } from '../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../src/lib/registry/client.ts';
import type { Layout } from '../../src/pipeline/trust/fetch-signatures.ts';
import { writePolicy } from '../../src/pipeline/trust/policy.ts';
import { verifyReference } from '../../src/pipeline/trust/verify-image.ts';
import { describe, toJson, type Fetched } from '../../src/stages/sign/artifact.ts';
import { mergeAttestations } from '../../src/stages/sign/attestation.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../src/stages/sign/key.ts';
import { signImage, type SignInput } from '../../src/stages/sign/sign-image.ts';
import { mergeSignatures } from '../../src/stages/sign/simple-signing.ts';
import { emptySboms } from './empty-sboms.ts';
import { plainEndpoint } from './registry/plain-endpoint.ts';
import { RegistryServer } from './registry/registry-server.ts';
import { cosign, podman, skopeo } from './trixie.ts';

export interface Image {
  descriptor: Descriptor;
  references: string[];
}

/** What hangs on an image. */
export interface Hung {
  sig: Fetched;
  att: Fetched;
  bundles: Fetched[];
}

/** A page of a history has 256 blobs. */
const parallel = 8;

export const password = 'a hat';
const epoch = 1_700_000_000;

export class Shelf {
  readonly directory: string;
  readonly server: RegistryServer;
  readonly repository = 'vendor/app';
  readonly client: RegistryClient;
  readonly key: SigningKey;

  private constructor(directory: string, server: RegistryServer, key: SigningKey) {
    this.directory = directory;
    this.server = server;
    this.client = new RegistryClient({ registry: server.host, endpoint: plainEndpoint(server.host) });
    this.key = key;
  }

  static async open(): Promise<Shelf> {
    const directory = await mkdtemp(join(tmpdir(), 'milliner-shelf-'));
    const server = await RegistryServer.start();
    const { privatePem, publicPem } = await generateKeyPair(password);
    await writeFile(join(directory, 'release.key'), privatePem);
    await writeFile(join(directory, 'release.pub'), publicPem);
    await writeFile(join(directory, 'other.pub'), (await generateKeyPair('x')).publicPem);
    // cosign asks the internet for the roots of trust of signers without keys, unless it is given some: here, none.
    const roots = { mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' };
    await writeFile(join(directory, 'roots.json'), JSON.stringify(roots));
    const shelf = new Shelf(directory, server, await readPrivateKey(privatePem, password));
    for (const name of ['release', 'other']) await shelf.policy(name);
    return shelf;
  }

  async close(): Promise<void> {
    await this.server.close();
    // podman's storage has mounts' leftovers that only rm takes as they are.
    await run('rm', ['-rf', this.directory]);
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  reference(tag: string): string {
    return `${this.server.host}/${this.repository}:${tag}`;
  }

  /** Where podman finds a policy by itself: below a home. `lookaside` is for keys of OpenPGP. */
  async policy(name: string, lookaside?: string): Promise<void> {
    const directory = this.path(`home-${name}`, '.config', 'containers');
    const repositories = [`${this.server.host}/${this.repository}`];
    await writePolicy({ key: this.path(`${name}.pub`), lookaside, repositories, directory });
  }

  /** Pushes an image with one layer under its tags. */
  async image(name: string, tags: readonly string[]): Promise<Image> {
    const layout = this.path(`layout-${name}`);
    const file = this.path(name);
    await writeFile(file, name);
    await run('umoci', ['init', '--layout', layout]);
    await run('umoci', ['new', '--image', `${layout}:${name}`]);
    await run('umoci', ['insert', '--image', `${layout}:${name}`, file, '/name']);
    for (const tag of tags) {
      const to = `docker://${this.reference(tag)}`;
      await run('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:${name}`, to]);
    }
    const found = await this.client.getManifest(this.repository, tags[0]!);
    return {
      descriptor: describe(manifestType, found!.bytes),
      references: tags.map((tag) => this.reference(tag)),
    };
  }

  signInput({ descriptor, references }: Image): SignInput {
    const { digest } = descriptor;
    const checks = [{ check: 'tcp 80', instance: 1, passed: true }];
    return {
      image: descriptor,
      references,
      sboms: emptySboms('app', digest, epoch),
      verdict: { manifestDigest: digest, passed: true, checks, plan: { init: true } },
      standings: [],
      epoch,
    };
  }

  sign(image: Image): Hung {
    const signed = signImage(this.key, this.signInput(image));
    const { digest } = image.descriptor;
    return {
      sig: mergeSignatures(this.key.public, digest, signed.signatures),
      att: mergeAttestations(this.key.public, digest, signed.attestations),
      bundles: signed.bundles,
    };
  }

  /** Puts what hangs on an image in the place of what was there, as somebody who may write to the registry can. */
  async hang({ descriptor }: Image, { sig, att, bundles }: Hung): Promise<void> {
    const tag = descriptor.digest.replace(':', '-');
    await this.push(`${tag}.sig`, sig);
    await this.push(`${tag}.att`, att);
    const manifests: Descriptor[] = [];
    for (const bundle of bundles) {
      const { artifactType, annotations } = JSON.parse(bundle.manifest.toString()) as Descriptor;
      const pushed = describe(manifestType, bundle.manifest);
      await this.push(pushed.digest, bundle);
      manifests.push({ ...pushed, artifactType, annotations });
    }
    const index = toJson({ schemaVersion: 2, mediaType: indexType, manifests });
    await this.client.putManifest(this.repository, tag, index, indexType);
  }

  async push(reference: string, { manifest, blobs }: Fetched): Promise<void> {
    await inParallel([...blobs], parallel, undefined, async ([digest, bytes]) => {
      const source = { digest: digest as Digest, size: bytes.length, content: { bytes } };
      await this.client.pushBlob(this.repository, source);
    });
    await this.client.putManifest(this.repository, reference, manifest, manifestType);
  }

  /** Changes a blob or manifest where the registry keeps it. */
  async tamper(digest: string, change: (bytes: Buffer) => Buffer): Promise<void> {
    const hex = digest.slice('sha256:'.length);
    const path = join(this.server.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    await writeFile(path, change(await readFile(path)));
  }

  /** Throws as `milliner verify` fails. */
  async verify(reference: string, only?: Layout, name = 'release', signedAs?: string) {
    const options = { reference, key: this.path(`${name}.pub`), plainHttp: false, only, signedAs };
    return verifyReference(options, { progress: silent });
  }

  cosign(args: readonly string[]): Promise<RunResult> {
    return cosign(args, this.#options());
  }

  /** Each gives whether the client takes the image. */
  readonly accepted = {
    cosign: (reference: string, name = 'release') =>
      this.#succeeds((options) => cosign(['verify', ...this.#cosignFlags(name), reference], options)),
    attestation: (reference: string, type: string, name = 'release') =>
      this.#succeeds((options) =>
        cosign(['verify-attestation', ...this.#cosignFlags(name), '--type', type, reference], options),
      ),
    bundle: (reference: string, type: string, name = 'release') => {
      const bundled = ['--new-bundle-format', '--trusted-root', this.path('roots.json'), '--type', type];
      const args = ['verify-attestation', ...this.#cosignFlags(name), ...bundled, reference];
      return this.#succeeds((options) => cosign(args, options));
    },
    skopeo: async (reference: string, name = 'release') => {
      const policy = this.path(`home-${name}`, '.config', 'containers');
      const place = await mkdtemp(this.path('copy-'));
      const flags = ['--policy', join(policy, 'policy.json'), '--registries.d', join(policy, 'registries.d')];
      const copy = ['copy', '--quiet', '--src-tls-verify=false', `docker://${reference}`, `dir:${place}`];
      return this.#succeeds((options) => skopeo([...flags, ...copy], options));
    },
    podman: async (reference: string, name = 'release') => {
      const place = await mkdtemp(this.path('storage-'));
      const storage = [
        '--root',
        join(place, 'root'),
        '--runroot',
        join(place, 'run'),
        '--storage-driver',
        'vfs',
      ];
      const pull = ['pull', '--quiet', '--tls-verify=false', reference];
      return this.#succeeds((options) => podman([...storage, ...pull], options), `home-${name}`);
    },
  };

  #cosignFlags(name: string): string[] {
    return ['--key', this.path(`${name}.pub`), '--insecure-ignore-tlog', '--allow-http-registry'];
  }

  async #succeeds(client: (options: RunOptions) => Promise<RunResult>, home?: string): Promise<boolean> {
    const { exitCode } = await client({ ...this.#options(home), allow: [0, 1, 10, 11, 12, 125] });
    return exitCode === 0;
  }

  #options(home = 'home'): RunOptions {
    return { env: { HOME: this.path(home), COSIGN_PASSWORD: password } };
  }
}
