/** OCI image layouts (OCI image specification, image-layout.md) as one tar file: what `podman save --format oci-archive` writes. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { extract, pack, type Extract, type Pack } from 'tar-stream';
import { MillinerError } from '../../lib/errors/error.ts';
import { replaceFile } from '../../lib/host/atomic-file.ts';

const blobName = /^blobs\/sha256\/[0-9a-f]{64}$/;
const tops = ['oci-layout', 'index.json'];
/** Bytes of all files of an archive. */
const maxBytes = 64 * 1024 ** 3;
const maxFiles = 10_000;

/** The same layout gives the same bytes. */
export async function packLayout(directory: string, path: string): Promise<void> {
  const blobs = (await readdir(join(directory, 'blobs', 'sha256'))).toSorted();
  const names = [...tops, ...blobs.map((name) => `blobs/sha256/${name}`)];
  await replaceFile(path, async (_handle, temporary) => {
    const archive = pack();
    const written = finished(archive.pipe(createWriteStream(temporary)));
    // Its failure is thrown below, and a file that cannot be read is the better reason.
    written.catch(() => undefined);
    for (const name of names) await packFile(archive, join(directory, name), name);
    archive.finalize();
    await written;
  });
}

async function packFile(archive: Pack, path: string, name: string): Promise<void> {
  const { size } = await stat(path);
  const header = { name, size, mode: 0o644, mtime: new Date(0) };
  await new Promise<void>((done, fail) => {
    const entry = archive.entry(header, (error) => (error ? fail(error) : done()));
    createReadStream(path).on('error', fail).pipe(entry);
  });
}

/** Files of a layout only, each once. Throws ARCHIVE_INVALID. */
export async function unpackLayout(path: string, directory: string): Promise<void> {
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
  const entries = extract();
  const source = createReadStream(path).on('error', (error) => entries.destroy(error));
  source.pipe(entries);
  const bounds = { bytes: 0, files: 0 };
  try {
    for await (const entry of entries) await unpackEntry(entry, { path, directory, bounds });
  } catch (error) {
    throw asInvalid(path, error);
  } finally {
    source.destroy();
  }
}

type Entry = Extract extends AsyncIterable<infer One> ? One : never;

interface Place {
  path: string;
  directory: string;
  /** Of what was unpacked so far. */
  bounds: { bytes: number; files: number };
}

async function unpackEntry(entry: Entry, { path, directory, bounds }: Place): Promise<void> {
  const { name: raw, type, size } = entry.header;
  const name = raw.replace(/^\.\//, '');
  if (type === 'directory') return void entry.resume();
  if (type !== 'file' || !(tops.includes(name) || blobName.test(name)))
    throw invalid(path, `it holds ${JSON.stringify(raw.slice(0, 100))}`);
  if ((bounds.bytes += size) > maxBytes || ++bounds.files > maxFiles)
    throw invalid(path, 'it is larger than an image may be');
  await using handle = await open(join(directory, name), 'wx', 0o600).catch(
    (cause: NodeJS.ErrnoException) => {
      throw cause.code === 'EEXIST' ? invalid(path, `it holds ${name} twice`, cause) : cause;
    },
  );
  for await (const piece of entry) await handle.writeFile(piece as Buffer);
}

function asInvalid(path: string, error: unknown): unknown {
  if (error instanceof MillinerError) return error;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  // What the file system refuses is told as such; the rest is what the reader finds in the archive.
  if (syscall !== undefined && code !== undefined) return error;
  return invalid(path, message, error);
}

export function invalid(path: string, reason: string, cause?: unknown): MillinerError {
  return new MillinerError('ARCHIVE_INVALID', `${path} is no archive of an OCI image: ${reason}`, {
    cause,
    details: { path },
  });
}
