/** rpm databases that came with an image: their pages, and the headers in them. */
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { filesOfDatabase, refuseDatabase, rowsOf } from '../../../src/lib/rpm/database-process.ts';
import { readInstalled } from '../../../src/lib/rpm/database.ts';
import { readDatabasePackages, writeHeaderFiles } from '../../../src/lib/rpm/header-file.ts';
import type { Refuse } from '../../../src/lib/rpm/header.ts';
import { rewriteDatabase } from '../../../src/lib/rpm/rewrite.ts';
import { rowsIn, withDatabase } from '../../../src/lib/rpm/sqlite.ts';
import { extremes, pick, type Random } from '../../helpers/random.ts';
import { damage } from './bytes.ts';
import type { Originals } from './original-files.ts';
import { mutateHeader } from './package.ts';
import { solveWith } from './solving.ts';
import type { Subject } from './subject.ts';

const refusals = ['RPMDB_INVALID'] as const;
const original = 'rpmdb.sqlite';

/** In this process, for there are thousands: what the confined one does. */
async function* readHere(path: string, refuse: Refuse) {
  const { source } = await filesOfDatabase(path, refuse);
  yield* rowsOf(
    withDatabase(source, refuse, (database) => [...rowsIn(database, refuse)]),
    refuse,
  );
}

async function readWhole(path: string): Promise<void> {
  await readInstalled(path, readHere);
  const refuse = refuseDatabase(path);
  const { source } = await filesOfDatabase(path, refuse);
  const target = `${path}.made`;
  try {
    withDatabase(source, refuse, (database) => rewriteDatabase(database, { target, installTime: 1 }, refuse));
  } finally {
    for (const suffix of ['', '-journal']) rmSync(target + suffix, { force: true });
  }
}

export const databaseSubjects: Record<string, Subject> = {
  'database pages': {
    refusals,
    mutate: (originals, random) => {
      const bytes = originals.bytes(original);
      return {
        ending: '.sqlite',
        bytes: random(2) === 0 ? damage(bytes, random) : mutatePage(bytes, random),
      };
    },
    read: readWhole,
  },
  'database headers': {
    refusals,
    mutate: (originals, random) => ({ ending: '.sqlite', bytes: withHeader(originals, random) }),
    read: readWhole,
  },
  /** A base's packages, as the solver is told of them. */
  'database in the solver': {
    refusals: ['RPMDB_INVALID', 'PACKAGE_INVALID'],
    isNative: true,
    mutate: (originals, random) => ({ ending: '.sqlite', bytes: withHeader(originals, random) }),
    read: async (path, originals) => {
      const packages = await readDatabasePackages(path, readHere);
      await solveWith(originals, { installed: await writeHeaderFiles(packages, dirname(path)) });
    },
  },
};

/** SQLite's file format, 1.3 and 1.6: the header of the file or of a page, and the pointers behind it. */
function mutatePage(sound: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(sound);
  const pageSize = bytes.readUInt16BE(16);
  const page = random(bytes.length / pageSize);
  const at = page * pageSize + random(page === 0 ? 112 : 24);
  if (random(2) === 0) bytes[at] = random(256);
  else bytes.writeUInt32BE(pick(random, extremes), at & ~3);
  return bytes;
}

function withHeader(originals: Originals, random: Random): Buffer {
  const path = join(originals.directory, `headers-${process.pid}.sqlite`);
  copyFileSync(originals.path(original), path);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA synchronous = OFF');
  const rows = database.prepare('SELECT hnum, blob FROM Packages').all();
  const { hnum = 0, blob } = pick(random, rows);
  const mutated = mutateHeader(Buffer.from(blob as Uint8Array), random);
  database.prepare('UPDATE Packages SET blob = ? WHERE hnum = ?').run(mutated, hnum);
  database.close();
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}
