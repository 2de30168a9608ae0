/** Where images were published from this state: a registry can then mount from there what another image shares. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readdirIfThere } from '../../lib/host/files.ts';
import { z } from 'zod';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';

const schema = z.object({ manifestDigest: z.string(), references: z.array(z.string()) });

const pathOf = (state: string, manifestDigest: string) =>
  join(state, 'published', `${manifestDigest.replace('sha256:', '')}.json`);

/** References that the image was given. A file that cannot be read is none: it only saves work. */
export async function publishedAt(state: string, manifestDigest: string): Promise<string[]> {
  try {
    return schema.parse(JSON.parse(await readFile(pathOf(state, manifestDigest), 'utf8'))).references;
  } catch {
    return [];
  }
}

/** Callers of one image take turns. */
export async function addPublication(
  state: string,
  manifestDigest: string,
  references: readonly string[],
): Promise<void> {
  const all = new Set([...(await publishedAt(state, manifestDigest)), ...references]);
  await mkdir(join(state, 'published'), { recursive: true });
  const content = { manifestDigest, references: [...all].toSorted() };
  await writeFileAtomic(pathOf(state, manifestDigest), `${JSON.stringify(content, null, 1)}\n`);
}

/** Forgets where images were published that the state no longer has. */
export async function removeOtherPublications(state: string, keep: ReadonlySet<string>): Promise<void> {
  for (const file of (await readdirIfThere(join(state, 'published'))) ?? []) {
    const digest = `sha256:${file.replace(/\.json$/, '')}`;
    if (!keep.has(digest)) await rm(join(state, 'published', file), { force: true });
  }
}
