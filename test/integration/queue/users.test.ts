/** The users that `queue users` makes, in a real Redis: each does its part of a release, and can write nothing else. */
import { readFile, stat } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { roles, type Role, type UserFiles } from '../../../src/queue/users.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { Workshop, type Circumstances } from './queue-fixture.ts';

let workshop: Workshop;
let redis: RedisServer;
let files: UserFiles;
const urls = new Map<Role, string>();
const clients = new Map<Role, Redis>();

beforeAll(async () => {
  workshop = await Workshop.open();
  const free = await RedisServer.start();
  const place = `redis://${free.address}:${free.port}`;
  files = await workshop.json<UserFiles>(['queue', 'users', place, '--out', 'users']);
  await free.kill();
  redis = free;
  await redis.add((await readFile(files.acl, 'utf8')).trimEnd().split('\n'));
  for (const part of roles) {
    const text = await readFile(files.environments[part], 'utf8');
    urls.set(part, /^MILLINER_REDIS=(.*)\n$/.exec(text)![1]!);
    clients.set(part, new Redis(urls.get(part)!));
  }
});
afterAll(async () => {
  for (const client of clients.values()) client.disconnect();
  await unmountAllBelow(workshop.bench.desk.directory, { detach: true });
  await workshop.close();
  await redis.close();
});

test('files that hold passwords are private, and none is written over', async () => {
  for (const path of [files.acl, ...Object.values(files.environments)]) {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  for (const url of urls.values()) {
    const { password } = new URL(url);
    expect(await readFile(files.acl, 'utf8')).not.toContain(password);
  }
  const again = await workshop.ends(['queue', 'users', 'redis://localhost', '--out', 'users', '--json']);
  expect((JSON.parse(again.stdout) as { error: { code: string } }).error.code).toBe('OUTPUT_UNUSABLE');
  const odd = await workshop.ends(['queue', 'users', 'redis://a:b@localhost', '--out', 'others', '--json']);
  expect((JSON.parse(odd.stdout) as { error: { code: string } }).error.code).toBe('USAGE');
});

test('a release goes from one to the other: asked for, built, signed, each with its own user', async () => {
  const place = (part: Role): Circumstances & { state: string } => ({
    state: workshop.bench.desk.path(part),
    env: { MILLINER_REDIS: urls.get(part)! },
  });
  await workshop.enroll(roles.map((part) => place(part).state));
  const recipe = await workshop.bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  const to = `${workshop.bench.server.host}/hat:1`;
  const [id] = await workshop.queue([recipe], to, place('submit'));
  const building = workshop.worker(['--only', 'build'], place('build'));
  const signing = workshop.worker(['--only', 'sign', '--key', workshop.bench.key], place('sign'));
  const { exitCode } = await workshop.start([...workshop.releasing([recipe], to), '--json'], place('submit'));
  expect(exitCode).toBe(0);
  const one = await workshop.json<ReleaseStatus>(['queue', 'status', id!], place('submit'));
  expect(one).toMatchObject({ state: 'released', report: { references: [to] } });
  expect(one.stages.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
  expect(await workshop.bench.tags('hat')).toContain('1');
  const [second] = await workshop.queue([recipe], `${workshop.bench.server.host}/hat:2`, place('submit'));
  await workshop.json(['queue', 'cancel', second!], place('submit'));
  const { releases } = await workshop.status(place('submit'));
  expect(releases.find(({ release }) => release === second)?.state).toMatch(/cancelled|released/);
  for (const worker of [building, signing]) {
    worker.kill('SIGTERM');
    expect((await worker.ended).exitCode).toBe(0);
    expect(worker.lines.filter(({ message }) => /NOPERM|QUEUE_DENIED/.test(message))).toEqual([]);
  }
});

/** What each may write; everything below the prefix may be read. */
const keysOf: [string, Role[]][] = [
  ['milliner:release:hat-1', ['submit', 'build', 'sign']],
  ['milliner:release:wait', ['submit', 'build', 'sign']],
  ['milliner:number', ['submit', 'build', 'sign']],
  ['milliner:newest', ['submit', 'build', 'sign']],
  ['milliner:cancelled', ['submit', 'build', 'sign']],
  ['milliner:night:repeat', ['submit', 'build', 'sign']],
  ['milliner:lock-x86_64:wait', ['build', 'sign']],
  ['milliner:build-x86_64:hat-1.build.x86_64', ['build', 'sign']],
  ['milliner:worker:1', ['build', 'sign']],
  ['milliner:sign-0123456789abcdef:wait', ['sign']],
  ['milliner:publish:wait', ['sign']],
  ['milliner:published', ['sign']],
  ['milliner:moving:registry.example.com/hat:1', ['sign']],
  ['other:key', []],
  ['session', []],
];
test.each(keysOf)('%s', async (key, granted) => {
  for (const [part, client] of clients) {
    const answer = await client.hset(key, 'forged', '1').then(
      () => 'written',
      (error: Error) => error.message.split(' ')[0],
    );
    const isGranted = granted.includes(part);
    // A key of another kind that is there already is as good as written.
    expect([part, answer === 'NOPERM']).toEqual([part, !isGranted]);
    const read = await client.type(key).catch((error: Error) => error.message.split(' ')[0]);
    expect([part, read === 'NOPERM']).toEqual([part, !key.startsWith('milliner:')]);
  }
});

test.each([
  ['config', 'get', 'requirepass'],
  ['flushall'],
  ['keys', '*'],
  ['acl', 'list'],
  ['client', 'list'],
  ['module', 'list'],
  ['replicaof', 'evil.example.com', '6379'],
  ['save'],
  ['shutdown'],
  ['monitor'],
  ['migrate', 'evil.example.com', '6379', 'milliner:number', '0', '1'],
])('nobody of them may: %s', async (command, ...args) => {
  for (const client of clients.values()) {
    await expect(client.call(command, ...args)).rejects.toThrow('NOPERM');
  }
});
