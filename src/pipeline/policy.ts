/**
 * policy: what podman, skopeo and others of containers/image need to accept only images of one key:
 * containers-policy.json(5) asks for the signature, containers-registries.d(5) makes them look for it.
 */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../errors.ts';
import { isLoopback, parseReference, showReference } from '../registry/reference.ts';
import { invalid, readIfThere, rewrite, unwritable } from './policyfiles.ts';
import { lookForSignatures, readRegistries, type RegistriesFile } from './registriesd.ts';
import { readPublicKeyFile } from './verify.ts';

export interface PolicyOptions {
  /** Path of the public key. */
  key: string;
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
}

const requirements = z.array(z.looseObject({ type: z.string() }));
const policySchema = z.looseObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).optional(),
});
type Policy = z.output<typeof policySchema>;

/** Replaced by ours; others, as signedBy, have to hold besides it. */
const replaced = ['sigstoreSigned', 'insecureAcceptAnything', 'reject'];

/** Throws KEY_FILE_INVALID, REFERENCE_INVALID, POLICY_INVALID. */
export async function writePolicy(options: PolicyOptions): Promise<WrittenPolicy> {
  const key = resolve(options.key);
  await readPublicKeyFile(key);
  const repositories = options.repositories.map(repositoryOf);
  const directory = resolve(options.directory);
  const registriesDirectory = join(directory, 'registries.d');
  const policyPath = join(directory, 'policy.json');
  await mkdir(registriesDirectory, { recursive: true }).catch(unwritable(directory));
  const changed: RegistriesFile[] = [];
  // All within the writing of the policy, which one run at a time does, and read before anything is written: a file
  // that cannot be added to leaves the others as they were.
  await rewrite(policyPath, async () => {
    const policy = withKey(await readPolicy(policyPath), key, repositories);
    const registries = await readRegistries(registriesDirectory);
    for (const repository of repositories) lookForSignatures(registries, repository);
    changed.push(...[...registries.values()].filter((file) => file.changed));
    for (const { path, document } of changed) await rewrite(path, () => document.toString());
    return `${JSON.stringify(policy, null, 2)}\n`;
  });
  return {
    policy: policyPath,
    registries: changed.map(({ path }) => path),
    repositories,
    commands: commandsFor(directory, repositories),
  };
}

function repositoryOf(text: string): string {
  const { registry, repository, tag, digest } = parseReference(text);
  if (tag === undefined && digest === undefined) return showReference({ registry, repository });
  throw new MillinerError('USAGE', `--to ${text} names one image: a policy is for a whole repository`);
}

function withKey(policy: Policy, keyPath: string, repositories: readonly string[]): Policy {
  const docker = { ...policy.transports?.['docker'] };
  for (const repository of repositories) {
    const others = (docker[repository] ?? []).filter(({ type }) => !replaced.includes(type));
    docker[repository] = [...others, { type: 'sigstoreSigned', keyPath }];
  }
  return { ...policy, transports: { ...policy.transports, docker } };
}

/** Where there is none, nothing but what is named is accepted. */
async function readPolicy(path: string): Promise<Policy> {
  const text = await readIfThere(path);
  if (text === undefined) return { default: [{ type: 'reject' }] };
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'is not JSON', cause);
  }
  const result = policySchema.safeParse(data);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalid(path, `${first!.path.join('.')}: ${first!.message}`);
}

/** podman has no option for registries.d: outside of the directories that it reads itself, the file is copied there. */
function commandsFor(directory: string, repositories: readonly string[]): string[] {
  const reads = ['/etc/containers', join(homedir(), '.config/containers')].includes(directory);
  const place = quote(directory);
  const copy = `install -D -m 644 -t /etc/containers/registries.d ${place}/registries.d/*.yaml`;
  return [
    ...(reads ? [] : [copy]),
    ...repositories.map((repository) =>
      words(
        'podman pull',
        !reads && `--signature-policy ${place}/policy.json`,
        isPlain(repository) && '--tls-verify=false',
        `${repository}:TAG`,
      ),
    ),
    // An OCI layout has no place for signatures: they are verified, and stay behind.
    ...repositories.map((repository) =>
      words(
        `skopeo --policy ${place}/policy.json --registries.d ${place}/registries.d copy --remove-signatures`,
        isPlain(repository) && '--src-tls-verify=false',
        `docker://${repository}:TAG oci:DIRECTORY:TAG`,
      ),
    ),
  ];
}

function words(...parts: (string | false)[]): string {
  return parts.filter((part) => part !== false).join(' ');
}

/** As Milliner itself takes a registry on this host. */
function isPlain(repository: string): boolean {
  return isLoopback(parseReference(repository).registry);
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
