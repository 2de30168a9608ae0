/**
 * Credentials for registries, from the files of podman, skopeo and docker: containers-auth.json(5), docker's
 * config.json, and the credential helpers that either may name. Secrets appear only in the result, never in errors.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import { commandFailed, start } from '../host/exec.ts';

export interface Credentials {
  username: string;
  password: string;
  /** In place of a password: the token server accepts it as a refresh token. */
  identityToken?: string;
}

/** HTTP's Basic authentication (RFC 7617). */
export function basicOf(credentials: Credentials): string {
  return `Basic ${pairOf(credentials)}`;
}

export function pairOf({ username, password }: Credentials): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

export type Environment = Readonly<Record<string, string | undefined>>;

const entrySchema = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});
const fileSchema = z.looseObject({
  auths: z.record(z.string(), entrySchema).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});
type AuthFile = z.infer<typeof fileSchema>;
const helperSchema = z.looseObject({ Username: z.string(), Secret: z.string() });

/** The user name by which a helper marks an identity token (docker-credential-helpers). */
const tokenUser = '<token>';
/** Bytes of a helper's answer, which is a user and a secret. */
const helperBytes = 1 << 20;
const dockerHub = 'index.docker.io';

/**
 * The first file with an entry for the repository or its registry decides; undefined: no credentials. Throws
 * CREDENTIALS_INVALID.
 */
export async function findCredentials(
  registry: string,
  repository: string,
  environment: Environment = process.env,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  for (const path of authFiles(environment)) {
    const file = await readAuthFile(path);
    if (!file) continue;
    const found = await inFile(file, path, registry, repository, { environment, signal });
    if (found) return found;
  }
  return undefined;
}

/** In the order of podman-login(1). */
function authFiles(environment: Environment): string[] {
  const chosen = environment['REGISTRY_AUTH_FILE'];
  if (chosen) return [chosen];
  const home = environment['HOME'] || '/root';
  const runtime = environment['XDG_RUNTIME_DIR'] || `/run/containers/${process.getuid?.() ?? 0}`;
  return [
    environment['XDG_RUNTIME_DIR'] ? join(runtime, 'containers/auth.json') : join(runtime, 'auth.json'),
    join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers/auth.json'),
    join(environment['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
  ];
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return undefined;
    throw new MillinerError('CREDENTIALS_INVALID', `${path} cannot be read: ${code}`, { cause });
  }
  try {
    return fileSchema.parse(JSON.parse(text === '' ? '{}' : text));
  } catch {
    // Without the cause, because a parser's message quotes the text.
    throw new MillinerError('CREDENTIALS_INVALID', `${path} is not a file of registry credentials`, {
      details: { path },
    });
  }
}

interface Asking {
  environment: Environment;
  signal: AbortSignal | undefined;
}

async function inFile(
  file: AuthFile,
  path: string,
  registry: string,
  repository: string,
  asking: Asking,
): Promise<Credentials | undefined> {
  const helper = entryFor(file.credHelpers ?? {}, registry, repository);
  if (helper) return askHelper(helper.value, serverName(registry), path, asking);
  const entry = entryFor(file.auths ?? {}, registry, repository);
  const credentials = entry && decode(entry.value, entry.key, path);
  if (credentials || !file.credsStore) return credentials;
  return askHelper(file.credsStore, serverName(registry), path, asking);
}

/** The entry of the longest prefix of `registry/name/space`; then docker's old keys, which are URLs of a host. */
function entryFor<T>(entries: Record<string, T>, registry: string, repository: string) {
  const segments = [registry, ...repository.split('/')];
  for (let length = segments.length; length > 0; length--) {
    const key = segments.slice(0, length).join('/');
    if (Object.hasOwn(entries, key)) return { key, value: entries[key]! };
  }
  const host = plainHost(registry);
  const key = Object.keys(entries).find((candidate) => isHostKey(candidate) && plainHost(candidate) === host);
  return key === undefined ? undefined : { key, value: entries[key]! };
}

/** A key with a path but no scheme is for one namespace only. */
function isHostKey(key: string): boolean {
  return /^https?:\/\//.test(key) || !key.includes('/');
}

function plainHost(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return ['docker.io', 'registry-1.docker.io'].includes(host) ? dockerHub : host;
}

function decode(entry: z.infer<typeof entrySchema>, key: string, path: string): Credentials | undefined {
  const identityToken = entry.identitytoken ? { identityToken: entry.identitytoken } : undefined;
  if (!entry.auth) {
    const { username = '', password = '' } = entry;
    return username || identityToken ? { username, password, ...identityToken } : undefined;
  }
  const pair = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) {
    throw new MillinerError(
      'CREDENTIALS_INVALID',
      `${path}: the entry of ${key} holds no user and password`,
      {
        details: { path, key },
      },
    );
  }
  // Old versions of docker padded the password with zero bytes.
  const password = pair.slice(colon + 1).replace(/\0+$/, '');
  return { username: pair.slice(0, colon), password, ...identityToken };
}

/** Helpers list Docker Hub under the URL of its first API. */
function serverName(registry: string): string {
  return plainHost(registry) === dockerHub ? `https://${dockerHub}/v1/` : registry;
}

/**
 * `docker-credential-NAME get` (docker-credential-helpers). It is the user's own program, and needs the user's
 * environment to find a key ring or a cloud's configuration. Milliner's own secrets are removed from it.
 */
async function askHelper(
  name: string,
  server: string,
  path: string,
  { environment, signal }: Asking,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const fails = (what: string) =>
    new MillinerError('CREDENTIALS_INVALID', `${path}: ${program} ${what}`, { details: { path, program } });
  if (!/^[\w.-]+$/.test(name)) throw fails('is not the name of a program');
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(environment)) {
    if (value !== undefined && !key.startsWith('MILLINER_')) env[key] = value;
  }
  const result = await start(program, ['get'], { env, input: server, signal, maxBuffer: helperBytes });
  const { exitCode, stdout, code } = result;
  if (result.isCanceled) throw commandFailed(program, ['get'], result);
  if (code === 'ENOENT') throw fails('is not installed');
  if (exitCode !== 0) {
    if (/credentials not found|no credentials/i.test(stdout)) return undefined;
    throw fails(`exited ${exitCode ?? 'by a signal'}`);
  }
  let answer;
  try {
    answer = helperSchema.parse(JSON.parse(stdout));
  } catch {
    throw fails('gave no readable credentials');
  }
  if (answer.Username !== tokenUser) return { username: answer.Username, password: answer.Secret };
  return { username: '', password: '', identityToken: answer.Secret };
}
