/** Opens each repository once for many recipes, which may exclude and prefer different packages of it. */
import { canonicalDigest } from '../../lib/oci/digest.ts';
import { placesOf, type RepositoryDefinition } from '../../stages/repo/definition.ts';
import { substitute, type Variables } from '../../stages/repo/location.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import type { Sharing } from '../state/sharing.ts';

/** As `open`, which is called for the first definition that leads to these servers with these keys. */
export async function openShared(
  { repositories }: Sharing,
  definition: RepositoryDefinition,
  variables: Variables,
  open: () => Promise<OpenedRepository>,
): Promise<OpenedRepository> {
  const key = keyOf(definition, variables);
  const opening = repositories.get(key) ?? open().then(readOnce);
  repositories.set(key, opening);
  return { ...(await opening), definition };
}

/** Of a repository all but what the solver makes of its packages. */
function keyOf(definition: RepositoryDefinition, variables: Variables): string {
  const {
    exclude: _exclude,
    include: _include,
    priority: _priority,
    cost: _cost,
    moduleHotfixes: _hotfixes,
    ...asked
  } = definition;
  const places = placesOf(definition).map((one) => substitute(one, variables, definition.name));
  // The servers of a mirror list have variables of their own.
  return canonicalDigest({ ...asked, places, ...(definition.mirrorlist !== undefined && variables) });
}

/** Comps and modules are parsed at each call. */
function readOnce(opened: OpenedRepository): OpenedRepository {
  if (opened.kind === 'rpms') return opened;
  const comps = once(() => opened.comps());
  const modules = once(() => opened.modules());
  return { ...opened, comps, modules };
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => (reading ??= read());
}
