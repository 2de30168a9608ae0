/** Stacks as they are loaded: what is not given, and each fault with its file, line and key. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { loadStack } from '../../../src/stages/recipe/load-stack.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stacks-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function load(lines: readonly string[], name = 'shop') {
  const path = join(directory, `${name}.stack.yaml`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return loadStack(path);
}

test('what is not given has a default, and short forms are long ones', async () => {
  const { stack } = await load([
    'name: shop',
    'volumes: { data: {} }',
    'secrets: { password: { generate: 32 } }',
    'services:',
    '  database:',
    '    image: demo-mariadb',
    '    volumes: { data: /var/lib/mysql }',
    '    secrets: { password: /run/password }',
    '  web:',
    '    image: sha256:0123456789ab',
    '    after: [database]',
    '    limits: { memory: 64M }',
    '    values: { /etc/greeting: Hello }',
    '    ports: [80, { port: 443, publish: 8443 }]',
    'checks:',
    '  - { from: web, tcp: "database:3306" }',
  ]);
  const none = { after: [], values: {}, secrets: {}, volumes: {}, ports: [], instances: 1, limits: {} };
  expect(stack).toEqual({
    name: 'shop',
    volumes: { data: { size: '4G' } },
    secrets: { password: { generate: 32 } },
    services: {
      database: {
        ...none,
        image: 'demo-mariadb',
        volumes: { data: { path: '/var/lib/mysql', readonly: false } },
        secrets: { password: { path: '/run/password', owner: 'root:root', mode: '0400' } },
      },
      web: {
        ...none,
        image: 'sha256:0123456789ab',
        after: ['database'],
        limits: { memory: '64M' },
        values: { '/etc/greeting': { content: 'Hello', owner: 'root:root', mode: '0444' } },
        ports: [
          { port: 80, publish: 0, address: '127.0.0.1' },
          { port: 443, publish: 8443, address: '127.0.0.1' },
        ],
      },
    },
    checks: [{ from: 'web', tcp: 'database:3306', interval: '500ms' }],
  });
});

test('a name is that of a file here, or in recipes/stacks', async () => {
  const before = process.cwd();
  const place = join(directory, 'recipes', 'stacks');
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'shop.stack.yaml'), 'name: shop\nservices: { a: { image: a } }\n');
  process.chdir(directory);
  try {
    expect((await loadStack('shop.stack')).path).toBe(join(process.cwd(), 'recipes/stacks/shop.stack.yaml'));
    await expect(loadStack('other.stack')).rejects.toMatchObject({ code: 'STACK_NOT_FOUND' });
  } finally {
    process.chdir(before);
  }
});

const web = '  web: { image: web }';
/** Further lines, and the line and key of the one fault. */
const faults: [string, string[], { line: number; key: string }][] = [
  ['no service', ['services: {}'], { line: 2, key: 'services' }],
  ['no image', ['services:', '  web: {}'], { line: 3, key: 'services.web.image' }],
  ['an unknown key', ['services:', web, 'network: host'], { line: 4, key: 'network' }],
  [
    'an unknown limit',
    ['services:', '  web: { image: a, limits: { ram: 1G } }'],
    { line: 3, key: 'services.web.limits.ram' },
  ],
  ['a name that is none of DNS', ['services:', '  Web_1: { image: a }'], { line: 3, key: 'services.Web_1' }],
  [
    'the name of the host itself',
    ['services:', '  localhost: { image: a }'],
    { line: 3, key: 'services.localhost' },
  ],
  [
    'a service after none',
    ['services:', '  web: { image: a, after: [db] }'],
    { line: 3, key: 'services.web.after' },
  ],
  [
    'a service after itself',
    ['services:', '  web: { image: a, after: [web] }'],
    { line: 3, key: 'services.web.after' },
  ],
  [
    'a circle',
    ['services:', '  a: { image: a, after: [b] }', '  b: { image: b, after: [a] }'],
    { line: 3, key: 'services.a.after' },
  ],
  [
    'a secret that is not declared',
    ['services:', '  web: { image: a, secrets: { key: /run/key } }'],
    { line: 3, key: 'services.web.secrets.key' },
  ],
  [
    'a volume that is not declared',
    ['services:', '  web: { image: a, volumes: { data: /srv } }'],
    { line: 3, key: 'services.web.volumes.data' },
  ],
  [
    'a secret without use',
    ['services:', web, 'secrets: { key: { generate: 32 } }'],
    { line: 4, key: 'secrets.key' },
  ],
  ['a volume without use', ['services:', web, 'volumes: { data: {} }'], { line: 4, key: 'volumes.data' }],
  [
    'a secret in the file',
    ['services:', web, 'secrets: { key: { generate: 32, text: x } }'],
    { line: 4, key: 'secrets.key.text' },
  ],
  [
    'a short secret',
    ['services:', web, 'secrets: { key: { generate: 4 } }'],
    { line: 4, key: 'secrets.key.generate' },
  ],
  [
    'a file in a place of the instance',
    ['services:', '  web: { image: a, values: { /etc/hosts: x } }'],
    { line: 3, key: 'services.web.values./etc/hosts' },
  ],
  [
    'a path that goes up',
    ['services:', '  web: { image: a, values: { /etc/../x: x } }'],
    { line: 3, key: 'services.web.values./etc/../x' },
  ],
  [
    'a file in a volume',
    [
      'volumes: { data: {} }',
      'services:',
      '  web: { image: a, values: { /srv/a: x }, volumes: { data: /srv } }',
    ],
    { line: 4, key: 'services.web.volumes.data' },
  ],
  [
    'one port of the host for two instances',
    ['services:', '  web: { image: a, instances: 2, ports: [{ port: 80, publish: 80 }] }'],
    { line: 3, key: 'services.web.ports.0' },
  ],
  [
    'too many instances',
    ['services:', '  web: { image: a, instances: 101 }'],
    { line: 3, key: 'services.web.instances' },
  ],
  [
    'a check from none',
    ['services:', web, 'checks: [{ from: db, tcp: "web:80" }]'],
    { line: 4, key: 'checks.0.from' },
  ],
  [
    'a check of none',
    ['services:', web, 'checks: [{ from: web, tcp: "db:80" }]'],
    { line: 4, key: 'checks.0.tcp' },
  ],
  [
    'a check of the host',
    ['services:', web, 'checks: [{ from: web, http: "http://localhost/" }]'],
    { line: 4, key: 'checks.0.http' },
  ],
  [
    'a check of no port',
    ['services:', web, 'checks: [{ from: web, tcp: "web:70000" }]'],
    { line: 4, key: 'checks.0.tcp' },
  ],
];

test.each(faults)('%s', async (_what, lines, { line, key }) => {
  const error = await load(['name: shop', ...lines]).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    code: 'STACK_INVALID',
    details: { path: join(directory, 'shop.stack.yaml') },
  });
  const found = (error as MillinerError).details as { faults: { line: number; key: string }[] };
  expect(found.faults.map((one) => ({ line: one.line, key: one.key }))).toEqual([{ line, key }]);
});

test('a file is called as its stack', async () => {
  await expect(load(['name: other', 'services:', web])).rejects.toMatchObject({ code: 'STACK_INVALID' });
});
