/**
 * Refuses what a stranger's recipe may not use under --untrusted: any file of the host outside of the recipe's root, and
 * servers of the host's own network.
 */
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { mayReach } from '../../lib/http/reach.ts';
import type { Recipe, Repository } from './schema.ts';

/** Checks a recipe as it was written, and the definitions of its repositories. Throws RECIPE_UNTRUSTED. */
export function refuseUntrusted(
  path: string,
  { from, tools, test }: Pick<Recipe, 'from' | 'tools' | 'test'>,
  repositories: readonly Repository[],
): void {
  const refuse = (key: string, what: string): never => {
    throw new MillinerError('RECIPE_UNTRUSTED', `${path}: ${key}: ${what}`, { details: { path, key } });
  };
  if (tools === 'host') refuse('tools', 'the host’s own tools');
  if (typeof from === 'object' && !('image' in from)) refuse('from', 'a file system for a base');
  const keys = typeof from === 'object' && 'image' in from ? from.keys : [];
  for (const key of keys) if (isAbsolute(key)) refuse('from.keys', `${key} is a file of the host`);
  for (const { host } of test?.egress ?? []) {
    if (isIP(host) !== 0 && !mayReach(host)) refuse('test.egress', `${host} is not a public address`);
  }
  for (const { name, baseurl, ...repository } of repositories) {
    for (const url of [baseurl ?? [], repository.metalink ?? [], repository.mirrorlist ?? []].flat()) {
      const isServer = /^https?:\/\//i.test(url);
      if (!isServer && (isAbsolute(url) || /^[a-z][a-z0-9+.-]*:/i.test(url)))
        refuse(`repos.${name}`, `${url} is a place of the host`);
    }
    const { sslCaCert = '', sslClientCert = '', sslClientKey = '' } = repository;
    const files = [...repository.keys.map(({ file }) => file), sslCaCert, sslClientCert, sslClientKey];
    for (const file of files) if (isAbsolute(file)) refuse(`repos.${name}`, `${file} is a file of the host`);
  }
}
