/** The schema of a recipe bundle, which a worker receives from another machine. */
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import { idsSchema } from '../../stages/lock/id-ledger.ts';

const fileName = z.string().regex(/^(?!\.{1,2}$)[^/\0]{1,255}$/);

const bundleSchema = z.strictObject({
  version: z.literal(1),
  /** Lowest base first. Each recipe is as in its file, with the repositories filled in. */
  recipes: z
    .array(
      z.strictObject({
        file: fileName,
        recipe: z.record(z.string(), z.unknown()),
        lock: z.unknown(),
        ids: idsSchema.optional(),
      }),
    )
    .min(1),
  /** Key files in base64, by the names that the repositories use. */
  keys: z.record(fileName, z.string()),
  templates: z.record(z.string(), z.string()),
  /** The recipes are untrusted: a build refuses what --untrusted refuses. */
  untrusted: z.literal(true).optional(),
});
export type Bundle = z.infer<typeof bundleSchema>;

/** Requires that the bundle has every file that its recipes refer to. */
export function parseBundle(digest: Digest, bytes: Buffer): Bundle {
  const parsed = bundleSchema.safeParse(jsonOf(bytes));
  if (!parsed.success || !isDigest(digest))
    throw invalidBundle(digest, parsed.error?.issues[0]?.message ?? '');
  const bundle = parsed.data;
  for (const { file, recipe } of bundle.recipes) {
    const said = namesSchema.safeParse(recipe);
    if (!said.success) throw invalidBundle(digest, `${file}: ${said.error.issues[0]!.message}`);
    const { from, repos, files } = said.data;
    const keys = [...(typeof from === 'object' ? from.keys : []), ...repos.flatMap((repo) => repo.keys)];
    const known = Object.keys(bundle.keys).map((name) => join('..', 'keys', name));
    const stray =
      keys.map((key) => (typeof key === 'string' ? key : key.file)).find((path) => !known.includes(path)) ??
      files.find(({ template = '' }) => template !== '' && !Object.hasOwn(bundle.templates, template))
        ?.template;
    if (stray !== undefined)
      throw invalidBundle(digest, `${file} names the file ${stray}, which is not in it`);
  }
  return bundle;
}

/** The fields in which a recipe refers to files of its machine. */
const keyName = z.union([z.string(), z.looseObject({ file: z.string() })]);
const namesSchema = z.looseObject({
  from: z
    .union([z.string(), z.looseObject({ image: z.string(), keys: z.array(keyName).default([]) })])
    .optional(),
  repos: z.array(z.looseObject({ keys: z.array(keyName).default([]) })),
  files: z.array(z.looseObject({ template: z.string().optional() })).default([]),
});

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

export function invalidBundle(digest: Digest, reason: string): MillinerError {
  return new MillinerError('STATE_INVALID', `${digest} is not a bundle of a recipe: ${reason}`, {
    hint: 'Release it again. Another version of Milliner may have made the bundle.',
  });
}
