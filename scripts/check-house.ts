/**
 * The check of the house: prints what is against the rules of the project that no linter knows, and fails. What is
 * exported and not imported, and what is not used at all, is knip's to find (knip.json).
 */
import { globSync } from 'node:fs';
import { doubleNames, longFiles } from './check-files.ts';
import { proseFaults } from './check-prose.ts';
import { wordsOf } from './check-words.ts';

const root = process.argv[2] ?? process.cwd();
const code = globSync('{src,scripts,spec,test,native}/**/*.{ts,cc,h,c,py,sh}', {
  cwd: root,
  exclude: ['native/build/**'],
}).toSorted();
const pages = globSync(['*.md', '{docs,spec,test,.github}/**/*.md'], { cwd: root }).toSorted();
const words = wordsOf(
  root,
  code.filter((file) => /^(?:src|scripts|spec)\/.*\.ts$/.test(file)),
);

const results = [
  { part: 'files that are too long', found: longFiles(root, code) },
  { part: 'names that two files have', found: doubleNames(code) },
  { part: 'pages with more than a sentence in a line', found: proseFaults(root, pages) },
  { part: 'words that names do without', found: words.names },
  { part: 'words that comments do without', found: words.comments },
];

for (const { part, found } of results) {
  process.stdout.write(`${part}: ${found.length}\n`);
  for (const one of found) process.stdout.write(`  ${one}\n`);
  if (found.length > 0) process.exitCode = 1;
}
