/** A stack of tiny images: a job, a store that serves what is in its volume, and a shop that asks it. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Desk } from './milliner.ts';

const untilAsked = `trap 'exit 0' TERM; while :; do sleep 0.1; done`;

const shell = (script: string, test: object = {}) => ({
  config: { entrypoint: ['/bin/sh', '-c', script], stopSignal: 'SIGTERM' },
  // Not asked to stop before it knows the signal.
  test: { init: false, settle: '500ms', ...test },
});

/** Each by its recipe's name. They boot alone, too, and are published so. */
const images: Record<string, Record<string, unknown>> = {
  migrate: shell('mkdir -p /srv; echo migrated >>/srv/log', { ready: { exit: 0 } }),
  store: {
    directories: [{ path: '/srv', mode: '0750' }],
    files: [{ path: '/srv/packaged', content: 'felt\n' }],
    ...shell(
      `if [ -e /etc/greeting ]; then
         [ -e /srv/log ] && [ -e /srv/packaged ] || exit 9
         cp /etc/greeting /srv/greeting; cat /run/password >/srv/password
         busybox stat -c '%u:%g %a' /run/password >/srv/owner
       fi
       busybox httpd -p 80 -h /srv; ${untilAsked}`,
    ),
  },
  shop: shell(untilAsked),
};

export const given = 'a word that only the operator knows';

/** What is in the file of the stack; a test changes a part of it. */
export const tinyStack = {
  volumes: { data: { size: '32M' } },
  secrets: { password: { generate: 40 }, word: { file: 'word.secret' } },
  services: {
    migrate: { image: 'migrate', after: [], volumes: { data: '/srv' } },
    store: {
      image: 'store',
      after: ['migrate'],
      volumes: { data: '/srv' },
      secrets: { password: { path: '/run/password', owner: '4711:4712', mode: '0440' } },
      values: { '/etc/greeting': 'Hello from a value\n' },
      limits: { memory: '64M' },
    },
    shop: {
      image: 'shop',
      after: ['store'],
      instances: 2,
      secrets: { password: '/etc/password', word: '/etc/word' },
    },
  },
  checks: [
    { from: 'shop', tcp: 'store:80' },
    { from: 'shop', http: 'http://store/greeting' },
    {
      from: 'shop',
      exec: ['/bin/sh', '-c', 'busybox wget -q -O - http://store/password | busybox cmp - /etc/password'],
    },
  ],
};

export async function buildTinyStack(desk: Desk): Promise<void> {
  for (const [name, fields] of Object.entries(images))
    await desk.build(await desk.tiny(name, ['tiny-base'], fields));
}

/** Writes the file of a stack beside the recipes, with the file of its secret. Gives its path. */
export async function writeStack(desk: Desk, name: string, fields: Record<string, unknown>): Promise<string> {
  const place = join(desk.recipes, 'stacks');
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'word.secret'), given);
  await chmod(join(place, 'word.secret'), 0o600);
  const path = join(place, `${name}.stack.yaml`);
  await writeFile(path, stringify({ name, ...fields }, { aliasDuplicateObjects: false }));
  return path;
}
