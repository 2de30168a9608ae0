/**
 * Signatures of images outside of the registry, as files on a server or on this host:
 * BASE/REPOSITORY@sha256=HEX/signature-N, N from 1 up to the first missing one (containers/image,
 * docs/signature-protocols.md).
 */
import { constants, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MillinerError } from '../errors/error.ts';
import { eachMirror } from '../http/mirrors.ts';
import { AttemptError, get, showUrl } from '../http/request.ts';
import type { Digest } from '../oci/digest.ts';
import { readBody } from './body.ts';
import { ReadBudget } from './budget.ts';

export interface SignatureFile {
  /** Path or URL of the file. */
  name: string;
  bytes: Buffer;
}

/** As many as podman reads: any user with write access decides how many there are. */
export const maxSignatures = 128;
const maxSignatureBytes = 1024 * 1024;
/** Bytes of all of an image's signatures; one has a few kilobytes. */
const allSignatures = 8 * 1024 * 1024;
/** Some servers answer 200 with a web page for a missing file (access.redhat.com). */
const isPage = /^text\/html\b/i;

/** Throws REGISTRY_UNAVAILABLE, REGISTRY_INVALID, REGISTRY_EXCESS, INTERRUPTED. */
export async function readSignatureFiles(
  base: URL,
  { repository, digest }: { repository: string; digest: Digest },
  signal?: AbortSignal,
): Promise<SignatureFile[]> {
  const found: SignatureFile[] = [];
  const budget = new ReadBudget(allSignatures, `the signatures at ${showUrl(base.href)} have`);
  for (let n = 1; n <= maxSignatures; n++) {
    const url = new URL(base);
    url.pathname += `/${repository}@${digest.replace(':', '=')}/signature-${n}`;
    const bytes = url.protocol === 'file:' ? await readLocal(url) : await fetchFrom(url, signal);
    if (!bytes) break;
    budget.spend(bytes.length);
    found.push({ name: showUrl(url.href), bytes });
  }
  return found;
}

async function readLocal(url: URL): Promise<Buffer | undefined> {
  try {
    const handle = await open(fileURLToPath(url), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw unavailable(url, 'it is not a file');
      if (found.size > maxSignatureBytes) throw tooLarge(url);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof MillinerError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unavailable(url, code ?? message, error);
  }
}

async function fetchFrom(url: URL, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    return await eachMirror(url.href, { signal, rounds: 3 }, async () => {
      const response = await get(url.href, { accept: [404], signal });
      if (response.statusCode === 200 && !isPage.test(String(response.headers['content-type'] ?? ''))) {
        return readBody(response, maxSignatureBytes, () => tooLarge(url));
      }
      await response.body.dump();
      if (response.statusCode === 206)
        throw new AttemptError('the server sends a part only', { permanent: true });
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'REPO_UNAVAILABLE') throw error;
    throw unavailable(url, error.message, error);
  }
}

function unavailable(url: URL, reason: string, cause?: unknown): MillinerError {
  return new MillinerError('REGISTRY_UNAVAILABLE', `no signatures from ${showUrl(url.href)}: ${reason}`, {
    cause,
  });
}

function tooLarge(url: URL): MillinerError {
  return new MillinerError(
    'REGISTRY_INVALID',
    `${showUrl(url.href)} has more than ${maxSignatureBytes} bytes`,
  );
}
