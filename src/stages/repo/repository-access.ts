/**
 * Settings for requests to a repository's servers. User and password come from the environment or a netrc file, never
 * from a recipe, and these also say which server they are for: names and URLs in a recipe may come from a stranger.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Access, Secrets } from '../../lib/http/access.ts';
import { placesOf, type RepositoryDefinition } from './definition.ts';
import { substitute, type Variables } from './location.ts';
import { fromEnvironment, isConfidential, type Environment } from './logins.ts';
import { loginFor, type Login } from './netrc.ts';

export type { Environment } from './logins.ts';

/** Throws CREDENTIALS_INVALID, and RECIPE_INVALID for an unusable certificate or key. */
export async function accessOf(
  definition: RepositoryDefinition,
  variables: Variables,
  environment: Environment = process.env,
): Promise<Access> {
  const { name, timeout, minRate, sslCaCert } = definition;
  const urls = placesOf(definition)
    .map((place) => substitute(place, variables, name))
    .filter((url) => /^https?:/.test(url) && URL.canParse(url))
    .map((url) => new URL(url));
  const common: Access = { timeout, minRate, origins: urls.map(({ origin }) => origin) };
  if (urls.length === 0) return common;
  const certificate = await certificateOf(definition);
  const given = fromEnvironment(name, environment);
  const secrets: Secrets[] = [];
  for (const url of urls) {
    const { origin } = url;
    const login = given?.origins.has(origin) ? given.login : await fromNetrc(url, environment);
    secrets.push({ origin, ...login, certificate });
  }
  const authorities = sslCaCert === undefined ? undefined : await readPem(name, 'sslCaCert', sslCaCert);
  if (authorities !== undefined) tryPem(name, 'sslCaCert', { ca: authorities });
  return { ...common, authorities, secrets };
}

/**
 * netrc entries are for hosts, whatever the protocol, so they are only used on connections that cannot be intercepted.
 */
async function fromNetrc(url: URL, environment: Environment): Promise<Login | undefined> {
  if (!isConfidential(url)) return undefined;
  const path = environment['NETRC'] || join(environment['HOME'] || '/root', '.netrc');
  try {
    return loginFor(await readFile(path, 'utf8'), url.hostname);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (!environment['NETRC'] && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return undefined;
    throw new MillinerError('CREDENTIALS_INVALID', `${path} cannot be read: ${code}`, {
      cause,
      hint: 'Fix the file, or the variable NETRC that names it.',
    });
  }
}

async function certificateOf(definition: RepositoryDefinition): Promise<Secrets['certificate']> {
  const { name, sslClientCert, sslClientKey } = definition;
  if (sslClientCert === undefined) return undefined;
  const chain = await readPem(name, 'sslClientCert', sslClientCert);
  // As in curl: without a key file, the certificate's file has the key too.
  const key = sslClientKey === undefined ? chain : await readPem(name, 'sslClientKey', sslClientKey);
  tryPem(name, 'sslClientCert', { cert: chain, key });
  return { chain, key };
}

async function readPem(name: string, field: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new MillinerError('RECIPE_INVALID', `repository ${name}: ${field}: ${path}: ${cause.code}`, {
      cause,
    });
  });
}

function tryPem(name: string, field: string, material: { ca?: string; cert?: string; key?: string }): void {
  try {
    createSecureContext(material);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillinerError(
      'RECIPE_INVALID',
      `repository ${name}: ${field}: the file is unusable: ${reason}`,
      {
        hint: 'Name PEM files of a certificate and of its private key without a passphrase.',
      },
    );
  }
}
