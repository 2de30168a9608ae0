/**
 * Certificate authorities and a client certificate for one registry, from the directories of podman, skopeo and docker
 * (containers-certs.d(5)): `HOST[:PORT]/*.crt`, and `*.cert` with `*.key`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { MillinerError } from '../errors/error.ts';
import type { Tls } from '../http/request.ts';
import type { Environment } from './credentials.ts';

/** Reads the first directory that exists; undefined if none does. Throws CREDENTIALS_INVALID. */
export async function certificatesFor(
  registry: string,
  environment: Environment = process.env,
): Promise<Tls | undefined> {
  for (const place of places(environment)) {
    const directory = join(place, registry);
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw unreadable(directory, `cannot be read: ${error.code}`, error);
    });
    if (names) return readCertificates(directory, names.toSorted());
  }
  return undefined;
}

function places(environment: Environment): string[] {
  const own = join(environment['HOME'] || '/root', '.config/containers/certs.d');
  return [own, '/etc/containers/certs.d', '/etc/docker/certs.d'];
}

async function readCertificates(directory: string, names: string[]): Promise<Tls> {
  const ending = (end: string) =>
    names.filter((name) => name.endsWith(end)).map((name) => name.slice(0, -end.length));
  const read = (name: string) =>
    readFile(join(directory, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw unreadable(join(directory, name), `cannot be read: ${error.code}`, error);
    });
  const added = await Promise.all(ending('.crt').map((name) => read(`${name}.crt`)));
  const [certs, keys] = [ending('.cert'), ending('.key')];
  const lone = [
    ...certs.filter((name) => !keys.includes(name)),
    ...keys.filter((name) => !certs.includes(name)),
  ][0];
  if (lone !== undefined) throw unreadable(directory, `has ${lone}.cert or ${lone}.key without the other`);
  const [client] = certs;
  const certificate = client !== undefined && {
    chain: await read(`${client}.cert`),
    key: await read(`${client}.key`),
  };
  try {
    createSecureContext({ ca: added, ...(certificate && { cert: certificate.chain, key: certificate.key }) });
  } catch (error) {
    throw unreadable(
      directory,
      `holds something other than certificates and keys in PEM: ${(error as Error).message}`,
      error,
    );
  }
  return {
    ...(added.length > 0 && { added: added.join('\n') }),
    ...(certificate && { certificate }),
  };
}

function unreadable(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('CREDENTIALS_INVALID', `${path} ${what}`, { cause, details: { path } });
}
