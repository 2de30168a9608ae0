/** Debian's binary packages as RPMs: one rpmbuild for each source, kept from run to run. */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Text } from '../digest.ts';
import { temporary } from '../places.ts';
import { inParallel } from '../pool.ts';
import { rpmbuildKey, rpmbuildText } from '../rpmbuild.ts';
import { say } from '../say.ts';
import type { Deb } from './archive.ts';
import { readContents } from './contents.ts';
import { readControl, type Control } from './control.ts';
import { sourceSpec } from './source.ts';

/** Gives the paths of the RPMs, which lie in `cache`, unsigned. */
export async function repackage(debs: readonly Deb[], cache: string): Promise<string[]> {
  const controls = await inParallel(debs, readControl);
  const shared = await baseDirectories(controls);
  const tools = await rpmbuildKey();
  const sources = await bySize(groupBySource(controls));
  say(`repackaging ${debs.length} binary packages of ${sources.length} Debian sources`);
  let done = 0;
  const built = await inParallel(sources, async (binaries) => {
    const directory = await buildSource(binaries, shared, cache, tools);
    done += 1;
    if (done % 25 === 0 || done === sources.length) say(`${done} of ${sources.length} sources done`);
    return directory;
  });
  await removeOthers(cache, built);
  const packages = built.map(async (place) => (await readdir(place)).map((name) => join(place, name)));
  return (await Promise.all(packages)).flat().toSorted();
}

/**
 * The same sources as if they had been built again on a night: every ELF file and some of the others have changed,
 * names and versions have not. Gives the paths of the RPMs by source, unsigned, in `cache`.
 */
export async function rebuild(
  debs: readonly Deb[],
  nights: readonly { night: number; sources: readonly string[] }[],
  cache: string,
): Promise<{ night: number; source: string; rpms: string[] }[]> {
  const controls = await inParallel(debs, readControl);
  const shared = await baseDirectories(controls);
  const tools = await rpmbuildKey();
  const groups = Map.groupBy(controls, ({ source }) => source);
  const wanted = nights.flatMap(({ night, sources }) => sources.map((source) => ({ night, source })));
  return inParallel(wanted, async ({ night, source }) => {
    const finish = [`python3 %{change} ${night}`];
    const place = await buildSource(groups.get(source)!, shared, cache, tools, finish);
    return { night, source, rpms: (await readdir(place)).map((name) => join(place, name)) };
  });
}

/** What earlier versions of the specs or of Debian's packages gave. */
async function removeOthers(cache: string, wanted: readonly string[]): Promise<void> {
  const found = (await readdir(cache)).map((name) => join(cache, name));
  for (const path of found.filter((place) => !wanted.includes(place))) await rm(path, { recursive: true });
}

/** Directories that base-files owns, and with it the whole system. */
async function baseDirectories(controls: readonly Control[]): Promise<Set<string>> {
  const base = controls.find((control) => control.package === 'base-files');
  if (!base) throw new Error('base-files is not in the set');
  const entries = await readContents(base.deb);
  return new Set(entries.filter(({ type }) => type === 'directory').map(({ path }) => path));
}

function groupBySource(controls: readonly Control[]): Control[][] {
  const groups = Map.groupBy(controls, ({ source }) => source);
  return [...groups.values()];
}

/** With the long builds first, the processors end at about the same time. */
async function bySize(sources: Control[][]): Promise<Control[][]> {
  const sized = await Promise.all(
    sources.map(async (binaries) => {
      const sizes = await Promise.all(binaries.map(async ({ deb }) => (await stat(deb.path)).size));
      return { binaries, size: sizes.reduce((sum, size) => sum + size, 0) };
    }),
  );
  return sized.toSorted((a, b) => b.size - a.size).map(({ binaries }) => binaries);
}

async function buildSource(
  binaries: readonly Control[],
  shared: ReadonlySet<string>,
  cache: string,
  tools: string,
  finish: readonly string[] = [],
): Promise<string> {
  const name = binaries[0]?.source ?? '';
  const spec = await sourceSpec(binaries, shared, finish);
  const key = sha256Text(JSON.stringify([tools, spec, binaries.map(({ deb }) => deb.sha256)]));
  const result = join(cache, `${name}-${key.slice(0, 16)}`);
  if (existsSync(result)) return result;
  await mkdir(cache, { recursive: true });
  const work = await temporary(name);
  const sources = join(work, 'sources');
  await mkdir(sources);
  for (const control of binaries) await symlink(control.deb.path, join(sources, `${control.package}.deb`));
  const epoch = Math.max(...(await Promise.all(binaries.map(({ deb }) => buildTime(deb)))));
  const paths = { change: join(import.meta.dirname, 'change.py') };
  await rpmbuildText(name, spec, { sources, epoch, paths }, join(work, 'rpms'));
  await rename(join(work, 'rpms'), result);
  return result;
}

/** deb(5) is an ar archive; dpkg stamps its members with the newest changelog entry's time. */
async function buildTime(deb: Deb): Promise<number> {
  const handle = await open(deb.path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(68), 0, 68, 0);
    const seconds = Number(buffer.toString('latin1', 8 + 16, 8 + 28));
    if (
      !buffer.toString('latin1').startsWith('!<arch>\n') ||
      !Number.isSafeInteger(seconds) ||
      seconds <= 0
    ) {
      throw new Error(`${deb.path} is not a Debian package`);
    }
    return seconds;
  } finally {
    await handle.close();
  }
}
