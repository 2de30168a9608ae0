/** The generations of a name in this state: each image that it has named, when, why, and with which other packages. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import { changesBetween } from '../../stages/lock/package-changes.ts';
import { JsonStore } from './json-store.ts';

/** Older ones are forgotten; their numbers are not given again. */
const maxGenerations = 50;

/** What gave a name another image: a build with another lock, recipe, base or ids, or a command. */
const reasons = [
  'new',
  'lock',
  'recipe',
  'base',
  'ids',
  'received',
  'pulled',
  'loaded',
  'tagged',
  'committed',
  'checked out',
] as const;
export type Reason = (typeof reasons)[number];

const generation = z.object({
  number: z.int().positive(),
  digest: z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]),
  /** ISO 8601. */
  at: z.string(),
  reasons: z.array(z.enum(reasons)),
  packages: z.object({
    added: z.array(z.string()),
    removed: z.array(z.string()),
    updated: z.array(z.object({ from: z.string(), to: z.string() })),
  }),
});
export type Generation = z.output<typeof generation>;

interface NameId {
  name: string;
  arch: string;
}

/** What two generations are compared by. */
interface ImageFacts extends NameId {
  manifestDigest: Digest;
  lockDigest: string;
  content?: Digest;
  base?: Digest;
  packages: readonly string[];
  checksums: Readonly<Record<string, string>>;
}

const generationsIn = (state: string) =>
  new JsonStore(join(state, 'generations'), {
    what: 'the generations of an image',
    schema: z.object({ generations: z.array(generation) }),
    hint: 'Remove the file: the next build begins a new list.',
  });

/** No name of an image has an @. */
const fileOf = ({ name, arch }: NameId) => `${name}@${arch}`;

/** Oldest first. Throws STATE_INVALID. */
export async function readGenerations(state: string, of: NameId): Promise<Generation[]> {
  return (await generationsIn(state).read(fileOf(of)))?.generations ?? [];
}

/** Called before `record` replaces `before`. The same image again is no new generation. */
export async function addGeneration(
  state: string,
  record: ImageFacts,
  before: ImageFacts | undefined,
  reason: Reason | undefined,
): Promise<void> {
  const known = await readGenerations(state, record);
  const last = known.at(-1);
  if (last?.digest === record.manifestDigest) return;
  const next: Generation = {
    number: (last?.number ?? 0) + 1,
    digest: record.manifestDigest,
    at: new Date().toISOString(),
    reasons: reason ? [reason] : reasonsOf(record, before),
    packages: packagesBetween(before, record),
  };
  await generationsIn(state).write(fileOf(record), {
    generations: [...known, next].slice(-maxGenerations),
  });
}

export async function forgetGenerations(state: string, of: NameId): Promise<void> {
  await generationsIn(state).remove(fileOf(of));
}

function reasonsOf(record: ImageFacts, before: ImageFacts | undefined): Reason[] {
  if (!before) return ['new'];
  const found: Reason[] = [];
  if (before.lockDigest !== record.lockDigest) found.push('lock');
  if (before.content !== record.content) found.push('recipe');
  if (before.base !== record.base) found.push('base');
  return found.length > 0 ? found : ['ids'];
}

function packagesBetween(before: ImageFacts | undefined, record: ImageFacts): Generation['packages'] {
  if (!before) return { added: [], removed: [], updated: [] };
  const mapOf = ({ packages, checksums }: ImageFacts) =>
    new Map(packages.map((nevra) => [nevra, checksums[nevra] ?? '']));
  const { added, removed, replaced } = changesBetween(mapOf(before), mapOf(record));
  return { added, removed, updated: replaced.map(({ from, to }) => ({ from, to })) };
}
