/**
 * Paths inside an image are bytes, not text: RPMs contain names that are not valid UTF-8. Milliner keeps them as
 * strings with one character for each byte (latin1). So a comparison of strings compares bytes, and nothing is lost
 * between a header, the file system and a tar entry.
 */
declare const bytes: unique symbol;

/** A path, or any other string of the image, with one character (U+0000 to U+00FF) for each byte. */
export type ByteString = string & { readonly [bytes]: true };

export function byteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1') as ByteString;
}

export function bytesOf(value: ByteString): Buffer {
  return Buffer.from(value, 'latin1');
}

/** As UTF-8 for messages and JSON; invalid bytes become replacement characters. */
export function showBytes(value: ByteString): string {
  return bytesOf(value).toString('utf8');
}

/** The place of an image path below a directory of the host, as bytes for node:fs. */
export function below(root: string, path: ByteString): Buffer {
  return Buffer.concat([Buffer.from(root, 'utf8'), Buffer.from('/', 'utf8'), bytesOf(path)]);
}

/**
 * Resolves a path of an image as chroot would (path_resolution(7)): it follows the links in the directories, but not
 * the last component. `..` never leaves the root. linkAt returns the target of a symbolic link, and undefined for
 * anything else. The result is undefined after more than 40 links (ELOOP).
 */
export function resolveInImage(
  path: ByteString,
  linkAt: (path: ByteString) => ByteString | undefined,
): ByteString | undefined {
  const todo = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  const done: string[] = [];
  for (let links = 0; todo.length > 0;) {
    const segment = todo.shift()!;
    if (segment === '..') {
      done.pop();
      continue;
    }
    const here = [...done, segment].join('/') as ByteString;
    const target = todo.length > 0 ? linkAt(here) : undefined;
    if (target === undefined) {
      done.push(segment);
      continue;
    }
    if (++links > 40) return undefined;
    if (target.startsWith('/')) done.length = 0;
    todo.unshift(...target.split('/').filter((p) => p !== '' && p !== '.'));
  }
  return done.join('/') as ByteString;
}
