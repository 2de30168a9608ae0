/** Checks and repairs an unused pool with thin-provisioning-tools. */
import { open, rm, truncate } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MillinerError } from '../../../lib/errors/error.ts';
import { deviceInfo } from '../../../lib/host/device-mapper.ts';
import { run } from '../../../lib/host/exec.ts';
import { syncPath } from '../../../lib/host/files.ts';
import { attach, backingName, detach } from './backing.ts';
import { withExclusivePool } from './create.ts';
import { emptyId, poolDirectory, readConfig, sector, type PoolConfig } from './pool-config.ts';
import { ThinMetadata } from './thin-database.ts';
import { startPool, stopPool } from './thin-pool.ts';

export interface PoolCheck {
  clean: boolean;
  /** Output of thin_check. */
  problems: string[];
  /** IDs in the pool that the database lacks. */
  unknown: number[];
  /** Snapshots whose ID the pool lacks, or whose row lacks the ID that its kind needs. */
  lost: string[];
}

/** Throws POOL_MISSING, BUSY, HOST_MISSING. Stops the pool; the next command starts it again. */
export async function checkPool(state: string): Promise<PoolCheck> {
  return withExclusivePool(state, async () => {
    const config = await readConfig(state);
    await stopPool(config);
    return withMetadata(config, (device) => examine(state, device));
  });
}

async function examine(state: string, device: string): Promise<PoolCheck> {
  const { ok, words } = await tool('thin_check', [device]);
  const problems = words.split('\n').filter((line) => line.trim() !== '');
  if (!ok) return { clean: false, problems, unknown: [], lost: [] };
  const ids = await idsIn(device);
  const metadata = new ThinMetadata(join(poolDirectory(state), 'metadata.db'));
  try {
    const known = metadata.devices();
    const unknown = [...ids].filter((id) => id !== emptyId && !known.some((one) => one.id === id));
    const lost = known.flatMap((one) => (one.kind === 'committed' && !ids.has(one.id) ? [one.name!] : []));
    return { clean: unknown.length === 0 && lost.length === 0, problems, unknown, lost };
  } finally {
    metadata.close();
  }
}

export interface Repaired extends PoolCheck {
  /** Path of the old metadata, if it was damaged and has been rebuilt. */
  backup?: string;
}

/**
 * Repairs what is possible. If the check finds no damage, only the needs-check flag is cleared; otherwise the metadata
 * is rebuilt from what is readable. Lost snapshots are removed from the database, and unknown IDs from the pool.
 */
export async function repairPool(state: string): Promise<Repaired> {
  return withExclusivePool(state, async () => {
    const config = await readConfig(state);
    await stopPool(config);
    const found = await withMetadata(config, async (device): Promise<Repaired> => {
      const check = await tool('thin_check', ['--clear-needs-check-flag', device]);
      const backup = check.ok ? undefined : await rebuild(state, config, device);
      return { ...(await examine(state, device)), ...(backup !== undefined && { backup }) };
    });
    await reconcileDevices(state, config, found);
    return { ...found, clean: true };
  });
}

/** Returns the path of the old metadata. */
async function rebuild(state: string, config: PoolConfig, device: string): Promise<string> {
  const backup = join(poolDirectory(state), `metadata-${new Date().toISOString().slice(0, 19)}.backup`);
  const repaired = join(poolDirectory(state), 'metadata.repaired');
  await copy(device, backup);
  try {
    await (await open(repaired, 'w', 0o600)).close();
    await truncate(repaired, config.metadata.sectors * sector);
    const repair = await tool('thin_repair', ['--input', device, '--output', repaired]);
    const check = await tool('thin_check', [repaired]);
    if (!repair.ok || !check.ok) {
      throw new MillinerError('POOL_DAMAGED', `thin_repair cannot repair ${device}: ${repair.words}`, {
        hint: `Remove the pool with milliner pool remove --force, and build its images again in a new one. The pool is unchanged, and ${backup} has a copy of its metadata.`,
        details: { backup },
      });
    }
    await copy(repaired, device);
  } finally {
    await rm(repaired, { force: true });
  }
  return backup;
}

async function copy(from: string, to: string): Promise<void> {
  await pipeline(
    createReadStream(from),
    createWriteStream(to, { flags: to.startsWith('/dev/') ? 'r+' : 'w', mode: 0o600 }),
  );
  await syncPath(to);
}

/** The database drops what the pool has lost; in everything else the pool follows the database. */
async function reconcileDevices(
  state: string,
  config: PoolConfig,
  { lost, unknown }: PoolCheck,
): Promise<void> {
  const pool = await startPool(config);
  const metadata = new ThinMetadata(join(poolDirectory(state), 'metadata.db'));
  try {
    for (const id of unknown) await pool.delete(id);
    metadata.dropLost(lost, (await pool.status()).transactionId);
  } finally {
    metadata.close();
  }
}

/** Thin IDs in the metadata of a stopped pool. */
async function idsIn(device: string): Promise<Set<number>> {
  const { output } = await list(['--format', 'DEV', '--no-headers', device]);
  return new Set(output.split(/\s+/).filter(Boolean).map(Number));
}

async function withMetadata<T>(config: PoolConfig, fn: (device: string) => Promise<T>): Promise<T> {
  await attach(config, 'metadata');
  try {
    const device = await deviceInfo(backingName(config, 'metadata'));
    return await fn(device!.path);
  } finally {
    await detach(config, 'metadata');
  }
}

/** Runs thin_ls; throws POOL_DAMAGED if the metadata cannot be read. */
export async function list(args: string[]): Promise<{ output: string }> {
  const { ok, output, words } = await tool('thin_ls', args);
  if (ok) return { output };
  throw new MillinerError('POOL_DAMAGED', words);
}

/** Any failure is a result, because the tool may crash on damaged metadata. Throws HOST_MISSING naming the package. */
async function tool(
  program: string,
  args: string[],
): Promise<{ ok: boolean; output: string; words: string }> {
  try {
    const { stdout } = await run(program, args);
    return { ok: true, output: stdout, words: '' };
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    if (error.code === 'COMMAND_FAILED') return { ok: false, output: '', words: error.message };
    if (error.code !== 'HOST_MISSING') throw error;
    throw new MillinerError('HOST_MISSING', error.message, {
      hint: 'Install thin-provisioning-tools (Debian) or device-mapper-persistent-data (Fedora).',
      cause: error,
    });
  }
}
