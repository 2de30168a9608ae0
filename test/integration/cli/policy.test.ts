/** `milliner policy`: what is there stays, what cannot be added to is refused before anything is written. */
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { generateKeyPair } from '../../../src/stages/sign/key.ts';
import { Desk } from '../../helpers/milliner.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';

const repository = 'registry.example.com/fedora/mariadb';

let desk: Desk;
let key: string;
beforeEach(async () => {
  desk = await Desk.open();
  key = desk.path('release.pub');
  await writeFile(key, (await generateKeyPair('x')).publicPem);
});
afterEach(() => desk.remove());

interface Answer {
  policy: string;
  registries: string[];
  repositories: string[];
  commands: string[];
}

const out = () => desk.path('policy');
const write = (...flags: string[]) => desk.json<Answer>(['policy', '--key', key, '--out', out(), ...flags]);
const policy = async () => JSON.parse(await readFile(desk.path('policy', 'policy.json'), 'utf8')) as unknown;
const registries = async (name = 'milliner.yaml') =>
  parse(await readFile(desk.path('policy', 'registries.d', name), 'utf8')) as unknown;

test('a new policy takes the named repositories with the key, and nothing else', async () => {
  const answer = await write('--to', repository, '--to', 'localhost:5000/base');
  expect(await policy()).toEqual({
    default: [{ type: 'reject' }],
    transports: {
      docker: {
        [repository]: [{ type: 'sigstoreSigned', keyPath: key }],
        'localhost:5000/base': [{ type: 'sigstoreSigned', keyPath: key }],
      },
    },
  });
  const attachments = { 'use-sigstore-attachments': true };
  expect(await registries()).toEqual({
    docker: { [repository]: attachments, 'localhost:5000/base': attachments },
  });
  expect(answer.registries).toEqual([desk.path('policy', 'registries.d', 'milliner.yaml')]);
  expect(answer.commands.filter((command) => command.startsWith('podman pull'))).toHaveLength(2);
  expect(answer.commands.filter((command) => command.startsWith('skopeo '))).toHaveLength(2);
});

test('the key is named by its absolute path', async () => {
  await desk.run(['policy', '--key', 'release.pub', '--to', repository, '--out', out()]);
  expect(JSON.stringify(await policy())).toContain(JSON.stringify(key));
});

describe('a key of OpenPGP', () => {
  const lookaside = 'https://signatures.example.com/sigstore';
  const [gpgKey, subkeys] = [() => desk.path('vendor.asc'), () => desk.path('subkeys.asc')];
  const words = (...flags: string[]) => ['policy', '--key', gpgKey(), '--out', out(), ...flags];
  let home: GpgHome;
  let exported: string[];
  beforeAll(async () => {
    home = await GpgHome.open();
    const [plain, primary] = [
      await home.makeKey('plain', 'ed25519'),
      await home.makeKey('sub', 'ed25519', 'cert'),
    ];
    await home.gpg(['--quick-add-key', primary, 'ed25519', 'sign', 'never']);
    exported = [plain, primary];
  });
  beforeEach(async () => {
    await home.export(gpgKey(), [exported[0]!]);
    await home.export(subkeys(), [exported[1]!]);
  });
  afterAll(() => home.close());

  test('is asked for as signedBy, beside what else is asked', async () => {
    await write('--to', repository);
    await desk.json(words('--to', repository, '--lookaside', lookaside));
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: gpgKey() };
    const docker = { [repository]: [{ type: 'sigstoreSigned', keyPath: key }, signedBy] };
    expect(await policy()).toMatchObject({ transports: { docker } });
    const settings = { 'use-sigstore-attachments': true, lookaside };
    expect(await registries()).toEqual({ docker: { [repository]: settings } });
    // What is there already need not be said again, of the repository or of what it is part of.
    expect(await desk.json<Answer>(words('--to', repository))).toMatchObject({ registries: [] });
    await desk.json(words('--to', 'quay.io/team/app', '--lookaside', lookaside));
    expect(JSON.stringify(await policy()).match(/signedBy/g)).toHaveLength(2);
  });

  test('needs to be told where its signatures lie', async () => {
    expect(await desk.fails(words('--to', repository))).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(await readdir(desk.directory)).not.toContain('policy.json');
    const ftp = words('--to', repository, '--lookaside', 'ftp://example.com');
    expect(await desk.fails(ftp)).toMatchObject({ code: 'USAGE', exit: 2 });
    const pem = ['policy', '--key', key, '--out', out(), '--to', repository, '--lookaside', lookaside];
    expect(await desk.fails(pem)).toMatchObject({ code: 'USAGE', exit: 2 });
  });

  test('with subkeys that sign is told of: older clients refuse those', async () => {
    const flags = ['--to', repository, '--lookaside', lookaside, '--out', out()];
    const { code, stderr } = await desk.run(['policy', '--key', subkeys(), ...flags]);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/refuse what a subkey has signed: [0-9A-F]{40}/),
    ]);
    expect((await desk.run(words(...flags.slice(0, 4)))).stderr).not.toContain('subkey');
  });
});

