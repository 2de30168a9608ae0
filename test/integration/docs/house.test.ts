/** Each part of the check of the house refuses what it is there for: in a tree that has one fault of each kind. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { doubleNames, longFiles } from '../../../scripts/check-files.ts';
import { proseFaults } from '../../../scripts/check-prose.ts';
import { wordsOf } from '../../../scripts/check-words.ts';
import { checkout } from '../../../spec/places.ts';

const root = mkdtempSync(join(tmpdir(), 'milliner-house-'));
afterAll(() => rmSync(root, { recursive: true }));

function write(files: Record<string, string>): string[] {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return Object.keys(files);
}

test('a file of 401 lines is too long, unless a program has written it', () => {
  const files = write({
    'src/long.ts': '\n'.repeat(401),
    'src/short.ts': '\n'.repeat(400),
    'docs/errors.md': '\n'.repeat(401),
  });
  expect(longFiles(root, files).map((fault) => fault.split(':')[0])).toEqual(['src/long.ts']);
});

test('two files of one name are refused; a command may be called as what it calls', () => {
  const files = ['src/a/plan.ts', 'src/b/plan.ts', 'src/commands/boot.ts', 'src/a/boot.ts', 'test/plan.ts'];
  expect(doubleNames(files)).toEqual(['plan.ts: src/a/plan.ts, src/b/plan.ts']);
});

test('words are found in declared names by their parts, and in comments, not in text or fixed keys', () => {
  const files = write({
    'src/words.ts': [
      "import { named } from 'other'; // named is another's",
      'export function keepAll(mostBytes: number, almost: number) { // for whoever asks',
      "  const parts = { why: 1, elsewhere: 2, text: 'nobody leaves // somebody' };",
      '  return { parts, sum: mostBytes + almost + named.length };',
      '  /* Nobody comes here. */',
      '}',
      'export type Usual = { keepDays: number };',
      'export const keepDays = 1;',
    ].join('\n'),
    'src/leave-it.ts': 'export const leaves = `${/* somebody */ 1} whoever`;\n',
  });
  write({ 'tsconfig.json': JSON.stringify({ include: ['src'] }) });
  const { names, comments } = wordsOf(root, files);
  expect(names.toSorted()).toEqual(
    [
      'src/leave-it.ts',
      ...['keepAll', 'mostBytes', 'parts', 'elsewhere', 'Usual', 'keepDays'].map(
        (name) => `src/words.ts: ${name}`,
      ),
    ].toSorted(),
  );
  expect(comments.toSorted()).toEqual([
    'src/leave-it.ts: /* somebody */',
    'src/words.ts: /* Nobody comes here. */',
    'src/words.ts: // for whoever asks',
  ]);
});

test('a line of Markdown holds one sentence, whole', () => {
  const files = write({
    'docs/page.md': [
      '# A page. Of two',
      'One. Two.',
      'A sentence, e.g. This one,',
      'that goes on.',
      '- An item: it is one.',
      '- An item without an end',
      '',
      '| a cell. With two |',
      '```sh',
      'echo. No prose',
      '```',
    ].join('\n'),
    'docs/commands/page.md': 'One. Two.\n',
  });
  const lines = proseFaults(root, files).map((fault) => fault.split(':').slice(0, 2).join(':'));
  expect(lines).toEqual(['docs/page.md:2', 'docs/page.md:4']);
});

test('knip finds exports without an import, unused files and dependencies', () => {
  write({
    'package.json': JSON.stringify({ type: 'module', dependencies: { zod: '1.0.0' } }),
    'knip.json': JSON.stringify({ entry: ['src/cli.ts'], project: ['src/**/*.ts'] }),
    'src/cli.ts': "import { used } from './library.ts';\nprocess.exitCode = used;\n",
    'src/library.ts': 'export const used = 1;\nexport const unused = 2;\nexport type Unused = 3;\n',
  });
  const knip = join(checkout, 'node_modules/.bin/knip');
  const { status, stdout } = spawnSync(knip, ['--directory', root, '--reporter', 'json'], {
    encoding: 'utf8',
  });
  const { issues } = JSON.parse(stdout) as { issues: Record<string, { name: string }[] & string>[] };
  const found = (kind: string) =>
    issues.flatMap((issue) => (issue[kind] ?? []) as { name: string }[]).map(({ name }) => name);
  expect(status).toBe(1);
  expect(found('exports')).toEqual(['unused']);
  expect(found('types')).toEqual(['Unused']);
  expect(found('dependencies')).toEqual(['zod']);
  expect(found('files')).toContain('src/leave-it.ts');
});
