/** Reads repomd.xml from a server or directory, and verifies it. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Access } from '../../lib/http/access.ts';
import type { FetchOptions } from '../../lib/http/download.ts';
import { AttemptError } from '../../lib/http/request.ts';
import { verifyDetached } from '../../lib/rpm/detached-signature.ts';
import type { OpenOptions, RepositoryDefinition } from './definition.ts';
import { fetchDocument } from './documents.ts';
import { below, directoryOf } from './location.ts';
import { vouchesFor, type Metalink } from './metalink.ts';
import { refuseOlder, type SeenRecord } from './replay-guard.ts';
import { parseRepomd, type Repomd } from './repomd.ts';
import { vouches } from './vouching.ts';

/** Parameters of every way to open a repository. */
export interface Opening extends OpenOptions {
  name: string;
  definition: RepositoryDefinition;
  cacheDir: string;
  access: Access;
  memory: SeenRecord | undefined;
}

export interface Accepted {
  repomd: Repomd;
  bytes: Buffer;
  /** Its name in errors. */
  file: string;
  /** A trusted party has confirmed it: see vouching.ts. */
  isVouchedFor: boolean;
}

export const repomdPath = 'repodata/repomd.xml';
const maxRepomd = 16 * 1024 * 1024;
const maxSignature = 1024 * 1024;
/** Statuses of a server for a missing file. */
const absentStatuses = [403, 404, 410];

/**
 * Throws REPO_UNAVAILABLE, OFFLINE_MISSING, DIGEST_MISMATCH (the metalink lists another digest), METADATA_UNTRUSTED,
 * METADATA_OLDER, REPO_INVALID, KEY_INVALID.
 */
export async function acceptFrom(
  opening: Opening,
  base: URL,
  metalink: Metalink | undefined,
  retries: Pick<FetchOptions, 'rounds'>,
): Promise<Accepted> {
  const { name, definition, cacheDir, access, signal } = opening;
  const directory = directoryOf(base);
  if (directory !== undefined) return acceptLocal(opening, join(directory, repomdPath));
  const file = `repomd.xml of repository ${name}`;
  const url = below(base, repomdPath, name).href;
  const options = { signal, access, ...retries };
  const document = await fetchDocument(url, file, cacheDir, { ...options, maxBytes: maxRepomd });
  if (metalink && !vouchesFor(metalink, document.bytes)) {
    throw new MillinerError(
      'DIGEST_MISMATCH',
      `${base.host} has a repomd.xml that differs from the metalink`,
    );
  }
  const signature = definition.repoGpgcheck
    ? await fetchDocument(`${url}.asc`, `repomd.xml.asc of repository ${name}`, cacheDir, {
        ...options,
        maxBytes: maxSignature,
      }).catch(asUnsigned(name))
    : undefined;
  const repomd = await check(opening, document.bytes, signature?.bytes, file);
  await document.commit();
  await signature?.commit();
  return { repomd, bytes: document.bytes, file, isVouchedFor: vouches(definition, base, metalink) };
}

/** As acceptFrom, for a directory. */
export async function acceptLocal(opening: Opening, repomd: string): Promise<Accepted> {
  const { size } = await stat(repomd).catch((cause: unknown) => {
    throw new MillinerError('REPO_UNAVAILABLE', `repository ${opening.name}: there is no ${repomd}`, {
      cause,
    });
  });
  if (size > maxRepomd)
    throw new MillinerError('REPO_INVALID', `${repomd} is larger than ${maxRepomd} bytes`);
  const bytes = await readFile(repomd);
  const signature = opening.definition.repoGpgcheck
    ? await readFile(`${repomd}.asc`).catch((cause: unknown) => {
        throw notSigned(opening.name, cause);
      })
    : undefined;
  const parsed = await check(opening, bytes, signature, repomd);
  // Local directories are trusted, because only trusted users can write to them.
  return { repomd: parsed, bytes, file: repomd, isVouchedFor: true };
}

/** Verifies exactly the fetched bytes, and then parses them. */
async function check(
  opening: Opening,
  bytes: Buffer,
  signature: Buffer | undefined,
  file: string,
): Promise<Repomd> {
  const { name, definition, memory } = opening;
  if (signature) {
    const verdict = await verifyDetached(bytes, signature, definition.keys, opening);
    if ('problem' in verdict) {
      throw new MillinerError('METADATA_UNTRUSTED', `repomd.xml of repository ${name} ${verdict.problem}`, {
        details: { repository: name, problem: verdict.problem },
      });
    }
  }
  const repomd = parseRepomd(bytes.toString('utf8'), file);
  if (memory) await refuseOlder(memory, name, repomd.age);
  return repomd;
}

function asUnsigned(name: string): (error: unknown) => never {
  return (error) => {
    const { cause } = error as Error;
    if (cause instanceof AttemptError && absentStatuses.includes(cause.status ?? 0))
      throw notSigned(name, error);
    throw error;
  };
}

function notSigned(name: string, cause: unknown): MillinerError {
  return new MillinerError('METADATA_UNTRUSTED', `repository ${name} has no repomd.xml.asc`, {
    cause,
    details: { repository: name, problem: 'is not signed' },
  });
}
