/** What a workflow runs that somebody else can change without a change here. */
import { isMap, isScalar, parseDocument, visit } from 'yaml';

/** Each `uses` and each image that is not named by what it is: a commit of 40 digits, or a digest. */
export function unpinned(workflow: string): string[] {
  const found: string[] = [];
  visit(parseDocument(workflow), {
    Pair(_, { key, value }) {
      if (!isScalar(key)) return;
      if (key.value === 'uses') found.push(...unpinnedAction(value));
      // `container` is a name, or a map with its image.
      else if (key.value === 'image' || (key.value === 'container' && !isMap(value)))
        found.push(...unpinnedImage(value));
    },
  });
  return found;
}

const text = (value: unknown): string =>
  isScalar(value) && typeof value.value === 'string' ? value.value : `not a name: ${String(value)}`;

function unpinnedAction(value: unknown): string[] {
  const name = text(value);
  if (name.startsWith('./')) return [];
  if (name.startsWith('docker://')) return unpinnedImage(value);
  const version = isScalar(value) ? value.comment : undefined;
  const isPinned = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(name) && /^ v\d+\.\d+\.\d+$/.test(version ?? '');
  return isPinned ? [] : [name];
}

function unpinnedImage(value: unknown): string[] {
  const name = text(value);
  return /^[^\s@]+@sha256:[0-9a-f]{64}$/.test(name) ? [] : [name];
}
