/** What proves to GitHub who asks: a token, or the private key of an App. Neither is ever taken from an argument. */
import { createPrivateKey } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MillinerError } from '../lib/errors/error.ts';

export type Credentials = { token: string } | { appId: string; privateKey: string };

/** Where the operator says that they are. */
export interface CredentialSources {
  /** GITHUB_TOKEN. */
  token?: string | undefined;
  tokenFile?: string | undefined;
  appId?: string | undefined;
  /** Path of the App's private key, PEM. */
  appKey?: string | undefined;
}

const maxFileBytes = 16 * 1024;

/** An App before a file, a file before the environment. Throws GITHUB_CREDENTIALS. */
export async function readCredentials(sources: CredentialSources): Promise<Credentials> {
  const { token, tokenFile, appId, appKey } = sources;
  if (appId !== undefined || appKey !== undefined) return readApp(appId, appKey);
  if (tokenFile !== undefined) return { token: tokenOf(await readPrivate(tokenFile), tokenFile) };
  if (token !== undefined && token !== '') return { token: tokenOf(token, 'GITHUB_TOKEN') };
  throw new MillinerError('GITHUB_CREDENTIALS', 'there is neither a token nor an App');
}

async function readApp(appId: string | undefined, appKey: string | undefined): Promise<Credentials> {
  if (appId === undefined || appKey === undefined)
    throw new MillinerError('GITHUB_CREDENTIALS', 'an App needs both its id and its private key');
  if (!/^[A-Za-z0-9.]{1,64}$/.test(appId))
    throw new MillinerError('GITHUB_CREDENTIALS', 'the id of the App is neither a number nor a client id');
  return { appId, privateKey: await readKey(appKey) };
}

/** GitHub hands out keys in PKCS#1; octokit signs with the Web Crypto API, which reads PKCS#8 alone. */
async function readKey(path: string): Promise<string> {
  const text = await readPrivate(path);
  try {
    return createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    // The reason of OpenSSL could quote the file.
    throw new MillinerError('GITHUB_CREDENTIALS', `${path} is not a private key in PEM`);
  }
}

/** A line break or a blank in a token would end the header that it is sent in. */
function tokenOf(text: string, source: string): string {
  const token = text.trim();
  if (/^[\x21-\x7E]{8,4096}$/.test(token)) return token;
  throw new MillinerError('GITHUB_CREDENTIALS', `${source} does not hold a token`);
}

/** Other accounts of the host could use what they can read. */
async function readPrivate(path: string): Promise<string> {
  // A pipe without a writer would block the open forever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new MillinerError('GITHUB_CREDENTIALS', `${path} cannot be read: ${cause.code}`, { cause });
    },
  );
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > maxFileBytes)
      throw new MillinerError('GITHUB_CREDENTIALS', `${path} is not a file of a token or key`);
    if ((stats.mode & 0o077) !== 0)
      throw new MillinerError('GITHUB_CREDENTIALS', `${path} can be read by other accounts`, {
        hint: `Run chmod 600 ${path}, or name another file.`,
        details: { path },
      });
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
