/**
 * A whole flow whose secrets are known: they are in no file, no output and no process's arguments, but in the key
 * file, encrypted, and in the file of credentials that was there before. And what else is private is private.
 */
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { start } from '../../../src/lib/host/exec.ts';
import { openBox } from '../../../src/stages/sign/encrypted.ts';
import type { Refuse } from '../../../src/stages/sign/untrusted-json.ts';
import { cli, Desk } from '../../helpers/milliner.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { redisPassword, RedisServer } from '../../helpers/redis-server.ts';
import { account, RegistryServer } from '../../helpers/registry/registry-server.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { ProcessWatch, type Seen } from './processes.ts';
import { Secrets } from './secrets.ts';

const passphrase = `felt "and" silk ${randomBytes(12).toString('hex')}`;
const wrongPassphrase = `straw ${randomBytes(12).toString('hex')}`;
const wrongPassword = `a hat of straw ${randomBytes(12).toString('hex')}`;
const pairOf = (password: string) => Buffer.from(`${account.username}:${password}`).toString('base64');

interface Run {
  args: string[];
  /** Code of the error it must end with, and of that which it did. */
  expected: string | undefined;
  code: string | undefined;
  output: Buffer;
}

let desk: Desk;
let server: RegistryServer;
/** In front of the registry; tells whoever is refused what they have sent. */
let gossip: FaultProxy;
let privateKey: KeyObject;
const secrets = new Secrets();
const runs: Run[] = [];
let seen: Seen;
/** What the files of a shared Redis hold. */
let inRedis: string[];

beforeAll(async () => {
  desk = await Desk.open();
  server = await RegistryServer.start({ basic: true, directory: desk.path('registry') });
  gossip = await FaultProxy.start(server.host);
  gossip.script = ({ method, headers }) => {
    const sent = headers.authorization;
    if (method !== 'PUT' || sent === undefined) return undefined;
    const pair = sent.replace('Basic ', '');
    const said = [sent, pair, Buffer.from(pair, 'base64').toString()];
    const errors = said.map((message) => ({ code: 'DENIED', message }));
    return { answer: 403, body: JSON.stringify({ errors }) };
  };
  for (const name of ['tmp', 'home']) await mkdir(desk.path(name));
  // Made by hand, as anyone would: what is in it has to be private by itself.
  await mkdir(desk.state, { mode: 0o755 });
  secrets.add('passphrase', Buffer.from(passphrase));
  secrets.add('wrong passphrase', Buffer.from(wrongPassphrase));
  await credentials('auth.json', pairOf(account.password));
  await credentials('wrong.json', pairOf(wrongPassword));
  await credentials('nobody.json', Buffer.from(account.password).toString('base64'));
  await writeFile(desk.path('damaged.json'), (await readFile(desk.path('auth.json'), 'utf8')).slice(0, -1));
  for (const [which, password] of [
    ['', account.password],
    ['wrong ', wrongPassword],
  ] as const) {
    secrets.add(`${which}password`, Buffer.from(password), { parts: 1 });
    secrets.add(`${which}credentials`, Buffer.from(`${account.username}:${password}`), { parts: 1 });
  }
  const watch = new ProcessWatch(secrets);
  await flow().finally(async () => (seen = await watch.stop()));
});
afterAll(async () => {
  gossip.close();
  await server.close();
  await desk.remove();
});

const unreadable: Refuse = (what) => new MillinerError('KEY_FILE_INVALID', what);

async function credentials(name: string, auth: string): Promise<void> {
  const auths = { [server.host]: { auth }, [gossip.host]: { auth } };
  await writeFile(desk.path(name), JSON.stringify({ auths }), { mode: 0o600 });
}

interface Circumstances {
  password?: string;
  auth?: string;
  /** Of a Redis. */
  url?: string;
}

