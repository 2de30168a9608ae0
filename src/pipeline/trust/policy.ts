/**
 * For `policy`: writes what podman, skopeo and other users of containers/image need to accept only images signed with
 * one key file. containers-policy.json(5) requires the signature, containers-registries.d(5) makes the clients look for
 * it.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { isLookaside } from '../../lib/registry/registries-d.ts';
import { commandsFor } from './policy-commands.ts';
import { readPolicy, rewrite, unwritable, type Policy } from './policy-files.ts';
import { lookForSignatures, readRegistries, type Lookup, type RegistriesFile } from './policy-registries.ts';
import { readSignerKey, type SignerKey } from './signer-key.ts';

export interface PolicyOptions {
  /** Path of the public key or of an OpenPGP keyring. */
  key: string;
  /** URL of the OpenPGP signatures; required if registries.d does not have it yet. */
  lookaside?: string | undefined;
  /** REGISTRY/REPOSITORY of the images. */
  repositories: readonly string[];
  /** Directory for policy.json and registries.d. */
  directory: string;
}

export interface WrittenPolicy {
  policy: string;
  registries: string[];
  repositories: string[];
  /** Shell commands that pull under this policy. */
  commands: string[];
  /** Subkeys whose signatures older clients refuse, see containers/image#2905. */
  subkeys: string[];
}

/** The requirement for each kind of key. One of the other kind stays, and clients then require both. */
const requirementOf: Record<SignerKey['format'], (keyPath: string) => Policy['default'][number]> = {
  pem: (keyPath) => ({ type: 'sigstoreSigned', keyPath }),
  openpgp: (keyPath) => ({ type: 'signedBy', keyType: 'GPGKeys', keyPath }),
};
/** Requirements that contradict a signature, and are replaced. */
const replaced = ['insecureAcceptAnything', 'reject'];

/** Throws USAGE, KEY_FILE_INVALID, REFERENCE_INVALID, POLICY_INVALID. */
export async function writePolicy(options: PolicyOptions): Promise<WrittenPolicy> {
  const key = resolve(options.key);
  const signer = await readSignerKey(key);
  const { format } = signer;
  const lookup = lookupOf(format, options.lookaside);
  const requirement = requirementOf[format](key);
  const repositories = options.repositories.map(repositoryOf);
  const directory = resolve(options.directory);
  const registriesDirectory = join(directory, 'registries.d');
  const policyPath = join(directory, 'policy.json');
  await mkdir(registriesDirectory, { recursive: true }).catch(unwritable(directory));
  const changed: RegistriesFile[] = [];
  // All within the rewriting of policy.json, which only one run does at a time. Every file is read before any is
  // written, so that an invalid file leaves the others unchanged.
  await rewrite(policyPath, async () => {
    const policy = withRequirement(await readOrBegin(policyPath), requirement, repositories);
    const registries = await readRegistries(registriesDirectory);
    for (const repository of repositories) lookForSignatures(registries, repository, lookup);
    changed.push(...[...registries.values()].filter((file) => file.changed));
    for (const { path, document } of changed) await rewrite(path, () => document.toString());
    return `${JSON.stringify(policy, null, 2)}\n`;
  });
  return {
    policy: policyPath,
    registries: changed.map(({ path }) => path),
    repositories,
    commands: commandsFor(directory, repositories),
    subkeys: signer.format === 'openpgp' ? signer.keyring.subkeys : [],
  };
}

function repositoryOf(text: string): string {
  const { registry, repository, tag, digest } = parseReference(text);
  if (tag === undefined && digest === undefined) return showReference({ registry, repository });
  throw new MillinerError('USAGE', `--to ${text} names one image, but a policy is for a whole repository`);
}

function lookupOf(format: SignerKey['format'], lookaside: string | undefined): Lookup {
  if (format === 'openpgp') {
    if (lookaside === undefined || isLookaside(lookaside)) return { lookaside };
    throw new MillinerError('USAGE', `--lookaside ${lookaside} is not a URL of https, http or file`);
  }
  if (lookaside === undefined) return 'attachments';
  throw new MillinerError(
    'USAGE',
    '--lookaside is for keys of OpenPGP: others have their signatures in the registry',
  );
}

function withRequirement(
  policy: Policy,
  requirement: Policy['default'][number],
  repositories: readonly string[],
): Policy {
  const docker = { ...policy.transports?.['docker'] };
  for (const repository of repositories) {
    const replacedTypes = [...replaced, requirement.type];
    const others = (docker[repository] ?? []).filter(({ type }) => !replacedTypes.includes(type));
    docker[repository] = [...others, requirement];
  }
  return { ...policy, transports: { ...policy.transports, docker } };
}

/** A new policy accepts only the repositories that are added to it. */
async function readOrBegin(path: string): Promise<Policy> {
  return (await readPolicy(path)) ?? { default: [{ type: 'reject' }] };
}
