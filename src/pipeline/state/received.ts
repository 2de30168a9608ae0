/**
 * Schemas of data from other machines by way of the exchange: records of images, bills of materials. They are
 * not trusted: each has a schema and a bound, and what the receiver can check itself is not taken from them.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { arches } from '../../lib/host/arch.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import { idsSchema } from '../../stages/lock/id-ledger.ts';
import { testSchema, type TestPlan } from '../../stages/recipe/schema.ts';
import type { CycloneDxDocument } from '../../stages/sign/cyclonedx.ts';
import type { SpdxDocument } from '../../stages/sign/spdx.ts';
import type { ImageRecord } from './image-records.ts';

/** The same facts in two formats. */
export interface Sboms {
  spdx: SpdxDocument;
  cyclonedx: CycloneDxDocument;
}

/** Bytes. The largest record lists a million paths, and the largest bill of materials as many files. */
export const maxReceivedBytes = 256 * 1024 * 1024;

export const digestSchema = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'a sha256 digest',
});

export const recipeName = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);
export const short = z.string().max(4096);
const path = z.string().max(16_384);
export const strings = z.array(z.string().max(65_536)).max(1_000_000);
const map = z.record(z.string().max(4096), z.string().max(65_536));
export const count = z.int().min(0);

const layer = z.strictObject({
  mediaType: short,
  digest: digestSchema,
  size: count,
  annotations: map.exactOptional(),
  diffID: digestSchema,
  recipe: short.exactOptional(),
  holds: z.string().max(1 << 20),
  packages: strings.exactOptional(),
});

/** As a build completes it: `init` has a value. */
export const testPlan = testSchema.pipe(
  z.custom<TestPlan & { init: boolean }>((test) => typeof (test as TestPlan).init === 'boolean'),
);

const config = z.strictObject({
  entrypoint: strings.exactOptional(),
  cmd: strings.exactOptional(),
  env: map,
  user: short.exactOptional(),
  workingDir: path.exactOptional(),
  exposedPorts: strings,
  volumes: strings,
  stopSignal: short.exactOptional(),
  labels: map,
});

const report = z.strictObject({
  normalised: z.array(
    z.strictObject({ path, action: z.enum(['removed', 'emptied', 'rewritten', 'added']), reason: short }),
  ),
  removedKeys: z.array(
    z.strictObject({ path, kind: short, package: short.exactOptional(), during: short.exactOptional() }),
  ),
  state: z.array(
    z.strictObject({
      path,
      change: z.enum(['added', 'changed', 'removed']),
      why: z.enum(['ghost', 'scriptlet', 'unknown', 'recipe', 'normalised', 'rpm']),
      package: short.exactOptional(),
      scriptlet: short.exactOptional(),
      during: short.exactOptional(),
      reason: short.exactOptional(),
    }),
  ),
  verification: z.array(z.strictObject({ path, attributes: short, marker: short, reason: short })),
  warnings: strings,
  log: strings,
});

const recordSchema = z.strictObject({
  version: z.int(),
  name: recipeName,
  arch: z.enum(arches),
  arches: z.array(z.enum(arches)).min(1).max(arches.length),
  buildKey: digestSchema,
  settledKey: digestSchema.exactOptional(),
  ids: idsSchema.exactOptional(),
  lockDigest: digestSchema,
  content: digestSchema.exactOptional(),
  manifestDigest: digestSchema,
  configDigest: digestSchema,
  manifestSize: count,
  layers: z.array(layer).min(1).max(1000),
  config,
  epoch: count,
  test: testPlan,
  packages: strings,
  checksums: map,
  dbPath: z.string().regex(/^(?:\/(?!\.\.?(?:\/|$))[^/\0]+)+$/),
  snapshot: short,
  tree: digestSchema,
  base: digestSchema.exactOptional(),
  report,
});

/** Throws EXCHANGE_INVALID. */
export function parseRecord(bytes: Buffer): ImageRecord {
  const record: ImageRecord = parseReceived('record of an image', recordSchema, bytes);
  // The snapshot's name must be the one that its image has. A record could otherwise claim the tree of another image.
  if (record.snapshot === `${record.name}@${record.manifestDigest}`) return record;
  throw invalid('record of an image', `snapshot: ${record.snapshot} is not its own`);
}

const sbomsSchema = z.strictObject({
  spdx: z.looseObject({
    spdxVersion: z.literal('SPDX-2.3'),
    documentNamespace: short,
    packages: z.array(z.looseObject({})),
  }),
  cyclonedx: z.looseObject({
    bomFormat: z.literal('CycloneDX'),
    specVersion: z.literal('1.6'),
    serialNumber: short,
    components: z.array(z.looseObject({})),
  }),
});

/**
 * The documents as they were made: the schema gives its own keys first, and the signed bytes would be other ones. Throws
 * EXCHANGE_INVALID.
 */
export function parseSboms(bytes: Buffer): Sboms {
  const what = 'pair of bills of materials';
  const json = jsonIn(what, bytes);
  requireForm(what, sbomsSchema, json);
  return json as Sboms;
}

function jsonIn(what: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalid(what, 'it is not JSON');
  }
}

/** Throws EXCHANGE_INVALID. */
export function parseReceived<T>(what: string, schema: z.ZodType<T>, bytes: Buffer): T {
  return requireForm(what, schema, jsonIn(what, bytes));
}

function requireForm<T>(what: string, schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(what, `${issue!.path.join('.')}: ${issue!.message}`);
}

export function invalid(what: string, reason: string): MillinerError {
  return new MillinerError('EXCHANGE_INVALID', `the exchange has no usable ${what}: ${reason}`, {
    details: { what },
  });
}
