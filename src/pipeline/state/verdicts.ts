/** Verdicts by manifest digest: what was booted, and how it went. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';

function pathOf(state: string, manifestDigest: string): string {
  return join(state, 'verdicts', `${manifestDigest.replace('sha256:', '')}.json`);
}

export async function writeVerdict(state: string, verdict: Verdict): Promise<void> {
  await mkdir(join(state, 'verdicts'), { recursive: true });
  await writeFileAtomic(pathOf(state, verdict.manifestDigest), `${JSON.stringify(verdict, null, 1)}\n`);
}

/** Undefined where the image was never booted. Throws STATE_INVALID. */
export async function readVerdict(state: string, manifestDigest: string): Promise<Verdict | undefined> {
  const path = pathOf(state, manifestDigest);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const verdict = JSON.parse(text) as Verdict;
    if (verdict.manifestDigest === manifestDigest) return verdict;
  } catch {
    // Said below.
  }
  throw new MillinerError('STATE_INVALID', `${path} is no verdict on ${manifestDigest}`, {
    hint: 'Boot the image again: milliner boot IMAGE',
    details: { path },
  });
}

/** Forgets the verdicts on images that the state no longer has. */
export async function removeOtherVerdicts(state: string, keep: ReadonlySet<string>): Promise<void> {
  for (const file of (await readdirIfThere(join(state, 'verdicts'))) ?? []) {
    const digest = `sha256:${file.replace(/\.json$/, '')}`;
    if (!keep.has(digest)) await rm(join(state, 'verdicts', file), { force: true });
  }
}
