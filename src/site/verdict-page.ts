/** One page about a verdict that needs no other file, no script and no network. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../lib/host/atomic-file.ts';
import type { Verdict } from '../stages/boot/verdict.ts';
import { pageRenderer, templates } from './render-page.ts';
import { bootView } from './views/boot-view.ts';

/** Throws DISK_FULL. */
export async function writeVerdictPage(path: string, verdict: Verdict): Promise<void> {
  await writeFileAtomic(path, verdictPage(verdict));
}

export function verdictPage(verdict: Verdict): string {
  const { name, manifestDigest, host } = verdict;
  const style = readFileSync(`${templates}/site.css`, 'utf8');
  return pageRenderer({ style })('verdict', {
    name,
    arch: host.architecture,
    digest: manifestDigest,
    styleHash: `sha256-${createHash('sha256').update(style).digest('base64')}`,
    verdict: bootView(verdict),
  });
}
