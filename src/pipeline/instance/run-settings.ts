/** What the command line of `run` says instead of the recipe, and the names that instances get by it. */
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { acquire } from '../../lib/host/locks.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';

export interface RunSettings {
  name?: string | undefined;
  /** As in the recipe; what is undefined is the recipe's. */
  limits: Record<'memory' | 'cpus' | 'pids' | 'bandwidth', string | number | undefined>;
  /** Beside the variables of the image, and in their place. */
  env: Record<string, string>;
}

/** Throws USAGE. */
export async function withSettings(
  record: ImageRecord,
  settings: RunSettings | undefined,
): Promise<ImageRecord> {
  if (!settings) return record;
  // Most runs set nothing, and the schema takes longer to load than a tree to mount.
  const { limits } = await import('../../stages/recipe/schema.ts');
  const given = Object.fromEntries(
    Object.entries(settings.limits).filter(([, value]) => value !== undefined),
  );
  const parsed = limits.partial().safeParse(given);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    const flag = String(path[0]);
    throw new MillinerError('USAGE', `--${flag} ${given[flag]}: ${message}`);
  }
  // Defaults of the schema would take the place of what the recipe says.
  const own = Object.fromEntries(Object.keys(given).map((key) => [key, parsed.data[key as 'memory']]));
  const config = { ...record.config, env: { ...record.config.env, ...settings.env } };
  return { ...record, config, test: { ...record.test, limits: { ...record.test.limits, ...own } } };
}

const namePattern = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

/** Runs fn while no other instance of this state has the name. Throws USAGE, BUSY. */
export async function withInstanceName<T>(
  { state }: Pick<Context, 'state'>,
  name: string | undefined,
  fn: () => Promise<T>,
): Promise<T> {
  if (name === undefined) return fn();
  if (!namePattern.test(name))
    throw new MillinerError('USAGE', `--name ${name} is not a word of lower-case letters, digits and . _ -`);
  const lock = await acquire(join(state, 'locks', `instance-${name}`), 'exclusive').catch(
    (cause: unknown) => {
      throw inUse(name, cause);
    },
  );
  try {
    return await fn();
  } finally {
    await lock.close();
  }
}

function inUse(name: string, cause: unknown): unknown {
  if (!(cause instanceof MillinerError) || cause.code !== 'BUSY') return cause;
  return new MillinerError('BUSY', `an instance with the name ${name} runs`, {
    cause,
    hint: `Stop it first: milliner stop ${name}. Or choose another --name.`,
    details: { name },
  });
}
