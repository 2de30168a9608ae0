/** README and docs are true: their commands run, with the output that is shown, and what they name is there. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recipeSchema } from '../../../src/stages/recipe/schema.ts';
import { readYaml } from '../../../src/stages/recipe/yaml.ts';
import { checkout } from '../../helpers/demo-recipes.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const read = (path: string) => readFileSync(join(checkout, path), 'utf8');
/** In this order: each may use what those before have made. */
const pages = [
  'README.md',
  ...[
    'recipes',
    'nightly',
    'layers',
    'booting',
    'signing',
    'images',
    'queue',
    'reports',
    'github',
    'site',
    'storage',
  ].map((name) => `docs/${name}.md`),
];
const blocks = (path: string, language: string) =>
  [...read(path).matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    (match) => match[1]!,
  );
const commands = pages
  .flatMap((path) => [...read(path).matchAll(/```(sh|console)\n([\s\S]*?)```/g)])
  .flatMap(([, language, text]) => (language === 'sh' ? shellLines(text!) : shown(text!)));

interface Command {
  line: string;
  /** What it answers, where that is shown. */
  answer?: string;
}

function shellLines(text: string): Command[] {
  return text
    .trim()
    .split('\n')
    .map((line) => ({ line }));
}

/** A prompt, and its output until the next. */
function shown(text: string): Command[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [line = '', ...answer] = part.split('\n');
      return { line, answer: answer.join('\n').trim() };
    });
}

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
    .replaceAll(/\.cache\/(keys|policy|site)/g, join(scratch, '$1'))
    .replaceAll('localhost:5000', registry.host);
}

/** Digests of an image that holds packages of the day, keys, and times are another each time. */
const steady = (text: string) =>
  text
    .replaceAll(registry.host, 'localhost:5000')
    .replaceAll(scratch, '/src/milliner/.cache')
    .replaceAll(checkout, '/src/milliner')
    .replaceAll(/[0-9a-f]{64}/g, 'HEX')
    .replaceAll(/[A-Za-z0-9+/]{43}=/g, 'BASE64')
    .replaceAll(/\d+(\.\d+)?/g, '#');

test('the README is short', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(130);
});

/** Each takes a quarter of a minute, and the demo builds, boots and releases as well: one of them a day. */
const long = [/ boot /, / build .* --check /, / release /];
const inTurn = shareOfDay(long, long.length);
const isRun = ({ line }: Command) =>
  line !== 'npm test' && (inTurn.some((one) => one.test(line)) || !long.some((one) => one.test(line)));
/** What several pages show is run once. */
const isFirst = ({ line }: Command, index: number) =>
  commands.findIndex((one) => one.line === line) === index;

test.each(commands.filter(isFirst).filter(isRun))('$line', ({ line, answer }) => {
  const [program, ...args] = here(line).split(/\s+/) as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: checkout,
    env: { ...process.env, MILLINER_KEY_PASSWORD: 'of the reader' },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(status, stderr).toBe(0);
  if (answer !== undefined) expect(steady(stdout.trim())).toBe(steady(answer));
});

test('the test command is the one that runs this', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(commands.map(({ line }) => line)).toContain('npm test');
  expect(scripts['test']).toContain('test/run.ts');
  expect(scripts['soak']).toContain('MILLINER_SOAK=1');
});

test.each(['README.md', 'docs/recipes.md'])('the recipe of %s is one', async (page) => {
  const path = join(scratch, 'recipe.yaml');
  writeFileSync(path, blocks(page, 'yaml')[0]!);
  expect((await readYaml(path, recipeSchema)).from).toBe('demo-base');
});

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(checkout, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test.each(documents)('what %s leads to is there', (path) => {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) =>
    join(dirname(path), link!),
  );
  const files = [
    ...read(path).matchAll(
      /`((?:src|test|docs|scripts|spec|native|recipes)\/[\w./-]+\.(?:ts|md|json|yaml|cc|sh))`/g,
    ),
  ].map(([, file]) => file!);
  expect([...links, ...files].filter((one) => !existsSync(join(checkout, one)))).toEqual([]);
});
