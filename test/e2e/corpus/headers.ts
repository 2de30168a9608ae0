/** Packages as our reader has them, held against every tag, file and dependency that rpm read. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { dependencyKinds, type DependencyKind } from '../../../src/lib/rpm/dependencies.ts';
import { readHead } from '../../../src/lib/rpm/lead.ts';
import { verifyDigests } from '../../../src/lib/rpm/package-signature.ts';
import { readPackage, type RpmPackage } from '../../../src/lib/rpm/package.ts';
import {
  addedOnReading,
  bytesIn,
  dependencyRow,
  fileRows,
  namedFacts,
  rowOf,
  tagValue,
  text,
} from './header-facts.ts';
import type { DependencyRow, FileRow, TagValue } from './header-facts.ts';
import { attempt, compared, type Kind, type Outcome } from './outcome.ts';
import { placeOf } from './places.ts';

interface Truth extends Partial<Record<DependencyKind, DependencyRow[]>> {
  path: string;
  nevra?: string;
  /** By NUMBER:NAME; absent where rpm refuses the package. */
  tags?: Record<string, TagValue>;
  files?: FileRow[];
}

export const headers: Kind = {
  name: 'headers',
  async *outcomes(corpus) {
    const truths = corpus.files.filter((name) =>
      /(?:^|\/)_oracle\/[^/]*-header-truth\.jsonl\.gz$/.test(name),
    );
    for (const file of truths) {
      const input = createReadStream(join(corpus.directory, file)).pipe(createGunzip());
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        if (line === '') continue;
        const truth = JSON.parse(line) as Truth;
        yield await attempt(truth.path, () => holdPackage(truth, placeOf(corpus, file, truth.path)));
      }
    }
  },
};

async function holdPackage(truth: Truth, path: string): Promise<Outcome> {
  const subject = truth.path;
  const ours = await readPackage(path).catch((error: unknown) => {
    if (error instanceof MillinerError && error.code === 'PACKAGE_INVALID') return error;
    throw error;
  });
  if (ours instanceof MillinerError) {
    return truth.tags ? compared(subject, [`rpm reads it: ${ours.message}`]) : { subject, result: 'refused' };
  }
  if (!truth.tags) return holdDigests(subject, path);
  return compared(subject, [
    ...differs('NEVRA', ours.nevra, text(truth.nevra ?? '').replace(/-0:(?=[^-]+-[^-]+$)/, '-')),
    ...(await holdTags(truth.tags, ours)),
    ...(Object.keys(dependencyKinds) as DependencyKind[]).flatMap((kind) =>
      differ(
        kind,
        ours[kind].map(dependencyRow),
        (truth[kind] ?? []).map(([name, version, flags]) => [text(name), text(version), flags]),
      ),
    ),
    ...differ('files', fileRows(ours), (truth.files ?? []).map(rowOf)),
  ]);
}

/** What rpm refuses for a wrong digest, reading does not; it is refused before anything is done with it. */
async function holdDigests(subject: string, path: string): Promise<Outcome> {
  try {
    await verifyDigests([path]);
    return compared(subject, ['we read it, rpm refuses it']);
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'SIGNATURE_INVALID')
      return { subject, result: 'refused' };
    throw error;
  }
}

async function holdTags(tags: Record<string, TagValue>, ours: RpmPackage): Promise<string[]> {
  const { signature } = await readHead(ours.path);
  const numbers = new Map(Object.entries(tags).map(([name, value]) => [Number.parseInt(name, 10), value]));
  const named = namedFacts(ours).flatMap(([number, fact]) => {
    const value = numbers.get(number);
    const known = typeof value === 'string' ? text(value) : value;
    return known === undefined ? [] : differs(`tag ${number} as we name it`, fact, known);
  });
  const added = addedOnReading(ours);
  const raw = Object.entries(tags).flatMap(([name, value]) => {
    const number = Number.parseInt(name, 10);
    const found = added.get(number) ?? tagValue(number, value, ours.header, signature);
    return differs(`tag ${name}`, found, inBytes(value));
  });
  return [...named, ...raw];
}

function inBytes(value: TagValue): TagValue {
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? bytesIn(one) : one));
  return typeof value === 'string' ? bytesIn(value) : value;
}

function differs(what: string, ours: unknown, truth: unknown): string[] {
  const [a, b] = [JSON.stringify(ours), JSON.stringify(truth)];
  return a === b ? [] : [`${what}: ours ${a}, rpm's ${b}`];
}

/** Row by row, so that a difference shows its own. */
function differ(what: string, ours: readonly unknown[], truth: readonly unknown[]): string[] {
  const longer = ours.length > truth.length ? ours : truth;
  return longer.flatMap((_, index) => differs(`${what}[${index}]`, ours[index], truth[index]));
}
