import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCredentials, type Environment } from './credentials.ts';

let home: string;
let environment: Record<string, string>;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'credentials-'));
  environment = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), PATH: `${home}:/usr/bin:/bin` };
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

async function put(name: string, content: unknown): Promise<string> {
  const path = join(home, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const entry = (user: string, password = 'secret') => ({
  auth: Buffer.from(`${user}:${password}`).toString('base64'),
});
const find = (registry: string, repository = 'felt/hat', from: Environment = environment) =>
  findCredentials(registry, repository, from);

test('files are asked in the order of podman, and the first that knows the registry decides', async () => {
  expect(await find('r.example')).toBeUndefined();
  const inOrder = ['.docker/config.json', '.config/containers/auth.json', 'run/containers/auth.json'];
  for (const name of inOrder) {
    await put(name, { auths: { 'r.example': entry(name) } });
    expect(await find('r.example')).toEqual({ username: name, password: 'secret' });
  }
  const chosen = await put('chosen.json', { auths: { 'other.example': entry('chosen') } });
  environment['REGISTRY_AUTH_FILE'] = chosen;
  expect(await find('r.example')).toBeUndefined();
  expect(await find('other.example')).toEqual({ username: 'chosen', password: 'secret' });
});

test('DOCKER_CONFIG and XDG_CONFIG_HOME move their files', async () => {
  await put('d/config.json', { auths: { 'r.example': entry('docker') } });
  expect(await find('r.example', 'hat', { ...environment, DOCKER_CONFIG: join(home, 'd') })).toMatchObject({
    username: 'docker',
  });
  await put('x/containers/auth.json', { auths: { 'r.example': entry('x') } });
  expect(await find('r.example', 'hat', { ...environment, XDG_CONFIG_HOME: join(home, 'x') })).toMatchObject({
    username: 'x',
  });
});

test('the longest namespace wins, and whole components only', async () => {
  await put('.docker/config.json', {
    auths: {
      'r.example': entry('host'),
      'r.example/felt': entry('felt'),
      'r.example/felt/hat': entry('hat'),
      'r.example/wool': entry('wool'),
    },
  });
  for (const [repository, username] of [
    ['felt/hat', 'hat'],
    ['felt/hatter', 'felt'],
    ['felt/hat/brim', 'hat'],
    ['woollen', 'host'],
  ]) {
    expect(await find('r.example', repository)).toMatchObject({ username });
  }
  expect(await find('example')).toBeUndefined();
});

test('the keys of old are understood', async () => {
  await put('.docker/config.json', {
    auths: {
      'https://index.docker.io/v1/': entry('hub'),
      'http://old.example:5000/v2/': entry('old', 'pass:word\0\0'),
      'plain.example/felt': entry('felt'),
    },
  });
  expect(await find('docker.io')).toMatchObject({ username: 'hub' });
  expect(await find('old.example:5000')).toEqual({ username: 'old', password: 'pass:word' });
  expect(await find('old.example')).toBeUndefined();
  expect(await find('plain.example', 'wool')).toBeUndefined();
});

test('identity tokens', async () => {
  await put('.docker/config.json', {
    auths: {
      'a.example': { ...entry('u', ''), identitytoken: 'token' },
      'b.example': { identitytoken: 'b' },
      'c.example': {},
    },
  });
  expect(await find('a.example')).toEqual({ username: 'u', password: '', identityToken: 'token' });
  expect(await find('b.example')).toEqual({ username: '', password: '', identityToken: 'b' });
  expect(await find('c.example')).toBeUndefined();
});

test('helpers are asked with the name of the server, in the environment of the user', async () => {
  const script = `#!/bin/sh
read server
case "$server" in
  known.example) echo '{"ServerURL":"known.example","Username":"u","Secret":"s"}' ;;
  https://index.docker.io/v1/) echo '{"Username":"<token>","Secret":"t"}' ;;
  environment.example) echo "{\\"Username\\":\\"$CLOUD\\",\\"Secret\\":\\"[$MILLINER_KEY_PASSWORD]\\"}" ;;
  nonsense.example) echo 'secret' ;;
  none.example) echo 'credentials not found in native keychain'; exit 1 ;;
  endless.example) yes secret ;;
  *) echo 'secret'; echo 'secret' >&2; exit 1 ;;
esac
`;
  await chmod(await put('docker-credential-felt', script), 0o755);
  const file = { credHelpers: { 'known.example': 'felt', 'missing.example': 'nobody' }, credsStore: 'felt' };
  await put('.docker/config.json', { ...file, auths: { 'file.example': entry('file') } });
  Object.assign(environment, { CLOUD: 'cloud', MILLINER_KEY_PASSWORD: 'ours' });
  expect(await find('known.example')).toEqual({ username: 'u', password: 's' });
  expect(await find('docker.io')).toEqual({ username: '', password: '', identityToken: 't' });
  expect(await find('file.example')).toMatchObject({ username: 'file' });
  expect(await find('none.example')).toBeUndefined();
  expect(await find('environment.example')).toEqual({ username: 'cloud', password: '[]' });
  for (const registry of ['missing.example', 'nonsense.example', 'broken.example', 'endless.example']) {
    await refused(find(registry));
  }
});

test('a helper that never answers is waited for until we are stopped', async () => {
  await chmod(await put('docker-credential-felt', '#!/bin/sh\nexec sleep 1000\n'), 0o755);
  await put('.docker/config.json', { credsStore: 'felt' });
  const stop = new AbortController();
  const asked = findCredentials('silent.example', 'felt/hat', environment, stop.signal);
  stop.abort();
  await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('what is no such file is said, without what it holds', async () => {
  for (const content of ['secret', '{"auths": "secret"}', '{"auths": {"r.example": {"auth": "c2VjcmV0"}}}']) {
    await put('.docker/config.json', content);
    await refused(find('r.example'));
  }
  await put('.docker/config.json', '');
  expect(await find('r.example')).toBeUndefined();
});

async function refused(promise: Promise<unknown>): Promise<void> {
  const error = await promise.catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID' });
  const { message, stack, cause, details } = error as Error & { details: unknown };
  expect(JSON.stringify([message, stack, String(cause), details])).not.toMatch(/secret|c2Vjc/);
}
