/** What an image will have, from the headers of its packages and the files of its recipes. */
import type { RpmPackage } from '../../lib/rpm/package.ts';
import { showBytes } from '../../lib/host/paths.ts';
import type { ImageNames } from '../../stages/recipe/image-names.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';

/** In the order in which systemd looks. */
const unitFolders = [
  'etc/systemd/system',
  'usr/local/lib/systemd/system',
  'usr/lib/systemd/system',
  'lib/systemd/system',
];
const programFolders = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];
/** Programs that make units when the image boots; those of systemd itself make known ones. */
const generatorFolders = ['usr/lib/systemd/system-generators', 'etc/systemd/system-generators'];
/** podman makes a unit of each file. */
const quadletFolders = ['etc/containers/systemd', 'usr/share/containers/systemd'];

export function namesOfPackages(
  packages: readonly Pick<RpmPackage, 'files' | 'accounts' | 'scriptlets'>[],
  recipes: readonly Pick<Recipe, 'files' | 'symlinks' | 'directories'>[],
): ImageNames {
  const paths = new Set(packages.flatMap(({ files }) => files.map(({ path }) => showBytes(path))));
  for (const { files, symlinks, directories } of recipes)
    for (const { path } of [...files, ...symlinks, ...directories]) paths.add(path.replace(/^\/+/, ''));
  const bodies = packages.flatMap((one) => one.scriptlets.map(({ body }) => body));
  const words = new Set(bodies.flatMap((body) => body.split(/[^\w@.-]+/)));
  const namesIn = (folders: readonly string[]) =>
    new Set(folders.flatMap((folder) => inFolder(paths, folder)));
  const generators = [...namesIn(generatorFolders)].filter((name) => !name.startsWith('systemd-'));
  return {
    units: new Set([
      ...namesIn(unitFolders),
      ...[...namesIn(['etc/init.d', 'etc/rc.d/init.d'])].map((name) => `${name}.service`),
    ]),
    makesUnits: generators.length > 0 || namesIn(quadletFolders).size > 0,
    programs: namesIn(programFolders),
    has: (path) => mergedPaths(path).some((one) => paths.has(one)),
    users: new Set(
      packages.flatMap(({ accounts }) =>
        accounts.filter(({ kind }) => kind === 'user').map(({ name }) => name),
      ),
    ),
    mayMake: (name) => words.has(name) || words.has(`${name}.service`),
  };
}

function inFolder(paths: ReadonlySet<string>, folder: string): string[] {
  const start = `${folder}/`;
  return [...paths]
    .filter((path) => path.startsWith(start) && !path.includes('/', start.length))
    .map((path) => path.slice(start.length));
}

/** /bin, /sbin and /lib are links to those of /usr, and /usr/sbin is one to /usr/bin. */
function mergedPaths(path: string): string[] {
  const plain = path.split('/').filter(Boolean).join('/');
  const below = plain.replace(/^usr\/(?=s?bin\/|lib)/, '');
  const both = [below, `usr/${below}`];
  return [
    plain,
    ...both,
    ...both.map((one) =>
      one.replace(/(^|\/)(s?)bin\//, (_, slash: string, s: string) => `${slash}${s ? '' : 's'}bin/`),
    ),
  ];
}
