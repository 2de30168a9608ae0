/**
 * node test/e2e/places/run.ts [--place NAME]... [FILE]...: the README's test command, with those files alone, from a fresh
 * clone of the last commit in each of the places. What was fetched and built for the repository is copied there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cache, checkout } from '../../../spec/places.ts';
import { makePlace, placeNames } from '../../helpers/places.ts';

/** What depends most on where the checkout is. */
const telling = ['repository/repository', 'docs/schema', 'cli/hostile.test', 'image/chain'];

const { values, positionals } = parseArgs({
  options: { place: { type: 'string', multiple: true, default: placeNames } },
  allowPositionals: true,
});
const files = positionals.length > 0 ? positionals : telling.map((name) => `test/${name}`);

function step(cwd: string, program: string, args: string[], env = process.env): boolean {
  process.stderr.write(`places: ${program} ${args.join(' ')}\n`);
  return spawnSync(program, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

async function runIn(name: string): Promise<boolean> {
  const place = await makePlace(name);
  const home = mkdtempSync(join(tmpdir(), 'milliner-home-'));
  try {
    const kept = ['debian', 'rpms', 'repository'].map((entry) => join(cache, entry));
    const there = kept.filter((path) => existsSync(path));
    // As from a shell: nothing that npm has set for this program.
    const env = { PATH: process.env['PATH'], TERM: 'dumb', HOME: home };
    return (
      step(checkout, 'git', ['clone', '-q', checkout, place.path]) &&
      step(place.path, 'mkdir', ['.cache']) &&
      step(place.path, 'cp', ['-a', ...there, '.cache']) &&
      (place.owner === undefined || step(place.path, 'chown', ['-R', String(place.owner), place.path])) &&
      step(place.path, 'npm', ['test', '--', ...files], env)
    );
  } finally {
    rmSync(home, { recursive: true });
    await place.remove();
  }
}

for (const name of values.place) {
  const passed = await runIn(name);
  process.stdout.write(`${passed ? 'passed' : 'failed'} ${name}\n`);
  if (!passed) process.exitCode = 1;
}
