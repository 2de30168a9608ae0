/** docs/errors.md has one anchor for each code, links to them lead somewhere, and hints name commands that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCommandLine } from '../../../scripts/command-model.ts';
import { checkout } from '../../../spec/places.ts';
import { errorTable } from '../../../src/lib/errors/error.ts';

const read = (path: string) => readFileSync(join(checkout, path), 'utf8');
/** As GitHub makes them from headings. */
const anchors = [...read('docs/errors.md').matchAll(/^### (.+)$/gm)].map(([, code]) => code!.toLowerCase());

test('each code has one anchor', () => {
  const codes = Object.keys(errorTable).map((code) => code.toLowerCase());
  expect(anchors.toSorted()).toEqual(codes.toSorted());
});

test('each link to an error leads to its anchor', () => {
  const pages = readdirSync(join(checkout, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  const links = [...pages, 'README.md', 'SECURITY.md', 'CONTRIBUTING.md'].flatMap((page) =>
    [...read(page).matchAll(/\]\([\w./]*errors\.md#([^)]+)\)/g)].map(([, anchor]) => anchor!),
  );
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
});

const { commands } = readCommandLine();
const flagsOf = new Map(commands.map(({ name, flags }) => [name, flags.map((flag) => `--${flag.name}`)]));
const allFlags = ['--json', '--help', ...[...flagsOf.values()].flat()];
/** What flags of other programs, which may be named too, belong to. */
const foreign = /\b(?:blkdiscard|gpg|rpmdb)\b[^.,;)]*/g;

/** What of a text is no command or no flag of Milliner. A command ends with its clause, or where the next begins. */
function unknownIn(text: string): string[] {
  const calls = text.split(/\bmilliner (?=[a-z])/).slice(1);
  const unknownCalls = calls.filter((rest) => {
    const call = rest.split(/[.,;)]/)[0]!;
    const command = commands.map(({ name }) => name).findLast((name) => `${call} `.startsWith(`${name} `));
    const flags = call.match(/--[a-z][a-z-]*/g) ?? [];
    return command === undefined || !flags.every((flag) => flagsOf.get(command)!.includes(flag));
  });
  const flags = text.replaceAll(foreign, '').match(/--[a-z][a-z-]*/g) ?? [];
  return [...unknownCalls, ...flags.filter((flag) => !allFlags.includes(flag))];
}

test.each(Object.entries(errorTable))('the hint of %s names commands and flags that exist', (_, { hint }) => {
  expect(unknownIn(hint)).toEqual([]);
});

/** Where the source gives a hint of its own, in place of the table's. */
const ownHints = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('errors/table/'))
  .flatMap((path) =>
    [...read(join('src', path)).matchAll(/\bhint:\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)/g)].map(
      ([, ...quoted]) => ({ path, hint: quoted.find((one) => one !== undefined)! }),
    ),
  );

test('hints of single places are sentences, and name commands and flags that exist', () => {
  expect(ownHints.length).toBeGreaterThan(50);
  expect(ownHints.filter(({ hint }) => !hint.endsWith('.'))).toEqual([]);
  expect(ownHints.filter(({ hint }) => unknownIn(hint).length > 0)).toEqual([]);
});
