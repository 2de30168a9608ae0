/**
 * Users of a shared Redis (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/), one for each
 * role, so that a machine can write only the keys that it needs. A stolen password can still disturb the queue within
 * these keys; it cannot forge claims, which are sealed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../lib/errors/error.ts';
import { syncPath } from '../lib/host/files.ts';
import { writeNew } from '../pipeline/trust/key-files.ts';
import { prefix } from './queues.ts';
import { redisVariable } from './redis-address.ts';

export const roles = ['submit', 'build', 'sign'] as const;
export type Role = (typeof roles)[number];

const submitted = ['release', 'release:*', 'number', 'newest', 'cancelled', 'queues', 'turn:*'];

/** Patterns of keys below the prefix that each role may write. It may read all of them (`%R~`). */
const writableKeys: Record<Role, readonly string[]> = {
  // Releases, their counter, and which were cancelled; schedules, and who runs a night.
  submit: [...submitted, 'night', 'night:*'],
  // A stage that ends updates the job of its release. A night submits releases.
  build: ['lock-*', 'build-*', 'night', 'night:*', ...submitted, 'workers', 'worker:*'],
  // Moves releases on, into every queue; retries and cleans.
  sign: ['*'],
};

/** One line of an ACL file. */
function aclLine(role: Role, password: string): string {
  const hash = createHash('sha256').update(password).digest('hex');
  const keys = writableKeys[role].map((pattern) => `~${prefix}:${pattern}`);
  const commands = ['-@all', '+@all', '-@dangerous', '+info'];
  const channels = ['resetchannels', `&${prefix}:*`];
  const words = ['on', `#${hash}`, 'resetkeys', ...keys, `%R~${prefix}:*`, ...channels, ...commands];
  return `user ${nameOf(role)} ${words.join(' ')}`;
}

const nameOf = (role: Role) => `${prefix}-${role}`;

export interface UserFiles {
  /** For Redis: an aclfile, or lines for redis.conf. */
  acl: string;
  /** For the machines: environment files with MILLINER_REDIS and the user's password. */
  environments: Record<Role, string>;
}

/** `url` is that of the Redis, without a user. Never overwrites a file. Throws USAGE, OUTPUT_UNUSABLE, DISK_FULL. */
export async function writeUsers(directory: string, url: string): Promise<UserFiles> {
  const passwords = roles.map((role) => [role, randomBytes(32).toString('base64url')] as const);
  const environments = passwords.map(([role, password]) => {
    const place = withUser(url, nameOf(role), password);
    return { part: role, path: join(directory, `${role}.env`), text: `${redisVariable}=${place}\n` };
  });
  const acl = join(directory, 'users.acl');
  const lines = passwords.map(([role, password]) => `${aclLine(role, password)}\n`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  try {
    for (const { path, text } of [{ path: acl, text: lines.join('') }, ...environments]) {
      await writeNew(path, text, 0o600);
      written.push(path);
    }
  } catch (error) {
    // A partial set is useless, and would make the next attempt fail.
    for (const path of written) await rm(path, { force: true });
    throw error;
  }
  await syncPath(directory);
  const [submit, build, sign] = environments.map(({ path }) => path) as [string, string, string];
  return { acl, environments: { submit, build, sign } };
}

function withUser(text: string, name: string, password: string): string {
  const scheme = /^(?:rediss?(?:\+sentinel)?|unix):\/\//.exec(text)?.[0];
  const rest = scheme && text.slice(scheme.length);
  if (rest === undefined || rest === '' || rest.includes('@')) {
    throw new MillinerError('USAGE', 'the argument is not the URL of a Redis without a user', {
      hint: 'Write it as rediss://HOST[:PORT], redis://, unix:///PATH or rediss+sentinel://HOST,HOST/NAME.',
    });
  }
  return `${scheme}${name}:${password}@${rest}`;
}
