/** The key that this host's policy requires of what a repository has, as podman and skopeo read it (containers-policy.json(5)). */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { showReference, type Reference } from '../../lib/registry/reference.ts';
import { readPolicy } from './policy-files.ts';

/** The user's own policy is read instead of the host's. */
const places = () => [join(homedir(), '.config/containers/policy.json'), '/etc/containers/policy.json'];

/** Path of the public key. Throws USAGE where the policy requires none, POLICY_INVALID. */
export async function policyKey(reference: Reference): Promise<string> {
  const shown = showReference(reference);
  for (const path of places()) {
    const policy = await readPolicy(path);
    if (policy === undefined) continue;
    const scopes = policy.transports?.['docker'] ?? {};
    const scope = scopesOf(reference).find((one) => Object.hasOwn(scopes, one));
    const [only, ...others] = scope === undefined ? [] : scopes[scope]!;
    // All requirements of a scope have to hold, and one key meets no other one, such as reject.
    const key = only?.type === 'sigstoreSigned' && others.length === 0 ? only['keyPath'] : undefined;
    if (typeof key === 'string') return key;
    break;
  }
  throw new MillinerError(
    'USAGE',
    `no --key was given, and no policy of this host requires one key alone for ${shown}`,
    {
      hint: `Give the publisher's public key with --key FILE, or write a policy with it: milliner policy --to ${reference.registry}/${reference.repository} --key FILE.`,
    },
  );
}

/** The most specific first: the tag, the repository, what is above it, the host. */
function scopesOf({ registry, repository, tag }: Reference): string[] {
  const names = repository.split('/').map((_, index, all) => all.slice(0, all.length - index).join('/'));
  const above = [...names.map((name) => `${registry}/${name}`), registry];
  return tag === undefined ? above : [`${above[0]}:${tag}`, ...above];
}
