/** For `load`, and for `pull` of places that are no registry: what is there becomes images of this state. */
import { join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { run } from '../../lib/host/exec.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withWorkspace } from '../state/workspace.ts';
import { loadLayout, type LoadRequest } from './load-layout.ts';
import { unpackLayout } from './oci-archive.ts';

/** What skopeo reads; containers-transports(5). */
const transports = ['containers-storage', 'oci', 'oci-archive', 'docker-archive', 'dir'];

/** Whether a word names an image that skopeo has to copy. */
export function isTransport(word: string): boolean {
  return transports.some((one) => word.startsWith(`${one}:`));
}

export type Taken = Omit<LoadRequest, 'from'>;

/** From an archive of an OCI layout. Throws ARCHIVE_INVALID, and what loadLayout throws. */
export async function loadArchive(context: Context, path: string, request: Taken): Promise<ImageRecord[]> {
  return withWorkspace(context.state, async ({ directory }) => {
    context.progress.step(`reading ${path}`);
    const layout = join(directory, 'layout');
    await unpackLayout(path, layout);
    return loadLayout(context, layout, { ...request, from: path });
  });
}

/** From a place that skopeo reads, under a name that is given or that the place has. Throws USAGE, HOST_MISSING. */
export async function copyImage(context: Context, source: string, request: Taken): Promise<ImageRecord> {
  const name = request.name ?? /^containers-storage:(?:\[[^\]]*\])?([^[\]]+)$/.exec(source)?.[1];
  if (name === undefined) throw new MillinerError('USAGE', `${source} has no name: give it one with --name`);
  return withWorkspace(context.state, async ({ directory }) => {
    context.progress.step(`copying ${source}`);
    const layout = join(directory, 'layout');
    // A policy of the host is about signatures, which these places do not have.
    const copy = ['--insecure-policy', 'copy', '--quiet', '--', absolute(source), `oci:${layout}`];
    await run('skopeo', copy, { signal: context.signal });
    const [record] = await loadLayout(context, layout, { ...request, name, from: source });
    return record!;
  });
}

/** skopeo runs in another directory. */
function absolute(source: string): string {
  const [, transport = '', rest = ''] = /^([a-z-]+):(.*)$/.exec(source) ?? [];
  return transport === 'containers-storage' ? source : `${transport}:${resolve(rest)}`;
}
