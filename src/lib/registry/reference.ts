/** Names of images in registries, in the grammar of the OCI distribution specification (spec.md, "Pulling manifests"). */
import { MillinerError } from '../errors/error.ts';
import { isLoopbackHost } from '../http/request.ts';
import { isDigest, type Digest } from '../oci/digest.ts';

export interface Reference {
  /** Host, with its port where one is given. */
  registry: string;
  repository: string;
  tag?: string;
  digest?: Digest;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const hostPattern = new RegExp(String.raw`^(?:${label}(?:\.${label})*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$`);
/** Characters of registry and repository together; a limit that clients and registries share. */
const maxNameLength = 255;

/**
 * Reads `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`. The host is required (a dot, a colon, or `localhost`): without it a
 * name means another registry on each machine. Throws REFERENCE_INVALID.
 */
export function parseReference(text: string): Reference {
  const [name = '', digest, ...more] = text.split('@');
  if (more.length > 0) throw invalid(text, 'it has more than one @');
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, 'its digest is not a sha256 digest');
  const slash = name.indexOf('/');
  const host = slash < 0 ? '' : name.slice(0, slash);
  if (!namesHost(host)) throw invalid(text, 'it does not begin with the host of a registry');
  const registry = canonicalHost(host.toLowerCase());
  const rest = name.slice(slash + 1);
  const colon = rest.indexOf(':');
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text, 'its tag is malformed');
  const repository = withNamespace(registry, colon < 0 ? rest : rest.slice(0, colon));
  if (!repositoryPattern.test(repository)) throw invalid(text, 'its repository is malformed');
  if (registry.length + 1 + repository.length > maxNameLength) throw invalid(text, 'it is too long');
  return {
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** The tag of a reference: latest if it has neither a tag nor a digest. */
export function wantedTag({ tag, digest }: Reference): string | undefined {
  return tag ?? (digest === undefined ? 'latest' : undefined);
}

/** The name with its tag and without its digest, as signatures contain it. */
export function taggedReference(reference: Reference): string {
  const { registry, repository } = reference;
  const tag = wantedTag(reference);
  return showReference({ registry, repository, ...(tag !== undefined && { tag }) });
}

export function showReference({ registry, repository, tag, digest }: Reference): string {
  const name = `${registry}/${repository}`;
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Whether traffic stays on this host: such a registry may use plain HTTP. */
export function isLoopback(registry: string): boolean {
  return isLoopbackHost(registry.replace(/:\d+$/, ''));
}

/** The API of Docker Hub has another host name than its images. */
export function apiHost(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
}

function namesHost(host: string): boolean {
  if (!hostPattern.test(host) || !URL.canParse(`http://${host}`)) return false;
  return host.includes('.') || host.includes(':') || host === 'localhost';
}

/** Some clients still write Docker Hub's old name. */
function canonicalHost(host: string): string {
  return host === 'index.docker.io' ? 'docker.io' : host;
}

/** Images of Docker Hub without a namespace are in `library`. */
function withNamespace(registry: string, repository: string): string {
  return registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;
}

function invalid(text: string, reason: string): MillinerError {
  return new MillinerError(
    'REFERENCE_INVALID',
    `${JSON.stringify(text)} names no image in a registry: ${reason}`,
    {
      details: { reference: text },
    },
  );
}
