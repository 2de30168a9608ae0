/** Serves the files of the site: regular files below its directory, and nothing that a link leads to outside of it. */
import { join } from 'node:path';
import type { Context, Handler } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { MillinerError } from '../lib/errors/error.ts';
import { readBeneath } from '../lib/host/beneath.ts';
import { boardPath } from './job-board.ts';

/** Bytes. The largest file of a site is the index of its search. */
const maxFileBytes = 64 * 1024 * 1024;

/** Where the navigation of a page ends: there the queue is linked, which a site on a disk does not have. */
const navigationEnd = '</ul>\n</nav>';
const links = `<li><a href="/queue">Queue</a></li>\n<li><a href="${boardPath}">Jobs</a></li>\n`;

export function staticFiles(directory: string): Handler {
  return async (context) => {
    const path = pathOf(context.req.path);
    const bytes = path === undefined ? undefined : await readFileAt(directory, path);
    if (bytes !== undefined) return answer(context, path!, bytes);
    const isWritten = (await readFileAt(directory, 'index.html')) !== undefined;
    return isWritten ? context.notFound() : context.text('The site is being written. Try again.\n', 503);
  };
}

/** The gate has refused encoded slashes and dots: what is left to decode is text of a name. */
function pathOf(target: string): string | undefined {
  try {
    const path = decodeURIComponent(target).replace(/^\/+/, '');
    if (path.split('/').some((name) => name.startsWith('.'))) return undefined;
    return path === '' || path.endsWith('/') ? join(path, 'index.html') : path;
  } catch {
    return undefined;
  }
}

async function readFileAt(directory: string, path: string): Promise<Buffer | undefined> {
  try {
    return await readBeneath(directory, path, maxFileBytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A link that leads out of the site is as good as no file, and its reader is not told where it leads.
    const isOutside = error instanceof MillinerError && error.code === 'FILE_OUTSIDE';
    if (isOutside || code === 'EISDIR' || code === 'EINVAL' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

function answer(context: Context, path: string, bytes: Buffer) {
  const type = getMimeType(path) ?? 'application/octet-stream';
  // A vector image can hold scripts: opened by itself, it may run none.
  if (path.endsWith('.svg')) context.header('content-security-policy', "default-src 'none'; sandbox");
  if (!path.endsWith('.html')) return context.body(new Uint8Array(bytes), 200, { 'content-type': type });
  return context.html(bytes.toString('utf8').replace(navigationEnd, () => links + navigationEnd));
}
