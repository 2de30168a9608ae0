/** For `images`: what is in this state and in registries, and which of it carries a package. */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { loadChain } from '../../stages/recipe/load.ts';
import type { Context } from '../state/context.ts';
import { listRecords } from '../state/image-records.ts';
import { allPublished } from '../state/publications.ts';
import { openRepositories } from '../trust/repositories-by-name.ts';
import { requirePemKey } from '../trust/signer-key.ts';
import { affectedBy, carriesPackage, type Examine } from './carried-packages.ts';
import { listLocal, type LocalImage } from './local-images.ts';
import { listPublished, type PublishedTag } from './published-images.ts';

export interface ImagesRequest {
  /** HOST/REPOSITORY each; if there is none, those that this state has published to. */
  repositories: readonly string[];
  /** Path of the public key; without it only the images of this state are listed. */
  key?: string | undefined;
  plainHttp: boolean;
  /** Only images with such a package: NAME [OP EVR]. */
  condition?: string | undefined;
  /** Only images with a package that this CVE or advisory is about. */
  affectedBy?: string | undefined;
  /** Recipes whose repositories are asked for the advisory; if there is none, those of the images of this state. */
  recipes: readonly string[];
}

export interface ImagesReport {
  local: LocalImage[];
  published: PublishedTag[];
}

/** Throws USAGE, REFERENCE_INVALID, KEY_FILE_INVALID, ADVISORY_NOT_FOUND, and what registries and repositories throw. */
export async function listImages(context: Context, request: ImagesRequest): Promise<ImagesReport> {
  const { key, plainHttp, repositories } = request;
  if (key === undefined && repositories.length > 0) {
    throw new MillinerError(
      'USAGE',
      'images of a registry are listed with the key that signed them: --key FILE',
    );
  }
  const examine = await examineFor(context, request);
  const local = await listLocal(context.state, examine);
  if (key === undefined) return { local, published: [] };
  const publicKey = await requirePemKey(key, context.signal);
  const names = repositories.length > 0 ? repositories : await publishedRepositories(context.state);
  const places = await openRepositories(names, { ...context, plainHttp });
  return { local, published: await listPublished(places, publicKey, examine, context) };
}

async function publishedRepositories(state: string): Promise<string[]> {
  const references = (await allPublished(state)).map(parseReference);
  return references.map(({ registry, repository }) => showReference({ registry, repository }));
}

/** Undefined without a question. */
async function examineFor(
  context: Context,
  { condition, affectedBy: id, recipes }: ImagesRequest,
): Promise<Examine | undefined> {
  if (condition !== undefined) return carriesPackage(condition);
  if (id === undefined) return undefined;
  const found = recipes.length > 0 ? recipes : await ownRecipes(context);
  if (found.length > 0) return affectedBy(context, id, found);
  throw new MillinerError('USAGE', 'no recipe says which repositories have the advisories', {
    hint: 'Name recipes with --recipe.',
  });
}

/** Recipes of the images of this state, where they are in recipes/. */
async function ownRecipes({ state, progress }: Context): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of await listRecords(state)) {
    try {
      await loadChain(name);
      found.push(name);
    } catch (error) {
      if (!(error instanceof MillinerError) || error.code !== 'RECIPE_NOT_FOUND') throw error;
      progress.warn(`the advisories of ${name} are not read: ${error.message}`);
    }
  }
  return found;
}
