/** Writes docs/commands and docs/errors.md, manual pages and completions; run by the build, behind the manifest. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkout } from './command-model.ts';
import { documents, shared } from './manual.ts';

// Pages of removed commands are deleted.
for (const place of ['docs/commands', 'dist/share'])
  rmSync(join(checkout, place), { recursive: true, force: true });
for (const [path, text] of documents()) write(path, text);
for (const [path, text] of shared()) write(`dist/share/${path}`, text);

function write(path: string, text: string): void {
  mkdirSync(dirname(join(checkout, path)), { recursive: true });
  writeFileSync(join(checkout, path), text);
}
