/**
 * The confined process that reads packages and layers, which are not trusted. It makes a layer from packages, or lists a
 * layer's content. Its results are files in one directory, under names that the parent has chosen.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { constants, getPriority, setPriority } from 'node:os';
import { serveTasks } from '../../lib/host/serve.ts';
import type { ChunkIndex } from '../../stages/layer/compress/chunked/trailer.ts';
import type { Compression } from '../../stages/layer/compress/compress.ts';
import {
  listLayer,
  writeLayer,
  type LayerBlob,
  type LayerFiles,
} from '../../stages/layer/write/write-layer.ts';
import { fileDigests, type DigestTask } from './layer-digests.ts';

export interface MakeTask {
  kind: 'make';
  /** In base64. */
  segments: string;
  compression: Compression;
  files: LayerFiles;
  /** For zstd:chunked, by segment: the file with the index of one that is there, or the one to write. */
  indexes: { stored?: string; to?: string }[];
}

export interface ListTask {
  kind: 'list';
  blob: LayerBlob;
  files: LayerFiles;
}

export type LayerTask = MakeTask | ListTask | DigestTask;

async function work(task: LayerTask): Promise<unknown> {
  if (task.kind === 'make') return make(task);
  if (task.kind === 'digest') return fileDigests(task);
  return listLayer(task.blob, task.files);
}

async function make({ segments, compression, files, indexes }: MakeTask): Promise<unknown> {
  const stored: (ChunkIndex | undefined)[] = [];
  for (const { stored: path } of indexes)
    stored.push(path === undefined ? undefined : (JSON.parse(await readFile(path, 'utf8')) as ChunkIndex));
  const made = await writeLayer(Buffer.from(segments, 'base64'), files, compression, stored);
  for (const [at, { to }] of indexes.entries())
    if (to !== undefined) await writeFile(to, JSON.stringify(made.segments[at]!.index), { flag: 'wx' });
  return { ...made, segments: made.segments.map(({ offset, size }) => ({ offset, size })) };
}

// rpm runs in parallel on one core and determines the total time, so it gets priority.
// One that runs at a lower priority already may not raise it (setpriority(2)).
if (getPriority() < constants.priority.PRIORITY_BELOW_NORMAL)
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
await serveTasks(work);
