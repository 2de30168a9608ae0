/** release: recipes become releases in the queue, bases first; the same one twice is one. */
import { randomUUID } from 'node:crypto';
import { MillinerError } from '../lib/errors/error.ts';
import { arches as knownArches, hostArch } from '../lib/host/arch.ts';
import { fillTemplate } from '../lib/host/template.ts';
import { confined } from '../lib/http/reach.ts';
import { canonicalDigest, type Digest } from '../lib/oci/digest.ts';
import { parseReference, showReference } from '../lib/registry/reference.ts';
import { openTargets } from '../pipeline/publish/targets.ts';
import { openExchange } from '../pipeline/state/blob-exchange.ts';
import type { Context } from '../pipeline/state/context.ts';
import { bundleRecipe, type Bundled } from '../pipeline/transfer/recipe-bundle.ts';
import type { Layout } from '../pipeline/trust/fetch-signatures.ts';
import { loadChain } from '../stages/recipe/load.ts';
import type { Recipe } from '../stages/recipe/schema.ts';
import { claims, peekRequest, type Release } from './claims.ts';
import { kept, releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { forged } from './sealed.ts';

/** BullMQ's numbers: lower goes first. */
export const priorities = { high: 1, normal: 10, low: 100 } as const;

export interface Submission {
  recipes: readonly string[];
  /** Id of the private key. */
  key: string;
  /** Instead of what the recipes say: HOST/REPOSITORY:TAG with {{name}}, {{release}}, {{date}}, {{arch}}. */
  to: readonly string[];
  /** The recipes are a stranger's: see reach.ts. */
  untrusted: boolean;
  plainHttp: boolean;
  /** Both layouts of signatures where it is left out. */
  only: Layout | undefined;
  priority: keyof typeof priorities;
  /** HOST/REPOSITORY where workers of several machines leave blobs for each other. */
  exchange: string | undefined;
  /** Whether the queue is one of several machines. */
  shared: boolean;
}

export interface Submitted {
  release: string;
  recipe: string;
  /** Digest of the request: what the outcome must be about. */
  request: Digest;
  /** Whether it was in the queue already. */
  joined: boolean;
}

type Content = Omit<Release, 'at' | 'base'>;

/** Nothing is queued unless every recipe can be. Throws what recipes, references and registries throw; USAGE. */
export async function submit(context: Context, queues: Queues, submission: Submission): Promise<Submitted[]> {
  const run = randomUUID();
  const ready: { release: Content; bases: string[] }[] = [];
  for (const { path, bases } of await inOrder(submission)) {
    ready.push({ release: await prepare(context, submission, path, run), bases });
  }
  refuseShared(ready.map(({ release }) => release));
  const begun = new Map<string, Base>();
  const submitted: Submitted[] = [];
  for (const { release, bases } of ready) {
    const under = await nearest(bases, async (base) => begun.get(base) ?? unfinished(queues, base));
    const one = await add(queues, { ...release, ...(under !== undefined && { base: under }) });
    begun.set(one.recipe, { release: one.release, request: one.request });
    submitted.push(one);
  }
  return submitted;
}

type Base = NonNullable<Release['base']>;

/** Each once, bases before what is built on them, otherwise as they were given. */
async function inOrder({ recipes, untrusted }: Submission): Promise<{ path: string; bases: string[] }[]> {
  const chains = await Promise.all(recipes.map((recipe) => confined(untrusted, () => loadChain(recipe))));
  const unique = new Map(chains.map((chain) => [chain.at(-1)!.path, chain]));
  const names = [...unique.values()].map((chain) => chain.at(-1)!.recipe.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new MillinerError('USAGE', `two of the recipes have the name ${twice}`);
  return [...unique.values()]
    .toSorted((a, b) => a.length - b.length)
    .map((chain) => ({
      path: chain.at(-1)!.path,
      bases: chain.slice(0, -1).map(({ recipe }) => recipe.name),
    }));
}

/** Of bases, lowest first, the release of the uppermost that has one to wait for. */
async function nearest(
  bases: readonly string[],
  find: (base: string) => Promise<Base | undefined>,
): Promise<Base | undefined> {
  for (const base of bases.toReversed()) {
    const found = await find(base);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function prepare(
  context: Context,
  submission: Submission,
  path: string,
  run: string,
): Promise<Content> {
  const { key, only, plainHttp, priority, shared, untrusted } = submission;
  const chain = await confined(untrusted, () => loadChain(path));
  const { recipe } = chain.at(-1)!;
  const wanted: readonly string[] = recipe.arches ?? [hostArch()];
  const arches = knownArches.filter((arch) => wanted.includes(arch));
  if (untrusted && submission.to.length === 0) {
    const what = `${path}: publish: a recipe under --untrusted cannot choose where to publish`;
    throw new MillinerError('RECIPE_UNTRUSTED', what, {
      hint: 'Give --to HOST/REPOSITORY:TAG.',
      details: { path, key: 'publish' },
    });
  }
  const to = referencesOf(recipe, path, submission.to);
  const targets = await openTargets(
    to.map((reference) => reference.replaceAll('{{arch}}', arches[0]!)),
    { ...context, plainHttp },
  );
  refuseOneForAll(recipe.name, arches, to);
  const exchange = shared ? (submission.exchange ?? showReference(targets[0]!)) : undefined;
  const place = exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
  const exchanging = { ...context, exchange: place };
  const bundle: Bundled = await confined(untrusted, () => bundleRecipe(exchanging, path));
  return {
    version: 2,
    recipe: recipe.name,
    run,
    bundle: bundle.digest,
    arches,
    key,
    to,
    plainHttp,
    ...(only !== undefined && { only }),
    ...(exchange !== undefined && { exchange }),
    priority: priorities[priority],
  };
}

/** What the command line says, or the recipe: its repositories with its tags. */
function referencesOf(recipe: Recipe, path: string, given: readonly string[]): string[] {
  const { publish } = recipe;
  const own = publish?.to.flatMap((place) => publish.tags.map((tag) => `${place}:${tag}`)) ?? [];
  const templates = given.length > 0 ? given : own;
  if (templates.length === 0) {
    throw new MillinerError('USAGE', `${path} does not say where to publish the image`, {
      hint: 'Give --to HOST/REPOSITORY:TAG, or publish: {to, tags} in the recipe.',
    });
  }
  const values = {
    name: recipe.name,
    release: recipe.release ?? '',
    date: new Date().toISOString().slice(0, 10).replaceAll('-', ''),
    arch: '{{arch}}',
  };
  return templates.map((text) => {
    try {
      return fillTemplate(text, values);
    } catch (cause) {
      throw new MillinerError('REFERENCE_INVALID', `${text}: ${(cause as Error).message.split('\n')[0]}`, {
        cause,
        hint: 'Use {{name}}, {{release}}, {{date}} and {{arch}} alone.',
      });
    }
  });
}

/** An image is of one architecture, and a tag is of one image. */
function refuseOneForAll(recipe: string, arches: readonly string[], to: readonly string[]): void {
  const alike = to.find((reference) => !reference.includes('{{arch}}'));
  if (arches.length === 1 || alike === undefined) return;
  throw new MillinerError(
    'USAGE',
    `the architectures ${arches.join(', ')} of ${recipe} would share the tag ${alike}`,
    {
      hint: 'Write {{arch}} into the tag or the repository.',
    },
  );
}

function refuseShared(releases: Pick<Release, 'recipe' | 'to'>[]): void {
  const seen = new Map<string, string>();
  for (const { recipe, to } of releases) {
    for (const text of to) {
      const reference = showReference(parseReference(text.replaceAll('{{arch}}', 'arch')));
      const other = seen.get(reference);
      seen.set(reference, recipe);
      if (other === undefined || other === recipe) continue;
      throw new MillinerError('USAGE', `${text} would name both ${other} and ${recipe}`, {
        hint: 'Write {{name}} into --to, as in HOST/{{name}}:TAG.',
      });
    }
  }
}

async function add(queues: Queues, content: Omit<Release, 'at'>): Promise<Submitted> {
  const { redis, machines } = queues;
  const { recipe } = content;
  const id = `${recipe}-${await redis.incr(keys.number)}`;
  const request = await machines.seal(claims.request, { ...content, at: Date.now() });
  const job = await queues.get(releaseQueue).add(
    'release',
    { request },
    {
      ...kept,
      jobId: id,
      priority: content.priority,
      deduplication: { id: identityOf(content).replace(':', '-') },
    },
  );
  await redis.hset(keys.newest, recipe, job.id!);
  const joined = job.id !== id;
  const there = joined ? (await queues.get(releaseQueue).getJob(job.id!))?.data : { request };
  const opened = await machines.open(claims.request, (there as { request?: unknown } | undefined)?.request);
  // What lies there under the same name may be anything.
  if (identityOf(opened.body) !== identityOf(content))
    throw forged(claims.request, 'it asks for something else');
  return { release: job.id!, recipe, request: opened.digest, joined };
}

/** Two requests of one identity are one release. */
function identityOf(content: Omit<Release, 'at'>): string {
  const { recipe, bundle, to, key, arches, plainHttp, only } = content;
  return canonicalDigest({ recipe, bundle, to, key, arches, plainHttp, only });
}

/** The newest release of a recipe, while it goes on. */
async function unfinished(queues: Queues, recipe: string): Promise<Base | undefined> {
  const id = await queues.redis.hget(keys.newest, recipe);
  if (id === null) return undefined;
  const job = await queues.get(releaseQueue).getJob(id);
  const isGivenUp = (await queues.redis.sismember(keys.cancelled, id)) === 1;
  const isOver = !job || isGivenUp || (await job.isCompleted()) || (await job.isFailed());
  return isOver ? undefined : { release: id, request: peekRequest(job.data).digest };
}