/** As a user who has the secrets in the environment, as CI has. */
async function milliner(
  args: string[],
  expected?: string,
  { password = passphrase, auth = 'auth.json', url = '' }: Circumstances = {},
): Promise<void> {
  const env = {
    MILLINER_STATE: desk.state,
    MILLINER_KEY_PASSWORD: password,
    REGISTRY_AUTH_FILE: desk.path(auth),
    TMPDIR: desk.path('tmp'),
    HOME: desk.path('home'),
    ...(url !== '' && { MILLINER_REDIS: url }),
  };
  const ended = await start(process.execPath, [cli, ...args], { cwd: desk.directory, env });
  const [, code = ended.exitCode === 0 ? undefined : 'unknown'] =
    /"code": "([A-Z_]+)"/.exec(ended.stdout) ?? /^([A-Z]+_[A-Z_]+): /m.exec(ended.stderr) ?? [];
  runs.push({ args, expected, code, output: Buffer.from(`${ended.stdout}${ended.stderr}`) });
}

async function flow(): Promise<void> {
  const key = desk.path('keys', 'release');
  await milliner(['key', 'generate', '--out', key, '--json', '--debug']);
  privateKey = await openKey(`${key}.key`);
  const { d } = privateKey.export({ format: 'jwk' });
  // Bytes that are shown for people are cut off: eight in a row are enough.
  secrets.add('private key', Buffer.from(d!, 'base64url'), { parts: 4 });
  const recipe = await desk.tiny('hat', ['tiny-base', 'tiny-app'], runsToItsEnd);
  await milliner(['build', recipe, '--output', desk.path('layout'), '--debug']);
  await milliner(['boot', 'hat', '--json', '--debug']);
  const repository = `${server.host}/vendor/hat`;
  for (const flags of shareOfDay([['--debug'], ['--debug', '--json']], 2)) {
    const publish = (to = repository) => [
      'publish',
      'hat',
      '--to',
      `${to}:1`,
      '--key',
      `${key}.key`,
      ...flags,
    ];
    const verify = (suffix = 'pub') => ['verify', `${repository}:1`, '--key', `${key}.${suffix}`, ...flags];
    await milliner(publish(), 'KEY_FILE_INVALID', { password: wrongPassphrase });
    await milliner(publish(), 'REGISTRY_DENIED', { auth: 'wrong.json' });
    await milliner(publish(), 'CREDENTIALS_INVALID', { auth: 'damaged.json' });
    await milliner(publish(), 'CREDENTIALS_INVALID', { auth: 'nobody.json' });
    await milliner(publish(`${gossip.host}/vendor/hat`), 'REGISTRY_DENIED');
    await milliner(publish());
    await milliner(verify());
    await milliner(verify('key'), 'KEY_FILE_INVALID');
    await milliner(verify(), 'REGISTRY_DENIED', { auth: 'wrong.json' });
  }
  await throughTheQueue(`${key}.key`, repository);
  await milliner([
    'policy',
    '--key',
    `${key}.pub`,
    '--to',
    repository,
    '--out',
    desk.path('policy'),
    '--debug',
  ]);
}

/** By one who waits, and by workers on the Redis of the state and on one with a password; all of both is kept. */
async function throughTheQueue(key: string, repository: string): Promise<void> {
  const release = (to: string, ...flags: string[]) => [
    'release',
    join(desk.recipes, 'hat.yaml'),
    '--key',
    key,
    '--to',
    to,
    ...flags,
  ];
  await milliner(release(`${repository}:2`, '--debug'));
  await milliner(release(`${repository}:3`), 'KEY_FILE_INVALID', { password: wrongPassphrase });
  await milliner(release(`${gossip.host}/vendor/hat:2`), 'RELEASE_FAILED');
  await milliner(['queue', 'status', '--debug']);
  const redis = await RedisServer.start();
  secrets.add('password of Redis', Buffer.from(redisPassword), { parts: 1 });
  try {
    const shared = { url: redis.url };
    await milliner(release(`${repository}:4`, '--detach', '--json'), undefined, shared);
    await milliner(['worker', '--once', '--debug'], undefined, shared);
    await milliner(release(`${repository}:5`, '--detach'), 'REGISTRY_DENIED', {
      ...shared,
      auth: 'wrong.json',
    });
    await milliner(['queue', 'status', 'hat-1', '--json', '--debug'], undefined, shared);
    await milliner(['queue', 'status'], 'QUEUE_DENIED', { url: redis.url.replace('milliner', 'nobody') });
    await rm(join(redis.directory, 'redis.conf'));
    inRedis = await secrets.below(redis.directory);
  } finally {
    await redis.close();
  }
}

