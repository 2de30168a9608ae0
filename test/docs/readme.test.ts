/** The README is true: its commands run, its numbers are the code's. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitCodes } from '../../src/lib/errors/error.ts';
import { readYaml } from '../../src/stages/recipe/yaml.ts';
import { recipeSchema } from '../../src/stages/recipe/schema.ts';
import { checkout } from '../demo/recipes.ts';
import { RegistryServer } from '../registry/server.ts';

const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1]!);
const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
const scratch = mkdtempSync(join(tmpdir(), 'milliner-readme-'));
let registry: RegistryServer;
beforeAll(async () => {
  registry = await RegistryServer.start();
});
afterAll(async () => {
  await registry.close();
  rmSync(scratch, { recursive: true });
});

/** What a command makes for its user, or asks of him, goes to a scratch place instead. */
function here(command: string): string {
  return command
    .replace('./my-images', join(scratch, 'images'))
    .replaceAll(/\.cache\/(keys|policy)/g, join(scratch, '$1'))
    .replace('localhost:5000', registry.host);
}

test('it is short', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(180);
});

test.each(commands.filter((command) => command !== 'npm test'))('%s', (command) => {
  const [program, ...args] = here(command).split(/\s+/) as [string, ...string[]];
  const { status, stderr } = spawnSync(program, args, {
    cwd: checkout,
    env: { ...process.env, MILLINER_KEY_PASSWORD: 'of the reader' },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(status, stderr).toBe(0);
});

test('the test command is the one that runs this', () => {
  const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(commands).toContain('npm test');
  expect(scripts['test']).toContain('test/run.ts');
  expect(scripts['soak']).toContain('MILLINER_SOAK=1');
});

test('its recipe is one', async () => {
  const path = join(scratch, 'recipe.yaml');
  writeFileSync(path, blocks('yaml')[0]!);
  expect((await readYaml(path, recipeSchema)).from).toBe('demo-base');
});

test('it names every exit code', () => {
  const told = readme.slice(readme.indexOf('Exit codes:'));
  for (const code of Object.values(exitCodes)) expect(told).toMatch(new RegExp(`\\b${code} `));
});
