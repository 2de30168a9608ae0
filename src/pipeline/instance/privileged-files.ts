/** Files of an image that give their rights to their callers: setuid, setgid, or with file capabilities. */
import type { Digest } from '../../lib/oci/digest.ts';
import { capabilityText } from '../../lib/rpm/capabilities.ts';
import { maxPrivilegedFiles, type PrivilegedFile } from '../../stages/boot/evidence.ts';
import { isRegular, linesOf, parseEntry, type TreeEntry } from '../../stages/layer/tree.ts';
import type { Context } from '../state/context.ts';

const attribute = 'security.capability';
const setId = 0o6000;

/** From the stored tree, in its order; lines that cannot be of such a file are not parsed. */
export async function privilegedFiles({ content }: Context, tree: Digest): Promise<PrivilegedFile[]> {
  const found: PrivilegedFile[] = [];
  for await (const lines of linesOf((await content.openVerified(tree)).setEncoding('utf8'))) {
    for (const line of lines) {
      if (mayBePrivileged(line)) found.push(...privileged(parseEntry(line)));
    }
  }
  return found.slice(0, maxPrivilegedFiles);
}

function mayBePrivileged(line: string): boolean {
  return (Number(/"mode":(\d+)/.exec(line)?.[1]) & setId) !== 0 || line.includes(attribute);
}

function privileged(entry: TreeEntry): PrivilegedFile[] {
  const { path, mode, xattrs } = entry;
  const attributes = xattrs?.[attribute];
  if (!isRegular(entry) || ((mode & setId) === 0 && !attributes)) return [];
  const capabilities = attributes && (capabilityText(attributes) ?? `0x${attributes.toString('hex')}`);
  return [
    {
      path: `/${Buffer.from(path, 'latin1').toString('utf8')}`.slice(0, 4096),
      mode: (mode & 0o7777).toString(8).padStart(4, '0'),
      ...(capabilities !== undefined && { capabilities: capabilities.slice(0, 4096) }),
    },
  ];
}
