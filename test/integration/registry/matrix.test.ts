/** docs/registries.md is so: each of its rows is tried, in a sample here and whole in the soak, which can write it. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { network, checkout } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { makeCertificate } from '../../helpers/registry/certificate.ts';
import { RegistryServer, type ServerOptions } from '../../helpers/registry/registry-server.ts';
import { behaviours } from './behaviours.ts';
import { authFileFor, operations, tryAll, type Row } from './matrix.ts';
import { StandIn } from './stand-in.ts';
import { TokenServer } from './tokens.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';

useOneProcess();

const path = join(checkout, 'docs', 'registries.md');
const chosen = shareOfDay(behaviours, 6);

let bench: Bench;
const rows: string[][] = [];

beforeAll(async () => {
  bench = await Bench.open();
  await bench.booted('hat', ['tiny-base']);
  await bench.booted('cap', ['tiny-base', 'tiny-app']);
});
afterAll(async () => {
  await bench.close();
  if (soak && process.env['MILLINER_WRITE'] !== undefined) await writeFile(path, await withRows());
});

async function held(name: string, report: string, row: Row): Promise<void> {
  const cells = [name, report, ...operations.map((operation) => row[operation])];
  rows.push(cells);
  if (process.env['MILLINER_WRITE'] !== undefined) return;
  const told = (await readFile(path, 'utf8')).split('\n').map(cellsOf);
  expect(told.filter(([first]) => first === name)).toEqual([cells]);
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

async function withRows(): Promise<string> {
  const text = await readFile(path, 'utf8');
  const [before = ''] = text.split('\n| ');
  const head = ['registry', 'told by', ...operations];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return format(`${before}\n${lines.join('\n')}\n`, { ...(await resolveConfig(path)), parser: 'markdown' });
}

test.each(chosen)('$name', async ({ name, report, behaviour }) => {
  const registry = await StandIn.start(behaviour);
  try {
    const { host } = registry;
    const env = behaviour.auth ? { REGISTRY_AUTH_FILE: await authFileFor(bench, host) } : {};
    const row = await tryAll(bench, {
      host,
      target: host,
      env,
      removeUntagged: () => registry.removeUntagged(),
    });
    await held(name, report, row);
  } finally {
    registry.close();
  }
});

/** What a real one is started with, and what its clients are told. */
interface Prepared extends ServerOptions {
  close?: () => void;
  /** File with its certificate, which is its own authority. */
  certificate?: string;
}

test.each<[string, () => Promise<Prepared>]>([
  ['docker-registry, open', async () => ({})],
  ['docker-registry, without DELETE', async () => ({ noDelete: true })],
  ['docker-registry, htpasswd', async () => ({ basic: true })],
  [
    'docker-registry, token server',
    async () => {
      const tokens = await TokenServer.start();
      return { token: tokens.auth, close: () => tokens.close() };
    },
  ],
  [
    'docker-registry, TLS and htpasswd',
    async () => {
      const { directory } = bench.desk;
      await makeCertificate(directory, 'server');
      const certificate = join(directory, 'server.crt');
      return { basic: true, tls: { certificate, key: join(directory, 'server.key') }, certificate };
    },
  ],
])('%s', async (name, prepare) => {
  const { close, certificate, ...options } = await prepare();
  const server = await RegistryServer.start(options);
  try {
    const { host, url } = server;
    const login =
      options.basic || options.token
        ? { ...network, REGISTRY_AUTH_FILE: await authFileFor(bench, host) }
        : network;
    const configuration = bench.desk.path('configuration');
    const certificates = join(configuration, '.config/containers/certs.d', host);
    if (certificate !== undefined) {
      await mkdir(certificates, { recursive: true });
      await copyFile(certificate, join(certificates, 'ca.crt'));
    }
    const ground =
      certificate === undefined
        ? { host, target: host, env: login }
        : { host, target: url, env: { ...login, HOME: configuration }, certificates };
    await held(name, 'Debian 12: the real one', await tryAll(bench, ground));
  } finally {
    await server.close();
    close?.();
  }
});
