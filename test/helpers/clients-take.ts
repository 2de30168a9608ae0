/** Clients of others under a policy that `milliner policy` has written: whether each takes what a reference names. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of, type Digest } from '../../src/lib/oci/digest.ts';
import type { Bench } from './publish-fixture.ts';
import { cosign, podman, skopeo } from './trixie.ts';

export interface Taken {
  /** With `skopeo copy --all`, which copies an index with all of its images: the digest of the copy. */
  skopeo: Digest | undefined;
  /** The one image for this platform. */
  skopeoOne: boolean;
  podman: boolean;
  cosign: boolean;
}

/** @param key the prefix of its files on the desk */
export async function clientsTake(bench: Bench, reference: string, key = 'release'): Promise<Taken> {
  const place = await mkdtemp(bench.desk.path('clients-'));
  const publicKey = bench.desk.path(`${key}.pub`);
  const policy = join(place, '.config', 'containers');
  const repository = reference.slice(0, reference.lastIndexOf(':'));
  await bench.run(['policy', '--key', publicKey, '--to', repository, '--out', policy]);
  const options = { env: { HOME: place }, allow: [0, 1, 10, 12, 125] };
  const copy = async (name: string, global: string[], ...flags: string[]) => {
    const files = ['--policy', join(policy, 'policy.json'), '--registries.d', join(policy, 'registries.d')];
    const from = ['--src-tls-verify=false', `docker://${reference}`];
    const args = [...files, ...global, 'copy', '--quiet', ...flags, ...from, `dir:${join(place, name)}`];
    return (await skopeo(args, options)).exitCode === 0;
  };
  const storage = ['--root', join(place, 'root'), '--runroot', join(place, 'run'), '--storage-driver', 'vfs'];
  const pull = ['pull', '--quiet', '--tls-verify=false', reference];
  const verify = ['verify', '--key', publicKey, '--insecure-ignore-tlog', '--allow-http-registry', reference];
  const hasAll = await copy('all', [], '--all');
  return {
    skopeo: hasAll ? sha256Of(await readFile(join(place, 'all', 'manifest.json'))) : undefined,
    skopeoOne: await copy('one', ['--override-arch', 'amd64']),
    podman: (await podman([...storage, ...pull], options)).exitCode === 0,
    cosign: (await cosign(verify, options)).exitCode === 0,
  };
}
