/** Checking and mending a pool that nobody uses, with thin-provisioning-tools. */
import { open, rm, truncate } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MillinerError } from '../../errors.ts';
import { deviceInfo } from '../../host/devicemapper.ts';
import { run, type RunResult } from '../../host/exec.ts';
import { syncPath } from '../../host/files.ts';
import { attach, backingName, detach } from './backing.ts';
import { emptyId, poolDirectory, readConfig, sector, type PoolConfig } from './config.ts';
import { withPoolAlone } from './create.ts';
import { ThinMetadata } from './metadata.ts';
import { startPool, stopPool } from './pool.ts';

export interface Checked {
  clean: boolean;
  /** What thin_check said. */
  problems: string[];
  /** Ids that the pool has and the database does not know. */
  unknown: number[];
  /** Snapshots whose id the pool has lost, or whose kind of row should have one. */
  lost: string[];
}

/** Throws POOL_MISSING, BUSY, HOST_MISSING. The pool is stopped for it; the next command starts it. */
export async function checkPool(state: string): Promise<Checked> {
  return withPoolAlone(state, async () => {
    const config = await readConfig(state);
    await stopPool(config);
    return withMetadata(config, (device) => examine(state, device));
  });
}

async function examine(state: string, device: string): Promise<Checked> {
  const { exitCode, stdout, stderr } = await tool('thin_check', [device], [0, 1]);
  const problems =
    exitCode === 0 ? [] : `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  if (exitCode !== 0) return { clean: false, problems, unknown: [], lost: [] };
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

export interface Repaired extends Checked {
  /** The metadata was damaged and has been made anew; what it was before is in this file. */
  backup?: string;
}

/**
 * Mends what can be: a mere mark is cleared where the check finds nothing, damaged metadata is made anew from what is
 * left of it. Snapshots that it has lost leave the database, ids that the database does not know leave the pool.
 */
export async function repairPool(state: string): Promise<Repaired> {
  return withPoolAlone(state, async () => {
    const config = await readConfig(state);
    await stopPool(config);
    const found = await withMetadata(config, async (device): Promise<Repaired> => {
      const check = await tool('thin_check', ['--clear-needs-check-flag', device], [0, 1]);
      const backup = check.exitCode === 0 ? undefined : await rebuild(state, config, device);
      return { ...(await examine(state, device)), ...(backup !== undefined && { backup }) };
    });
    await reunite(state, config, found);
    return { ...found, clean: true };
  });
}

/** Gives where the old metadata is kept. */
async function rebuild(state: string, config: PoolConfig, device: string): Promise<string> {
  const backup = join(poolDirectory(state), `metadata-${new Date().toISOString().slice(0, 19)}.backup`);
  const mended = join(poolDirectory(state), 'metadata.repaired');
  await copy(device, backup);
  try {
    await (await open(mended, 'w', 0o600)).close();
    await truncate(mended, config.metadata.sectors * sector);
    const repair = await tool('thin_repair', ['--input', device, '--output', mended], [0, 1]);
    const check = await tool('thin_check', [mended], [0, 1]);
    if (repair.exitCode !== 0 || check.exitCode !== 0) {
      throw new MillinerError('POOL_DAMAGED', `thin_repair cannot mend ${device}: ${repair.stderr.trim()}`, {
        hint: `What is left is in ${backup}; the pool is as it was. Its images can be built again in a new one: milliner pool remove --force`,
        details: { backup },
      });
    }
    await copy(mended, device);
  } finally {
    await rm(mended, { force: true });
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

/** The database follows the pool in what it has lost, the pool the database in everything else. */
async function reunite(state: string, config: PoolConfig, { lost, unknown }: Checked): Promise<void> {
  const pool = await startPool(config);
  const metadata = new ThinMetadata(join(poolDirectory(state), 'metadata.db'));
  try {
    for (const id of unknown) await pool.delete(id);
    metadata.dropLost(lost, (await pool.status()).transactionId);
  } finally {
    metadata.close();
  }
}

/** Thin ids in metadata that no pool runs on. */
async function idsIn(device: string): Promise<Set<number>> {
  const { stdout } = await tool('thin_ls', ['--format', 'DEV', '--no-headers', device], [0]);
  return new Set(stdout.split(/\s+/).filter(Boolean).map(Number));
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

/** Throws HOST_MISSING naming the package. */
export async function tool(program: string, args: string[], allow: number[]): Promise<RunResult> {
  return run(program, args, { allow }).catch((error: unknown) => {
    if (!(error instanceof MillinerError) || error.code !== 'HOST_MISSING') throw error;
    throw new MillinerError('HOST_MISSING', error.message, {
      hint: 'Install thin-provisioning-tools (Debian) or device-mapper-persistent-data (Fedora).',
      cause: error,
    });
  });
}
