/** Tags of a repository (OCI distribution specification, "Listing Tags"). */
import { z } from 'zod';
import { excess } from './budget.ts';
import type { Transport } from './transport.ts';

const listSchema = z.looseObject({ tags: z.array(z.string()).nullish() });
const listBytes = 16 * 1024 * 1024;
const maxPages = 100;

interface Page {
  tags: readonly string[];
  next: URL | undefined;
}

/**
 * Whether the registry lists a tag. False proves nothing, because a registry may list no tags, or refuse to. Throws
 * REGISTRY_EXCESS if the list is longer than Milliner reads.
 */
export async function listsTag(transport: Transport, repository: string, tag: string): Promise<boolean> {
  let url: URL | string | undefined = `/v2/${repository}/tags/list`;
  for (let number = 0; url !== undefined; number++) {
    if (number === maxPages) throw excess(`${transport.registry} lists tags on more than ${maxPages} pages`);
    const page: Page = await pageOf(transport, repository, url);
    if (page.tags.includes(tag)) return true;
    url = page.next;
  }
  return false;
}

async function pageOf(transport: Transport, repository: string, url: URL | string): Promise<Page> {
  const ask = { method: 'GET' as const, url, repository, access: 'pull' as const, expect: answers };
  return transport.ask(ask, async (response) => {
    const bytes = await transport.read(response, listBytes);
    if (response.statusCode !== 200) return { tags: [], next: undefined };
    return { tags: tagsOf(bytes), next: nextOf(transport, response.headers['link'], url) };
  });
}

const answers = [200, 400, 401, 403, 404, 405, 501];

function tagsOf(bytes: Buffer): readonly string[] {
  try {
    return listSchema.parse(JSON.parse(bytes.toString())).tags ?? [];
  } catch {
    return [];
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
