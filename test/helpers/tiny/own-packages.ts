/** Packages that one test alone has, beside tiny-base. */
import { mkdir } from 'node:fs/promises';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import type { Desk } from '../milliner.ts';
import { tinyPackages } from './tiny.ts';

export interface OwnPackage {
  name: string;
  /** Sections of the specification: scriptlets, and what %files lists. */
  sections: string;
  files?: string;
}

/** Seconds: 2024-01-01. */
const epoch = 1_704_067_200;

function specOf(name: string, packages: OwnPackage[], install: string): string {
  const part = (one: OwnPackage) =>
    `%package -n ${one.name}\nSummary: See its scriptlets\nRequires: tiny-base\nRequires(pre): tiny-base\n` +
    `%description -n ${one.name}\nSee its scriptlets.\n${one.sections}\n%files -n ${one.name}\n${one.files ?? ''}\n`;
  return [
    `Name: own-${name}\nVersion: 1\nRelease: 1\nSummary: Packages of a test\nLicense: Apache-2.0\nAutoReqProv: no\n`,
    '%description\nOnly its subpackages are built.\n',
    ...packages.map(part),
    `%install\nmkdir -p %{buildroot}\n${install}\n`,
  ].join('\n');
}

/** Builds them by rpmbuild, and gives a recipe of tiny-base and them; `paths` become macros of the specification. */
export async function recipeOf(
  desk: Desk,
  name: string,
  packages: OwnPackage[],
  {
    install = '',
    paths = {},
    fields = {},
  }: {
    install?: string;
    paths?: Record<string, string>;
    fields?: Record<string, unknown>;
  } = {},
): Promise<string> {
  const place = desk.path(`own-${name}`);
  await mkdir(place);
  const build = { sources: place, epoch, paths };
  await withWorkPlace(() => rpmbuildText(name, specOf(name, packages, install), build, place));
  const { key } = await tinyPackages();
  return desk.recipe(name, {
    repos: [
      { name: 'tiny', baseurl: await desk.repository(`tiny-${name}`, ['tiny-base']), keys: [key] },
      { name: 'own', baseurl: place, gpgcheck: false },
    ],
    packages: ['tiny-base', ...packages.map((one) => one.name)],
    ...fields,
  });
}
