import { expect, test } from 'vitest';
import { byteString } from '../host/paths.ts';
import { databasePath, placeInMacros } from './database-path.ts';
import type { RpmFile } from './file-list.ts';

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

test.each<[string, string, string | undefined]>([
  [
    "Fedora's",
    '%_dbpath\t\t%{_usr}/lib/sysimage/rpm\n%_dbpath_rebuild\t%{_dbpath}\n',
    '/usr/lib/sysimage/rpm',
  ],
  ["RHEL's", '# %_dbpath /x\n%_dbpath\t\t%{_var}/lib/rpm\n', '/var/lib/rpm'],
  ['the last one wins', '%_dbpath %{_var}/lib/rpm\n%_dbpath /usr/share/rpm\n', '/usr/share/rpm'],
  ["Debian's, which is each user's own", "%_dbpath\t\t%(bash -c 'echo ~/.rpmdb')\n", undefined],
  ['a macro that is not known', '%_dbpath %{_mine}/rpm\n', undefined],
  ['none', '%_dbpath_rebuild /var/lib/rpm\n', undefined],
])('the place that macros name: %s', (_what, text, wanted) => {
  expect(placeInMacros(text)).toBe(wanted);
});
