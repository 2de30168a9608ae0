/** Reads and rewrites policy files, which may have settings of others, with one error for a failure. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { replaceFile } from '../../lib/host/atomic-file.ts';
import { statIfThere, withoutLinks } from '../../lib/host/files.ts';

/** Rewrites the target of a link in place of the link. The file keeps its mode, whatever the umask is. */
export async function rewrite(path: string, make: () => string | Promise<string>): Promise<void> {
  const target = withoutLinks(path);
  const mode = (await statIfThere(target).catch(unwritable(path)))?.mode ?? 0o644;
  await replaceFile(target, async (handle) => {
    await handle.writeFile(await make());
    await handle.chmod(mode & 0o777);
  }).catch(unwritable(path));
}

export function unwritable(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error instanceof MillinerError || error.code === undefined) throw error;
    throw invalid(path, `cannot be written: ${error.code}`, error);
  };
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw invalid(path, `cannot be read: ${error.code}`, error);
  });
}

export function invalid(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('POLICY_INVALID', `${path} ${what}`, { cause, details: { path } });
}

const requirements = z.array(z.looseObject({ type: z.string() }));
const policySchema = z.looseObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).optional(),
});
export type Policy = z.output<typeof policySchema>;

/** Undefined where there is no such file. Throws POLICY_INVALID. */
export async function readPolicy(path: string): Promise<Policy | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'is not JSON', cause);
  }
  const result = policySchema.safeParse(data);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalid(path, `${first!.path.join('.')}: ${first!.message}`);
}
