/**
 * modules.yaml of Enterprise Linux 8 and 9: which packages belong to which stream of a module, and which stream of each is
 * the default (fedora-modularity/libmodulemd: modulemd v1 and v2, modulemd-defaults v1). Other documents are passed over.
 */
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { decompressed } from './decompress.ts';

export interface ModuleStream {
  name: string;
  stream: string;
  /** Of builds of one stream the highest counts. */
  version: bigint;
  context: string;
  arch: string;
  /** One of these must hold: by module the streams that will do, any where there are none, `-x` for any but x. */
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
/** Some five times what the largest has. */
const maxFileBytes = 64 * MiB;
/** Three times what the largest has; the parser takes more than a thousand times as much memory. */
const maxDocumentBytes = MiB / 4;
const maxDocuments = 20_000;

const word = z.string().min(1);
const streamList = z.union([word.transform((one) => [one]), z.array(word)]).default([]);
const requirements = z.record(word, streamList);
const streamSchema = z.object({
  data: z.object({
    name: word,
    stream: word,
    // Build systems fill these in; libmodulemd takes documents without.
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

/** The ending of the path tells the compression. Throws REPO_INVALID. */
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
    // Most of what there is are translations: they need not be parsed to be left out.
    const kind = /^document:\s*["']?([\w-]+)/m.exec(text)?.[1];
    if (kind === 'modulemd') streams.push(streamOf(parse(text, path, streamSchema)));
    if (kind !== 'modulemd-defaults') continue;
    const { data } = parse(text, path, defaultsSchema);
    if (data.stream !== undefined) defaults.set(data.module, data.stream);
  }
  return { streams, defaults };
}

/** Of what a module is, all that is read. */
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
 * The lines of a document without its descriptions, components and the like: most of it is theirs, and Fedora has
 * quoted texts among them that are indented as libyaml takes them and YAML 1.2 forbids.
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

/** All scalars are text: the stream 1.10 is not the number 1.1. */
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
