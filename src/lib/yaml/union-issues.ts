/** Which alternative of a union the author of a file meant. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** The issues of the alternative that fits best; undefined if none is nearer than the others. */
export function closestIssues(branches: readonly Issue[][], value: unknown): Issue[] | undefined {
  const open = branches.filter((branch) => !branch.some(isOtherKind));
  if (open.length < 2 || !isMap(value)) return open.length === 1 ? open[0] : deepest(open);
  const strange = open.map((branch) => unknownKeys(branch));
  const fewest = Math.min(...strange);
  const nearer = open.filter((_, index) => strange[index] === fewest);
  if (nearer.length === 1) return nearer[0];
  return fewest > 0 || nearer.every((branch) => lacksKey(branch, value)) ? undefined : deepest(nearer);
}

/** The whole value is of another kind than this alternative takes. */
const isOtherKind = ({ code, path }: Issue) =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');

export const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const unknownKeys = (branch: readonly Issue[]) =>
  branch.reduce(
    (sum, one) => sum + (one.code === 'unrecognized_keys' && one.path.length === 0 ? one.keys.length : 0),
    0,
  );

const lacksKey = (branch: readonly Issue[], value: object) =>
  branch.some(
    ({ code, path }) => code === 'invalid_type' && path.length === 1 && !Object.hasOwn(value, path[0]!),
  );

function deepest(branches: readonly Issue[][]): Issue[] | undefined {
  const depth = (branch: Issue[]) => Math.max(...branch.map((one) => one.path.length));
  const [first] = branches.toSorted((a, b) => depth(b) - depth(a));
  return first;
}
