/** The process that solves reads what it is asked about, and keeps what it writes to the caches that it was asked for. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runModuleConfined } from '../../../src/lib/host/confined.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-solving-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a module of ours has our code and the addon, and neither other packages, git, recipes nor the host', async () => {
  const module = join(directory, 'module.mjs');
  const [checkout, scratch] = [join(import.meta.dirname, '../../..'), join(directory, 'scratch-')];
  const places = ['node_modules/zod', '.git', 'recipes', 'package-lock.json'].map((name) =>
    join(checkout, name),
  );
  const lines = [
    "import { existsSync, writeFileSync } from 'node:fs';",
    "import { connect } from 'node:net';",
    `const { native } = await import(${JSON.stringify(join(checkout, 'src/lib/host/native.ts'))});`,
    `const seen = ${JSON.stringify([...places, '/etc/passwd', '/root', '/proc/self'])}.filter((path) => existsSync(path));`,
    'let text = ""; for await (const piece of process.stdin) text += piece;',
    'const codes = [];',
    `for (const path of [${JSON.stringify(module)}, ${JSON.stringify(join(checkout, 'src/cli.ts'))}])`,
    "  try { writeFileSync(path, ''); } catch ({ code }) { codes.push(code); }",
    "const reached = await new Promise((done) => connect(22, '127.0.0.1').on('error', ({ code }) => done(code)).on('connect', () => done('connected')));",
    'console.log(JSON.stringify({ text, seen, codes, reached, solves: typeof native().solve, env: Object.keys(process.env).sort() }));',
  ];
  await writeFile(module, lines.join('\n'));
  const writes = await mkdtemp(scratch);
  const answer = JSON.parse(await runModuleConfined(module, { reads: [module], writes }, 'asked')) as object;
  expect(answer).toEqual({
    text: 'asked',
    seen: [],
    codes: ['EROFS', 'EROFS'],
    reached: 'ECONNREFUSED',
    solves: 'function',
    env: ['HOME', 'LC_ALL', 'PATH', 'PWD', 'TZ'],
  });
  expect(await readdir(writes)).toEqual([]);
});
