/** Demo images in a registry, published by the command line, and what may be done to them there. */
import { existsSync, readFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorTable, exitCodes, MillinerError } from '../../../src/lib/errors/error.ts';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import type { Layout } from '../../../src/pipeline/trust/fetch-signatures.ts';
import { buildDemo, cache, copyRecipes, runCli, type Built } from '../../helpers/demo-recipes.ts';
import { password, Shelf } from '../../helpers/signed-images.ts';

export interface Stalled extends Built {
  /** Path of the lock it was built from. */
  lock: string;
  /** REGISTRY/REPOSITORY */
  repository: string;
  tags: string[];
  /** By its first tag. */
  reference: string;
}

/** Manifest and blobs that hang on an image, by digest. */
export interface Hanging {
  sig: Digest;
  payloads: Digest[];
  /** Envelopes in the order of the manifest: SPDX, CycloneDX, verdict. */
  attestations: Digest[];
  /** Bundles in the order of the index: signature, SPDX, CycloneDX, verdict. */
  bundles: Digest[];
}

interface Manifest {
  layers: { digest: Digest }[];
}

const spdx = 'spdxjson';
const cyclonedx = 'cyclonedx';
const verdict = 'https://in-toto.io/attestation/test-result/v0.1';
const signature = 'https://sigstore.dev/cosign/sign/v1';

/** Whether the clients that copy images take it. */
export interface Pulled {
  skopeo: boolean;
  podman: boolean;
}

/** Whether cosign takes what hangs on it, each by itself, and the exit code of `verify` for either layout. */
export interface Checked {
  cosign: boolean;
  sbom: boolean;
  cyclonedx: boolean;
  verdict: boolean;
  signatureBundle: boolean;
  sbomBundle: boolean;
  cyclonedxBundle: boolean;
  verdictBundle: boolean;
  sig: number;
  bundle: number;
}

export const taken: Checked & Pulled = {
  cosign: true,
  sbom: true,
  cyclonedx: true,
  verdict: true,
  signatureBundle: true,
  sbomBundle: true,
  cyclonedxBundle: true,
  verdictBundle: true,
  sig: 0,
  bundle: 0,
  skopeo: true,
  podman: true,
};

/** By all of them; `verify` says why. */
export function refusedAs(exitCode: number): Checked & Pulled {
  const answers = Object.entries(taken).map(([client, answer]) => [client, answer === 0 ? exitCode : false]);
  return Object.fromEntries(answers) as Checked & Pulled;
}

export class Stall {
  readonly shelf: Shelf;
  readonly images = new Map<string, Stalled>();

  private constructor(shelf: Shelf) {
    this.shelf = shelf;
  }

  static async open(names: readonly string[]): Promise<Stall> {
    const stall = new Stall(await Shelf.open());
    const recipes = copyRecipes(stall.shelf.path('demo'));
    for (const name of names) stall.#publish(recipes, name);
    for (const key of ['release', 'other']) stall.#policy(key);
    return stall;
  }

  image(name: string): Stalled {
    return this.images.get(name)!;
  }