async function openKey(path: string): Promise<KeyObject> {
  const body = (await readFile(path, 'utf8')).replaceAll(/-----.*-----|\s/g, '');
  const content = await openBox(Buffer.from(body, 'base64'), passphrase, unreadable);
  return createPrivateKey({ key: content, format: 'der', type: 'pkcs8' });
}

test('each step ended as it should', () => {
  expect(runs.map(({ args, code }) => ({ args, code }))).toEqual(
    runs.map(({ args, expected }) => ({ args, code: expected })),
  );
});

test('the forms that are looked for are those that programs write', () => {
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const [scalar, pem] = [
    Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'),
    privateKey.export({ format: 'pem', type: 'sec1' }),
  ];
  const written = [
    scalar,
    pkcs8,
    pem,
    privateKey.export({ format: 'pem', type: 'pkcs8' }),
    JSON.stringify({ error: pem }),
    JSON.stringify({ scalar }),
    JSON.stringify(privateKey.export({ format: 'jwk' })),
    inspect(scalar),
    inspect(pkcs8),
    scalar
      .toString('hex')
      .toUpperCase()
      .replaceAll(/(..)(?=.)/g, '$1:'),
    scalar.subarray(0, 16).toString('base64'),
  ];
  for (const one of written) expect(secrets.in(Buffer.from(one))).toEqual(['private key']);
  for (const one of [
    passphrase,
    JSON.stringify({ passphrase }),
    inspect({ passphrase }),
    encodeURI(passphrase),
  ]) {
    expect(secrets.in(Buffer.from(one))).toEqual(['passphrase']);
  }
  expect(secrets.in(Buffer.from(`Authorization: Basic ${pairOf(account.password)}`))).toEqual([
    'password',
    'credentials',
  ]);
});

test('no file holds a secret but those that held it before', async () => {
  const files = (await secrets.below(desk.directory)).map((path) => path.replace(`${desk.directory}/`, ''));
  expect(files.toSorted()).toEqual([
    'credentials in auth.json',
    'credentials in damaged.json',
    'password in auth.json',
    'password in damaged.json',
    'password in nobody.json',
    'wrong credentials in wrong.json',
    'wrong password in wrong.json',
  ]);
});

test('Redis is told none', async () => {
  expect(inRedis).toEqual([]);
  // It was looked at: the private one's journal is among the files of the state.
  const journals = await readdir(join(desk.state, 'queue', 'appendonlydir'));
  expect(journals.length).toBeGreaterThan(1);
});

test('no output tells one', () => {
  const told = runs.map(({ args, output }) => ({ args, told: secrets.in(output) }));
  expect(told.filter((one) => one.told.length > 0)).toEqual([]);
  expect(runs.filter(({ output }) => output.length === 0)).toEqual([]);
});

test('no process shows one in its arguments, or is given one in its environment', () => {
  expect(seen.leaks).toEqual([]);
  // They were looked at.
  const commands = [
    `${cli} publish hat --to ${server.host}`,
    `runc --root ${desk.state}`,
    'queue/job-process.js',
  ];
  for (const command of commands) {
    expect([...seen.commands].some((one) => one.includes(command))).toBe(true);
  }
});

test("the key is its owner's, and other users read nothing of the state", async () => {
  expect(await modeOf(desk.path('keys'))).toBe(0o700);
  expect(await modeOf(desk.path('keys/release.key'))).toBe(0o600);
  expect(await modeOf(desk.path('keys/release.pub'))).toBe(0o644);
  // A lock, and empty.
  expect(await readableByOthers(desk.state)).toEqual([join(desk.state, 'content.lock')]);
  expect((await stat(join(desk.state, 'content.lock'))).size).toBe(0);
  await milliner(['gc', '--state', desk.path('new', 'state')]);
  expect(await modeOf(desk.path('new'))).toBe(0o755);
  expect(await modeOf(desk.path('new', 'state'))).toBe(0o700);
});

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

/** Whoever knows the name of a file needs no leave to list the directory. */
async function readableByOthers(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink()) continue;
    const mode = await modeOf(path);
    if (entry.isDirectory()) {
      if ((mode & 0o1) !== 0) found.push(...(await readableByOthers(path)));
    } else if ((mode & 0o6) !== 0) found.push(path);
  }
  return found;
}