test('all else that stands there is kept, and a second time changes nothing', async () => {
  await mkdir(desk.path('policy', 'registries.d'), { recursive: true });
  const before = {
    default: [{ type: 'insecureAcceptAnything' }],
    transports: {
      docker: {
        'quay.io/other': [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/key' }],
        [repository]: [
          { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/key' },
          { type: 'insecureAcceptAnything' },
        ],
      },
      'docker-daemon': { '': [{ type: 'insecureAcceptAnything' }] },
    },
  };
  await writeFile(desk.path('policy', 'policy.json'), JSON.stringify(before));
  const theirs = `# ours since 2020\ndocker:\n  ${repository}:\n    lookaside: https://example.com/sigs # here\n`;
  await writeFile(desk.path('policy', 'registries.d', 'site.yaml'), theirs);
  await write('--to', repository);
  const first = await policy();
  const docker = before.transports.docker;
  expect(first).toEqual({
    ...before,
    transports: {
      ...before.transports,
      docker: { ...docker, [repository]: [docker[repository][0], { type: 'sigstoreSigned', keyPath: key }] },
    },
  });
  const text = await readFile(desk.path('policy', 'registries.d', 'site.yaml'), 'utf8');
  expect(text).toContain('# ours since 2020');
  expect(text).toContain('# here');
  expect(await registries('site.yaml')).toEqual({
    docker: { [repository]: { lookaside: 'https://example.com/sigs', 'use-sigstore-attachments': true } },
  });
  expect(await readdir(desk.path('policy', 'registries.d'))).toEqual(['site.yaml']);
  expect((await write('--to', repository)).registries).toEqual([]);
  expect(await policy()).toEqual(first);
});

test('settings that are all commented out become some, and the comments stay', async () => {
  await mkdir(desk.path('policy', 'registries.d'), { recursive: true });
  const site = desk.path('policy', 'registries.d', 'milliner.yaml');
  await writeFile(site, `# ours\ndocker:\n# example.com:\n#   lookaside: here\n`);
  await write('--to', repository);
  const attachments = { 'use-sigstore-attachments': true };
  expect(await registries()).toEqual({ docker: { [repository]: attachments } });
  for (const comment of ['# ours', '# example.com:', '#   lookaside: here']) {
    expect(await readFile(site, 'utf8')).toContain(comment);
  }
  await writeFile(site, `docker:\n  ${repository}:\n    # lookaside: here\n`);
  await write('--to', repository);
  expect(await registries()).toEqual({ docker: { [repository]: attachments } });
  expect(await readFile(site, 'utf8')).toContain('# lookaside: here');
});

test('a link stays one, and whoever could read a file still can', async () => {
  await mkdir(desk.path('policy'));
  await writeFile(desk.path('site.json'), JSON.stringify({ default: [{ type: 'reject' }] }), { mode: 0o640 });
  await symlink('../site.json', desk.path('policy', 'policy.json'));
  const words = ['policy', '--key', key, '--out', out(), '--to', repository];
  await desk.run(words, { wrapper: ['sh', '-c', 'umask 077; exec "$@"', 'sh'] });
  expect(await readFile(desk.path('site.json'), 'utf8')).toContain(repository);
  const modes = [desk.path('site.json'), desk.path('policy', 'registries.d', 'milliner.yaml')].map(
    async (path) => ((await stat(path)).mode & 0o777).toString(8),
  );
  expect(await Promise.all(modes)).toEqual(['640', '644']);
});

test('runs at once all have their say', async () => {
  const repositories = ['a', 'b', 'c', 'd'].map((name) => `${name}.example.com/hat`);
  await Promise.all(repositories.map((one) => write('--to', one)));
  const { docker } = (await registries()) as { docker: object };
  expect(Object.keys(docker).toSorted()).toEqual(repositories);
  const { transports } = (await policy()) as { transports: { docker: object } };
  expect(Object.keys(transports.docker).toSorted()).toEqual(repositories);
});

test('a place that cannot be written to', async () => {
  await writeFile(desk.path('policy'), '');
  const error = await desk.fails(['policy', '--key', key, '--out', out(), '--to', repository]);
  expect([error.code, error.exit]).toEqual(['POLICY_INVALID', 3]);
});

test.each([
  ['one image', ['--to', `${repository}:43`], 'USAGE', 2],
  ['no registry', ['--to', 'mariadb'], 'REFERENCE_INVALID', 3],
  ['no repository at all', [], 'USAGE', 2],
])('%s is refused', async (_name, flags, code, exit) => {
  const error = await desk.fails(['policy', '--key', key, '--out', out(), ...flags]);
  expect([error.code, error.exit]).toEqual([code, exit]);
});

test('a key file that is none is refused, and nothing is written', async () => {
  const error = await desk.fails([
    'policy',
    '--key',
    desk.path('none.pub'),
    '--to',
    repository,
    '--out',
    out(),
  ]);
  expect([error.code, error.exit]).toEqual(['KEY_FILE_INVALID', 3]);
  expect(await readdir(desk.directory)).not.toContain('policy');
});
