/**
 * modules.yaml of Enterprise Linux 8 and 9: the packages of each stream of a module, and the default stream of each
 * module (fedora-modularity/libmodulemd: modulemd v1 and v2, modulemd-defaults v1). Other documents are ignored.
 */
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { decompressed } from './decompress.ts';

export interface ModuleStream {
  name: string;
  stream: string;
  /** Of several builds of one stream, the highest version counts. */
  version: bigint;
  context: string;
  arch: string;
  /** One of these must be met. By module: the accepted streams, an empty list for any, `-x` for any but x. */
  requires: ReadonlyMap<string, readonly string[]>[];
  /** NAME-EPOCH:VERSION-RELEASE.ARCH */
  artifacts: readonly string[];
}

export interface Modules {
  streams: ModuleStream[];
  /** By module. */
  defaults: ReadonlyMap<string, string>;
}

const MiB = 1024 * 1024;
/** About five times the largest known file. */
const maxFileBytes = 64 * MiB;
/** Three times the largest known document; the parser needs more than a thousand times as much memory. */
const maxDocumentBytes = MiB / 4;
const maxDocuments = 20_000;

const word = z.string().min(1);
const streamList = z.union([word.transform((one) => [one]), z.array(word)]).default([]);
const requirements = z.record(word, streamList);
const streamSchema = z.object({
  data: z.object({
    name: word,
    stream: word,
    // Build systems add these fields; libmodulemd accepts documents without them.
    version: z
      .string()
      .regex(/^\d{1,20}$/)
      .default('0'),
    context: z.string().default(''),
    arch: word.default('noarch'),
    dependencies: z
      .union([
        z.array(z.object({ requires: requirements.default({}) })),
        z.object({ requires: requirements.default({}) }).transform((one) => [one]),
      ])
      .default([]),
    artifacts: z.object({ rpms: z.array(word).default([]) }).default({ rpms: [] }),
  }),
});
const defaultsSchema = z.object({ data: z.object({ module: word, stream: word.optional() }) });

/** The file's extension selects the decompressor. Throws REPO_INVALID. */
export async function readModules(path: string): Promise<Modules> {
  const pieces: Buffer[] = [];
  for await (const piece of decompressed(path, maxFileBytes)) pieces.push(piece);
  const documents = Buffer.concat(pieces)
    .toString('utf8')
    .split(/^---(?=\s|$)/m);
  if (documents.length > maxDocuments)
    throw new MillinerError('REPO_INVALID', `${path} has too many documents`);
  const streams: ModuleStream[] = [];
  const defaults = new Map<string, string>();
  for (const text of documents) {
    // Most documents are translations, which are skipped without parsing them.
    const kind = /^document:\s*["']?([\w-]+)/m.exec(text)?.[1];
    if (kind === 'modulemd') streams.push(streamOf(parse(text, path, streamSchema)));
    if (kind !== 'modulemd-defaults') continue;
    const { data } = parse(text, path, defaultsSchema);
    if (data.stream !== undefined) defaults.set(data.module, data.stream);
  }
  return { streams, defaults };
}

/** The fields of a module that are read. */
const wantedKeys = new Set([
  'name',
  'module',
  'stream',
  'version',
  'context',
  'arch',
  'dependencies',
  'artifacts',
]);

/**
 * The lines of a document without descriptions, components and the like, which are most of it. Some of Fedora's have
 * quoted texts that libyaml accepts and YAML 1.2 forbids, because of their indentation.
 */
function wantedFields(document: string): string {
  let indent: string | undefined;
  let keeps = true;
  const lines = document.split('\n').filter((line) => {
    const [, blanks, key = ''] = /^( *)["']?([\w-]+)["']?:(?:\s|$)/.exec(line) ?? [];
    if (blanks === '') keeps = true;
    else if (blanks !== undefined && blanks === (indent ??= blanks)) keeps = wantedKeys.has(key);
    return keeps;
  });
  return lines.join('\n');
}

/** All scalars stay text: the stream 1.10 is not the number 1.1. */
function parse<T extends z.ZodType>(document: string, path: string, schema: T): z.output<T> {
  const text = wantedFields(document);
  if (text.length > maxDocumentBytes)
    throw new MillinerError('REPO_INVALID', `${path}: a document is too large`);
  try {
    const parsed = parseDocument(text, { schema: 'failsafe', prettyErrors: false, logLevel: 'silent' });
    const [error] = parsed.errors;
    if (error) throw error;
    return schema.parse(parsed.toJS({ maxAliasCount: 0 }));
  } catch (cause) {
    if (cause instanceof MillinerError) throw cause;
    const reason = cause instanceof z.ZodError ? cause.issues[0]!.path.join('.') : (cause as Error).message;
    throw new MillinerError('REPO_INVALID', `${path} has an unreadable module: ${reason}`, { cause });
  }
}

function streamOf({ data }: z.output<typeof streamSchema>): ModuleStream {
  return {
    name: data.name,
    stream: data.stream,
    version: BigInt(data.version),
    context: data.context,
    arch: data.arch,
    requires: data.dependencies.map((one) => new Map(Object.entries(one.requires))),
    artifacts: data.artifacts.rpms.map(withEpoch),
  };
}

function withEpoch(artifact: string): string {
  const [, name, epoch = '0', rest] = /^(.+)-(?:(\d+):)?([^-]+-[^-]+)$/.exec(artifact) ?? [];
  return name === undefined ? artifact : `${name}-${epoch}:${rest}`;
}
