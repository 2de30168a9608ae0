/**
 * With what the servers of a repository are asked. A user and a password come from the environment or a netrc file
 * and never from a recipe; they, and a client certificate, are for the hosts that the recipe names.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { MillinerError } from '../errors.ts';
import type { Access, Secrets } from '../host/access.ts';
import { substitute, type Variables } from './location.ts';
import { loginFor, type Login } from './netrc.ts';
import { placesOf, type RepositoryDefinition } from './definition.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws CREDENTIALS_INVALID, and RECIPE_INVALID for a certificate or key that cannot be used. */
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
  const common = { timeout, minRate };
  if (urls.length === 0) return common;
  const certificate = await certificateOf(definition);
  const given = fromEnvironment(name, environment);
  const secrets: Secrets[] = [];
  for (const { origin, hostname } of urls) {
    secrets.push({ origin, ...(given ?? (await fromNetrc(hostname, environment))), certificate });
  }
  const authorities = sslCaCert === undefined ? undefined : await readPem(name, 'sslCaCert', sslCaCert);
  if (authorities !== undefined) tryPem(name, 'sslCaCert', { ca: authorities });
  return { ...common, authorities, secrets };
}

/** MILLINER_REPO_NAME_USERNAME and _PASSWORD, the name in capitals, with _ for what is neither letter nor digit. */
function fromEnvironment(name: string, environment: Environment): Login | undefined {
  const variable = `MILLINER_REPO_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
  const username = environment[`${variable}_USERNAME`];
  const password = environment[`${variable}_PASSWORD`];
  if (username === undefined && password === undefined) return undefined;
  if (username !== undefined && password !== undefined) return { username, password };
  const missing = `${variable}_${username === undefined ? 'USERNAME' : 'PASSWORD'}`;
  throw new MillinerError('CREDENTIALS_INVALID', `repository ${name}: ${missing} is not set`, {
    hint: `Set both ${variable}_USERNAME and ${variable}_PASSWORD, or neither.`,
  });
}

async function fromNetrc(hostname: string, environment: Environment): Promise<Login | undefined> {
  const path = environment['NETRC'] || join(environment['HOME'] || '/root', '.netrc');
  try {
    return loginFor(await readFile(path, 'utf8'), hostname);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (!environment['NETRC'] && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return undefined;
    throw new MillinerError('CREDENTIALS_INVALID', `${path} cannot be read: ${code}`, {
      cause,
      hint: 'Mend the file, or the variable NETRC that names it.',
    });
  }
}

async function certificateOf(definition: RepositoryDefinition): Promise<Secrets['certificate']> {
  const { name, sslClientCert, sslClientKey } = definition;
  if (sslClientCert === undefined) return undefined;
  const chain = await readPem(name, 'sslClientCert', sslClientCert);
  // As in curl: without a key of its own, the file of the certificate holds it too.
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

function tryPem(name: string, field: string, parts: { ca?: string; cert?: string; key?: string }): void {
  try {
    createSecureContext(parts);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MillinerError(
      'RECIPE_INVALID',
      `repository ${name}: ${field}: is not what it should be: ${why}`,
      {
        hint: 'Name PEM files: a certificate, and its private key without a passphrase.',
      },
    );
  }
}
