/** Tags of a repository (OCI distribution specification, "Listing Tags"). */
import { z } from 'zod';
import { excess } from './budget.ts';
import type { Transport } from './transport.ts';

const listSchema = z.looseObject({ tags: z.array(z.string()).nullish() });
const listBytes = 16 * 1024 * 1024;
const maxPages = 100;
const maxTags = 100_000;
const tagForm = /^\w[\w.-]{0,127}$/;

interface Page {
  status: number;
  /** Undefined if the answer is not a list. */
  tags: readonly string[] | undefined;
  next: URL | undefined;
}

const firstPage = (repository: string) => `/v2/${repository}/tags/list`;

/**
 * All tags, sorted; undefined if the registry has no such repository. A registry that refuses to list, or lists
 * something else, is an error: callers decide from the list what may be deleted. Throws REGISTRY_EXCESS.
 */
export async function listTags(transport: Transport, repository: string): Promise<string[] | undefined> {
  const all = new Set<string>();
  let url: URL | string | undefined = firstPage(repository);
  for (let number = 0; url !== undefined; number++) {
    const page: Page = await pageOf(transport, repository, url, [200, 404]);
    if (page.status === 404) return undefined;
    if (!page.tags?.every((tag) => tagForm.test(tag))) {
      throw transport.invalid(`${transport.registry} lists something other than tags`, { repository });
    }
    for (const tag of page.tags) all.add(tag);
    url = page.next;
    const isTooLong = all.size > maxTags || (url !== undefined && number + 1 === maxPages);
    if (isTooLong) throw excess(`${transport.registry} lists more tags of ${repository} than are ever read`);
  }
  return [...all].toSorted();
}

/**
 * Whether the registry lists a tag. False proves nothing, because a registry may list no tags, or refuse to. Throws
 * REGISTRY_EXCESS if the list is longer than Milliner reads.
 */
export async function listsTag(transport: Transport, repository: string, tag: string): Promise<boolean> {
  let url: URL | string | undefined = firstPage(repository);
  for (let number = 0; url !== undefined; number++) {
    if (number === maxPages) throw excess(`${transport.registry} lists tags on more than ${maxPages} pages`);
    const page: Page = await pageOf(transport, repository, url, answers);
    if (page.status === 200 && page.tags?.includes(tag)) return true;
    url = page.next;
  }
  return false;
}

const answers = [200, 400, 401, 403, 404, 405, 501];

async function pageOf(
  transport: Transport,
  repository: string,
  url: URL | string,
  expect: readonly number[],
): Promise<Page> {
  const ask = { method: 'GET' as const, url, repository, access: 'pull' as const, expect };
  return transport.ask(ask, async (response) => {
    const bytes = await transport.read(response, listBytes);
    const { statusCode: status, headers } = response;
    if (status !== 200) return { status, tags: undefined, next: undefined };
    return { status, tags: tagsOf(bytes), next: nextOf(transport, headers['link'], url) };
  });
}

function tagsOf(bytes: Buffer): readonly string[] | undefined {
  try {
    return listSchema.parse(JSON.parse(bytes.toString())).tags ?? [];
  } catch {
    return undefined;
  }
}

/** The next page of a list (RFC 8288), at the same registry; undefined at the end. */
export function nextOf(
  transport: Transport,
  link: string | string[] | undefined,
  from: URL | string,
): URL | undefined {
  const next = /<([^>]+)>\s*;[^,]*rel="?next"?/.exec(String(link ?? ''))?.[1];
  return next === undefined ? undefined : transport.follow(next, from);
}
