import { expect, test } from 'vitest';
import { byteString } from '../host/paths.ts';
import { databasePath } from './dbpath.ts';
import type { RpmFile } from './files.ts';

const packages = (...paths: string[]) => [
  { files: paths.map((path) => ({ path: byteString(path) }) as RpmFile) },
];

test.each<[string, ReturnType<typeof packages>[], string]>([
  ["the image's own", [packages('var/lib/rpm'), packages('usr/lib/sysimage/rpm')], '/var/lib/rpm'],
  ['both: the newer', [packages('var/lib/rpm', 'usr/lib/sysimage/rpm')], '/usr/lib/sysimage/rpm'],
  ['an image without rpm', [packages('usr/bin/bash'), packages('var/lib/rpm')], '/var/lib/rpm'],
  ["the host's rpm, and none in the image", [packages('usr/bin/bash'), []], '/usr/lib/sysimage/rpm'],
])('%s', (_what, sets, wanted) => {
  expect(databasePath(...sets)).toBe(wanted);
});
