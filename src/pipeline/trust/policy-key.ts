/** The key that this host's policy requires of what a repository has, as podman and skopeo read it (containers-policy.json(5)). */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { readTextIfThere } from '../../lib/host/files.ts';
import { showReference, type Reference } from '../../lib/registry/reference.ts';
import { invalid } from './policy-files.ts';

const requirement = z.looseObject({ type: z.string(), keyPath: z.string().optional() });
const policySchema = z.looseObject({
  transports: z.record(z.string(), z.record(z.string(), z.array(requirement))).optional(),
});

/** The user's own policy is read instead of the host's. */
const places = () => [join(homedir(), '.config/containers/policy.json'), '/etc/containers/policy.json'];

/** Path of the public key. Throws USAGE where the policy requires none, POLICY_INVALID. */
export async function policyKey(reference: Reference): Promise<string> {
  const shown = showReference(reference);
  for (const path of places()) {
    const text = await readTextIfThere(path);
    if (text === undefined) continue;
    const scopes = readPolicy(path, text).transports?.['docker'] ?? {};
    const scope = scopesOf(reference).find((one) => Object.hasOwn(scopes, one));
    const required = scope === undefined ? [] : scopes[scope]!;
    const [key] = required.flatMap(({ type, keyPath }) => (type === 'sigstoreSigned' ? (keyPath ?? []) : []));
    if (key !== undefined) return key;
    break;
  }
  throw new MillinerError('USAGE', `no --key was given, and no policy of this host names one for ${shown}`, {
    hint: `Give the publisher's public key with --key FILE, or write a policy with it: milliner policy --to ${reference.registry}/${reference.repository} --key FILE.`,
  });
}

/** The most specific first: the tag, the repository, what is above it, the host. */
function scopesOf({ registry, repository, tag }: Reference): string[] {
  const names = repository.split('/').map((_, index, all) => all.slice(0, all.length - index).join('/'));
  const above = [...names.map((name) => `${registry}/${name}`), registry];
  return tag === undefined ? above : [`${above[0]}:${tag}`, ...above];
}

function readPolicy(path: string, text: string): z.output<typeof policySchema> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'is not JSON', cause);
  }
  const result = policySchema.safeParse(data);
  if (result.success) return result.data;
  throw invalid(path, result.error.issues[0]!.message);
}
