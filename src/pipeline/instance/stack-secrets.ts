/** The secrets of a stack: from files of the operator's, or made here. No log, verdict, argument or digest has them. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import type { ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import { JsonStore } from '../state/json-store.ts';

const maxBytes = 64 * 1024;

export type Secrets = ReadonlyMap<string, Buffer>;

/**
 * @param state where made secrets stay, for the volumes that were filled with them; absent for a test, which makes its own
 */
export async function readSecrets(
  { name: stack, secrets }: Pick<ResolvedStack, 'name' | 'secrets'>,
  files: Readonly<Record<string, string>>,
  state: string | undefined,
): Promise<Secrets> {
  const found = new Map<string, Buffer>();
  const made = state === undefined ? {} : ((await madeIn(state).read(stack)) ?? {});
  for (const [name, secret] of Object.entries(secrets)) {
    if ('given' in secret) found.set(name, await readGiven(name, files[name]));
    else found.set(name, Buffer.from((made[name] ??= makeSecret(secret.generate))));
  }
  if (state !== undefined && Object.keys(made).length > 0) await madeIn(state).write(stack, made);
  return found;
}

/** The state is root's alone. */
const madeIn = (state: string) =>
  new JsonStore(join(state, 'secrets'), {
    what: 'the secrets that were made for a stack',
    schema: z.record(z.string(), z.string()),
  });

export async function forgetSecrets(state: string, stack: string): Promise<void> {
  await madeIn(state).remove(stack);
}

function makeSecret(length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length);
}

/** Throws SECRET_UNUSABLE. */
async function readGiven(name: string, path: string | undefined): Promise<Buffer> {
  const refused = (reason: string, cause?: unknown) =>
    new MillinerError('SECRET_UNUSABLE', `the secret ${name}: ${reason}`, { cause, details: { name, path } });
  if (path === undefined) {
    throw new MillinerError('SECRET_UNUSABLE', `the secret ${name} has no file here`, {
      hint: `Give one with --secret ${name}=FILE.`,
      details: { name },
    });
  }
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw refused(`${path} cannot be read: ${error.code}`, error);
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw refused(`${path} is no file`);
    if ((found.mode & 0o077) !== 0) throw refused(`others than its owner can read ${path}`);
    if (found.uid !== 0) throw refused(`${path} belongs to the user ${found.uid}, and not to root`);
    if (found.size === 0 || found.size > maxBytes) throw refused(`${path} has ${found.size} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
