/**
 * vitest's global set-up: what the tests and the programs that they start have of the user's environment. What lies in
 * a home, or is set for a shell, is different on every host: a test that passed because of it failed elsewhere.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../spec/places.ts';

/** Where programs and scratch space are, how to reach the registries, and what is said to the tests themselves. */
export const kept = [
  /^(PATH|TMPDIR|TERM|CI|NO_COLOR|FORCE_COLOR)$/,
  /^((https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE)$/i,
  /^MILLINER_(SOAK|VM|TINY|SEED|KEEP|WRITE)$/,
  // vitest's own.
  /^(VITEST.*|NODE_ENV|TEST|MODE|DEV|PROD|BASE_URL|SSR|FORCE_TTY)$/,
];

/** The same on every host. The checkout may be another user's, whose repositories git does not read unless told to. */
export const set = {
  LC_ALL: 'C.UTF-8',
  // The servers of the tests are on this host, and send on to each other.
  MILLINER_PRIVATE_NETWORKS: '127.0.0.0/8 ::1',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: checkout,
};

export default function setup(): () => void {
  const home = mkdtempSync(join(tmpdir(), 'milliner-home-'));
  const cache = mkdtempSync(join(tmpdir(), 'milliner-npm-'));
  for (const name of Object.keys(process.env)) {
    if (!kept.some((pattern) => pattern.test(name))) delete process.env[name];
  }
  Object.assign(process.env, set, { HOME: home, NPM_CONFIG_CACHE: cache });
  process.umask(0o022);
  return () => {
    const left = readdirSync(home, { recursive: true, encoding: 'utf8' });
    for (const directory of [home, cache]) rmSync(directory, { recursive: true });
    // What one test leaves there is what another may come to need.
    if (left.length > 0) throw new Error(`the tests left in their home: ${left.join(', ')}`);
  };
}
