/** Serves the files of the site: regular files below its directory, and nothing that a link leads to outside of it. */
import { extname, join } from 'node:path';
import type { Context, Handler } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { readBeneath } from '../lib/host/beneath.ts';
import { MillinerError } from '../lib/errors/error.ts';

/** Bytes. The largest file of a site is an index of its search. */
const maxFileBytes = 64 * 1024 * 1024;

/** `prefix` is the path that the directory has on the server. */
export function staticFiles(directory: () => string, prefix = ''): Handler {
  return async (context) => {
    const path = pathOf(context.req.path.slice(prefix.length));
    if (path === undefined) return context.notFound();
    const found = await readFileAt(directory(), path);
    if (found === undefined) return context.notFound();
    if (found === 'directory') return context.redirect(`${context.req.path}/`, 301);
    return answer(context, path, found);
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

async function readFileAt(directory: string, path: string): Promise<Buffer | 'directory' | undefined> {
  try {
    return await readBeneath(directory, path, maxFileBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') return 'directory';
    // A link that leads out of the site is as good as no file, and its reader is not told where it leads.
    if (error instanceof MillinerError && error.code === 'FILE_OUTSIDE') return undefined;
    throw error;
  }
}

function answer(context: Context, path: string, bytes: Buffer) {
  const type = getMimeType(path) ?? 'application/octet-stream';
  // An image of vectors can hold scripts: opened by itself, it may run none.
  if (extname(path) === '.svg') context.header('content-security-policy', "default-src 'none'; sandbox");
  return context.body(new Uint8Array(bytes), 200, { 'content-type': type });
}
