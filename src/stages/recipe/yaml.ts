/** Reads YAML files that stand beneath the root of a recipe; every mistake is told with file, line and key. */
import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import { readBeneath, rootOf } from '../../lib/host/beneath.ts';
import { mistakesError, shownPath } from '../../lib/yaml/mistakes.ts';
import { YamlFile } from '../../lib/yaml/yaml-file.ts';

/** Enough for files whose content is in the recipe. */
const maxFileBytes = 1024 * 1024;

/** The errors of a kind of file. */
interface FileErrors {
  invalid: ErrorCode;
  missing: ErrorCode;
}

const ofRecipes: FileErrors = { invalid: 'RECIPE_INVALID', missing: 'RECIPE_NOT_FOUND' };

/** What a file says, and the file, for what is found wrong with it later. */
interface Opened<T> {
  data: T;
  file: YamlFile;
}

/** Reads and checks a file. Throws RECIPE_INVALID with every mistake, RECIPE_NOT_FOUND if it does not exist. */
export async function openYaml<T extends z.ZodType>(
  path: string,
  schema: T,
  codes: FileErrors = ofRecipes,
): Promise<Opened<z.output<T>>> {
  const file = new YamlFile(path, await readText(path, codes), codes.invalid);
  return { data: file.check(schema), file };
}

/** As openYaml; the data alone. */
export async function readYaml<T extends z.ZodType>(
  path: string,
  schema: T,
  codes?: FileErrors,
): Promise<z.output<T>> {
  return (await openYaml(path, schema, codes)).data;
}

async function readText(path: string, { invalid, missing }: FileErrors): Promise<string> {
  const unusable = (text: string) =>
    mistakesError(invalid, path, [{ line: 1, column: 1, length: 1, source: '', key: '', text }]);
  const bytes = await readBeneath(rootOf(path), path, maxFileBytes).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof MillinerError) throw error;
    if (error.code === 'EFBIG') throw unusable('the file is larger than 1 MiB');
    throw new MillinerError(invalid, `${path} cannot be read: ${error.code}`, { cause: error });
  });
  if (!bytes) throw new MillinerError(missing, `no file ${shownPath(path)}`, { details: { path } });
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  throw unusable('the file is no text in UTF-8');
}
