/**
 * Reads one damaged file again, as a failing test names it: node test/fuzz/mutate/replay.ts 'package file' DIRECTORY, where
 * DIRECTORY is the input's, beside others of its run. In the sanitized addon with what sanitizedEnvironment() gives.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Originals } from './original-files.ts';
import { useSanitizedAddon } from './sanitized.ts';
import { subjects } from './subjects.ts';

const [name = '', directory = ''] = process.argv.slice(2);
const input = readdirSync(directory).find((file) => file.startsWith('input'));
if (process.env['LD_PRELOAD'] !== undefined) useSanitizedAddon();
await subjects[name]!.read(
  join(directory, String(input)),
  new Originals(dirname(dirname(directory))),
  () => {},
);
