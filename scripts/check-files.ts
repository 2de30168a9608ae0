/** What the check of the house says of files: how long they are, and that one name means one thing. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const maxLines = 400;

/** Written by a program, or in the form of another project. */
const generated = [
  'package-lock.json',
  'docs/errors.md',
  'recipes/recipe.schema.json',
  'test/helpers/spdx-schema-2.3.json',
  'test/integration/cli/answers.json',
];

/** Names that two files under src may have, and why. A command's file is called as the command, so those are not asked. */
const sharedNames: Record<string, string> = {
  'build.ts': 'one is the build; the other is the part of the table of errors that tells of a build',
};

export function longFiles(root: string, files: readonly string[]): string[] {
  return files
    .filter((file) => !generated.includes(file))
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'latin1').split('\n').length - 1 }))
    .filter(({ lines }) => lines > maxLines)
    .map(({ file, lines }) => `${file}: ${lines} lines, more than ${maxLines}`);
}

export function doubleNames(files: readonly string[]): string[] {
  const sources = files.filter((file) => /^src\/(?!commands\/).*\.ts$/.test(file));
  return Object.entries(Object.groupBy(sources, (file) => basename(file))).flatMap(([name, places = []]) =>
    places.length > 1 && !(name in sharedNames) ? [`${name}: ${places.join(', ')}`] : [],
  );
}
