/** The machine has a directory of the host where it is on the host, whatever else it mounts there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makePlace, placeNames, type Place } from '../../helpers/places.ts';
import { startMachine } from './machine.ts';

const places: Place[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

test('the machine reads in every place, and what it writes there is forgotten', async () => {
  for (const name of placeNames) {
    const place = await makePlace(name);
    places.push(place);
    await mkdir(join(place.path, 'sub'));
    await writeFile(join(place.path, 'sub', 'file'), `${name}\n`);
  }
  const paths = places.map(({ path }) => path);
  const script =
    'for path; do cat "$path/sub/file" && echo changed >"$path/sub/file" && cat "$path/sub/file"; done';
  const { ended } = await startMachine({ command: ['sh', '-c', script, 'sh', ...paths], directories: paths });
  const { exitCode, output } = await ended;
  expect({ exitCode, lines: output.split('\n') }).toEqual({
    exitCode: 0,
    lines: placeNames.flatMap((name) => [name, 'changed']),
  });
  const kept = await Promise.all(paths.map((path) => readFile(join(path, 'sub', 'file'), 'utf8')));
  expect(kept).toEqual(placeNames.map((name) => `${name}\n`));
});