  #publish(recipes: string, name: string): void {
    const state = join(cache, 'state');
    const built = buildDemo(join(recipes, `${name}.yaml`), state);
    if (!hasPassed(state, built)) runCli(['boot', name, '--state', state]);
    const repository = `${this.shelf.server.host}/demo/${name}`;
    const tags = name === 'demo-product' ? ['1', 'latest'] : ['latest'];
    const to = tags.flatMap((tag) => ['--to', `${repository}:${tag}`]);
    const args = ['publish', name, ...to, '--key', this.shelf.path('release.key'), '--state', state];
    runCli(args, { env: { MILLINER_KEY_PASSWORD: password } });
    const lock = join(recipes, `${name}.lock.json`);
    this.images.set(name, { ...built, lock, repository, tags, reference: `${repository}:${tags[0]}` });
  }

  /** Where podman looks for it below a home. */
  #policy(key: string): void {
    const to = [...this.images.values()].flatMap(({ repository }) => ['--to', repository]);
    const out = this.shelf.path(`home-${key}`, '.config/containers');
    runCli(['policy', '--key', this.shelf.path(`${key}.pub`), ...to, '--out', out]);
  }

  async pulled(reference: string, key = 'release'): Promise<Pulled> {
    const { accepted } = this.shelf;
    return {
      skopeo: await accepted.skopeo(reference, key),
      podman: await accepted.podman(reference, key),
    };
  }

  async checked(reference: string, key = 'release'): Promise<Checked> {
    const { accepted } = this.shelf;
    return {
      cosign: await accepted.cosign(reference, key),
      sbom: await accepted.attestation(reference, spdx, key),
      cyclonedx: await accepted.attestation(reference, cyclonedx, key),
      verdict: await accepted.attestation(reference, verdict, key),
      signatureBundle: await accepted.bundle(reference, signature, key),
      sbomBundle: await accepted.bundle(reference, spdx, key),
      cyclonedxBundle: await accepted.bundle(reference, cyclonedx, key),
      verdictBundle: await accepted.bundle(reference, verdict, key),
      sig: await this.#exitCode(reference, 'sig', key),
      bundle: await this.#exitCode(reference, 'bundle', key),
    };
  }

  async judged(reference: string, key = 'release'): Promise<Checked & Pulled> {
    return { ...(await this.checked(reference, key)), ...(await this.pulled(reference, key)) };
  }

  async #exitCode(reference: string, only: Layout, key: string): Promise<number> {
    return this.shelf.verify(reference, only, key).then(
      () => 0,
      (error: unknown) => {
        if (error instanceof MillinerError) return exitCodes[errorTable[error.code].kind];
        throw error;
      },
    );
  }

  async hanging({ repository, manifestDigest }: Stalled): Promise<Hanging> {
    const digest = manifestDigest as Digest;
    const name = repository.slice(repository.indexOf('/') + 1);
    const { client } = this.shelf;
    const get = async (reference: string) => (await client.getManifest(name, reference))!;
    const layers = async (reference: string) =>
      (JSON.parse((await get(reference)).bytes.toString()) as Manifest).layers.map((layer) => layer.digest);
    const referrers = await client.referrers(name, digest);
    const bundles = await Promise.all(referrers.map((referrer) => layers(referrer.digest)));
    return {
      sig: (await get(`${tagOf(digest)}.sig`)).digest,
      payloads: await layers(`${tagOf(digest)}.sig`),
      attestations: await layers(`${tagOf(digest)}.att`),
      bundles: bundles.flat(),
    };
  }

  /** The statement that cosign verified, as cosign prints it. */
  async attested(reference: string, type: string): Promise<{ subject: object[]; predicate: unknown }> {
    const flags = [
      '--key',
      this.shelf.path('release.pub'),
      '--insecure-ignore-tlog',
      '--allow-http-registry',
    ];
    const { stdout } = await this.shelf.cosign(['verify-attestation', ...flags, '--type', type, reference]);
    const { payload } = JSON.parse(stdout) as { payload: string };
    return JSON.parse(Buffer.from(payload, 'base64').toString()) as { subject: object[]; predicate: unknown };
  }

  /** Has them changed on the registry's disk meanwhile. */
  async damaged(
    digests: readonly Digest[],
    change: (bytes: Buffer) => Buffer,
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    const before = new Map<Digest, Buffer>();
    for (const digest of digests) {
      await this.shelf.tamper(digest, (bytes) => {
        before.set(digest, bytes);
        return change(bytes);
      });
    }
    await meanwhile();
    for (const [digest, bytes] of before) await this.shelf.tamper(digest, () => bytes);
  }

  /** Each hangs on the other afterwards: on the registry's disk, as whoever may write there can do it. */
  async swap(one: Stalled, other: Stalled): Promise<void> {
    const [a, b] = [this.#kept(one), this.#kept(other)];
    for (const part of ['_layers', '_manifests/revisions']) {
      await cp(join(a, part), join(b, part), { recursive: true });
      await cp(join(b, part), join(a, part), { recursive: true });
    }
    for (const suffix of ['', '.sig', '.att']) {
      const link = (place: string, { manifestDigest }: Stalled) =>
        join(place, '_manifests/tags', `${tagOf(manifestDigest as Digest)}${suffix}`, 'current/link');
      const [left, right] = [link(a, one), link(b, other)];
      const before = await readFile(left);
      await writeFile(left, await readFile(right));
      await writeFile(right, before);
    }
  }

  #kept({ name }: Stalled): string {
    return join(this.shelf.server.storage, 'docker/registry/v2/repositories/demo', name);
  }
}

function hasPassed(state: string, { manifestDigest }: Built): boolean {
  const path = join(state, 'verdicts', `${manifestDigest.replace('sha256:', '')}.json`);
  return existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { passed: boolean }).passed;
}
