/** For `release`: adds recipes to the queue as releases, bases first. A release that is queued already is joined. */
import { randomUUID } from 'node:crypto';
import { MillinerError } from '../lib/errors/error.ts';
import { arches as knownArches, hostArch } from '../lib/host/arch.ts';
import { confined } from '../lib/http/reach.ts';
import { canonicalDigest, type Digest } from '../lib/oci/digest.ts';
import { showReference } from '../lib/registry/reference.ts';
import { openTargets } from '../pipeline/publish/targets.ts';
import { openExchange } from '../pipeline/state/blob-exchange.ts';
import type { Context } from '../pipeline/state/context.ts';
import { shareBundle } from '../pipeline/transfer/recipe-bundle.ts';
import type { Layout } from '../pipeline/trust/fetch-signatures.ts';
import { readCandidates, type Candidate } from './candidates.ts';
import { claims, peekRequest, type Release } from './claims.ts';
import { retention, releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { refuseShared, refuseTwofold } from './release-references.ts';
import { fillReferences } from '../stages/recipe/fill-references.ts';
import { forged } from './sealed.ts';

/** BullMQ's numbers: lower goes first. */
const priorities = { high: 1, normal: 10, low: 100 } as const;

interface SubmittedRecipe {
  /** A path, or a name in ./recipes. */
  recipe: string;
  /** In place of the recipe's references: HOST/REPOSITORY:TAG with {{name}}, {{release}}, {{date}}, {{arch}}. */
  to: readonly string[];
  /** Of the recipe's; all of them where it is absent. */
  arches?: readonly string[] | undefined;
  priority: keyof typeof priorities;
}

export interface Submission {
  recipes: readonly SubmittedRecipe[];
  /** Id of the private key. */
  key: string;
  /** The recipes are untrusted: see reach.ts. */
  untrusted: boolean;
  plainHttp: boolean;
  /** The one layout of signatures to write; both where it is absent. */
  only: Layout | undefined;
  /** HOST/REPOSITORY where workers of several machines exchange blobs. */
  exchange: string | undefined;
  /** Whether several machines use the queue. */
  shared: boolean;
}

export interface Submitted {
  release: string;
  recipe: string;
  /** Digest of the request, which the result must have. */
  request: Digest;
  /** Whether the same release was in the queue already. */
  joined: boolean;
  /** HOST/REPOSITORY where its workers exchange blobs; absent where they share this state. */
  exchange?: string;
}

type Content = Omit<Release, 'at' | 'base'>;

/** Queues all recipes or none. Throws the errors of recipes, references and registries; USAGE. */
export async function submit(context: Context, queues: Queues, submission: Submission): Promise<Submitted[]> {
  const run = randomUUID();
  const ready: { release: Content; bases: string[] }[] = [];
  const { recipes, ...common } = submission;
  const given = new Map(recipes.map((one) => [one.recipe, one]));
  for (const candidate of await confined(submission.untrusted, () => readCandidates([...given.keys()]))) {
    const bases = candidate.chain.slice(0, -1).map(({ recipe }) => recipe.name);
    ready.push({
      release: await prepare(context, { ...common, ...given.get(candidate.given)! }, candidate, run),
      bases,
    });
  }
  refuseShared(ready.map(({ release }) => release));
  const begun = new Map<string, Base>();
  const submitted: Submitted[] = [];
  for (const { release, bases } of ready) {
    const under = await uppermostBase(
      bases,
      async (base) => begun.get(base) ?? unfinishedRelease(queues, base),
    );
    const one = await add(queues, { ...release, ...(under !== undefined && { base: under }) });
    begun.set(one.recipe, { release: one.release, request: one.request });
    submitted.push(one);
  }
  return submitted;
}

type Base = NonNullable<Release['base']>;

/** The release to wait for: that of the uppermost base that has one. Bases are given lowest first. */
async function uppermostBase(
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
  submission: Omit<Submission, 'recipes'> & SubmittedRecipe,
  { chain, bundled }: Candidate,
  run: string,
): Promise<Content> {
  const { key, only, plainHttp, priority, shared, untrusted } = submission;
  const { recipe, path } = chain.at(-1)!;
  const wanted: readonly string[] = submission.arches ?? recipe.arches ?? [hostArch()];
  const arches = knownArches.filter((arch) => wanted.includes(arch));
  if (untrusted && submission.to.length === 0) {
    const what = `${path}: publish: a recipe under --untrusted cannot choose where to publish`;
    throw new MillinerError('RECIPE_UNTRUSTED', what, {
      hint: 'Give --to HOST/REPOSITORY:TAG.',
      details: { path, key: 'publish' },
    });
  }
  const to = fillReferences(recipe, path, submission.to);
  const targets = await openTargets(
    to.map((reference) => reference.replaceAll('{{arch}}', arches[0]!)),
    { ...context, plainHttp },
  );
  refuseTwofold(recipe.name, { to, arches });
  const exchange = shared ? (submission.exchange ?? showReference(targets[0]!)) : undefined;
  const place = exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
  const exchanging = { ...context, exchange: place };
  return {
    version: 2,
    recipe: recipe.name,
    run,
    bundle: await confined(untrusted, () => shareBundle(exchanging, bundled)),
    arches,
    key,
    to,
    plainHttp,
    ...(only !== undefined && { only }),
    ...(exchange !== undefined && { exchange }),
    priority: priorities[priority],
  };
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
      ...retention,
      jobId: id,
      priority: content.priority,
      deduplication: { id: identityOf(content).replace(':', '-') },
    },
  );
  await redis.hset(keys.newest, recipe, job.id!);
  const joined = job.id !== id;
  const there = joined ? (await queues.get(releaseQueue).getJob(job.id!))?.data : { request };
  const opened = await machines.open(claims.request, (there as { request?: unknown } | undefined)?.request);
  // The queue is not trusted: the job under this id may hold any request.
  if (identityOf(opened.body) !== identityOf(content))
    throw forged(claims.request, 'it asks for something else');
  const { exchange } = content;
  return {
    release: job.id!,
    recipe,
    request: opened.digest,
    joined,
    ...(exchange !== undefined && { exchange }),
  };
}

/** Two requests with the same identity are one release. */
function identityOf(content: Omit<Release, 'at'>): string {
  const { recipe, bundle, to, key, arches, plainHttp, only } = content;
  return canonicalDigest({ recipe, bundle, to, key, arches, plainHttp, only });
}

/** The newest release of a recipe, if it has not ended. */
async function unfinishedRelease(queues: Queues, recipe: string): Promise<Base | undefined> {
  const id = await queues.redis.hget(keys.newest, recipe);
  if (id === null) return undefined;
  const job = await queues.get(releaseQueue).getJob(id);
  const isGivenUp = (await queues.redis.sismember(keys.cancelled, id)) === 1;
  const isOver = !job || isGivenUp || (await job.isCompleted()) || (await job.isFailed());
  return isOver ? undefined : { release: id, request: peekRequest(job.data).digest };
}
