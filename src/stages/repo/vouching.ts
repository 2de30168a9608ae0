/**
 * Decides whether metadata is confirmed, so that replay-guard.ts may record it. The confirming party is the owner of
 * the key that the recipe names for repomd.xml. If no key is required, it is the server that the recipe names, over
 * https: as the base itself, or with the metalink's digest of repomd.xml. Mirrors confirm nothing, and neither does
 * plain http.
 */
import { createHash } from 'node:crypto';
import { MillinerError } from '../../lib/errors/error.ts';
import { fileChecksum, isWeak } from '../../lib/host/checksum.ts';
import type { Access } from '../../lib/http/access.ts';
import { placesOf, type RepositoryDefinition } from './definition.ts';
import type { Metalink } from './metalink.ts';

/** For metadata that was accepted from a base, and whose signature was verified if the definition requires one. */
export function vouches(
  definition: RepositoryDefinition,
  base: URL,
  metalink: Metalink | undefined,
): boolean {
  if (definition.repoGpgcheck) return true;
  if (definition.mirrorlist !== undefined) return false;
  if (!metalink) return base.protocol === 'https:';
  return (
    placesOf(definition).every((place) => /^https:/i.test(place)) &&
    metalink.versions.every(({ checksum }) => !isWeak(checksum))
  );
}

/** Digest of the keys, or of the certificate authorities, that confirm it. Throws KEY_INVALID. */
export async function authorityOf(
  { repoGpgcheck, keys }: RepositoryDefinition,
  { authorities = '' }: Access,
): Promise<string> {
  if (!repoGpgcheck) return createHash('sha256').update(authorities).digest('hex');
  const trusted = keys.map(async ({ file, fingerprint = '' }) => {
    const { value } = await fileChecksum(file, 'sha256').catch((cause: unknown) => {
      throw new MillinerError('KEY_INVALID', `${file} cannot be read`, { cause, details: { file } });
    });
    return [value, fingerprint];
  });
  return createHash('sha256')
    .update(JSON.stringify(await Promise.all(trusted)))
    .digest('hex');
}
