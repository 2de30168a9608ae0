/** What people and other tools write: recipes, locks. */
import { readLock, sealLock, type Lock } from '../../../src/stages/lock/lock-file.ts';
import { sampleLock } from '../../helpers/sample-lock.ts';
import { recipeSchema } from '../../../src/stages/recipe/schema.ts';
import { readYaml } from '../../../src/stages/recipe/yaml.ts';
import { documents } from './documents.ts';
import { mutateJson, mutateValue } from './json.ts';
import type { Subject } from './subject.ts';
import { mutateLines } from './text.ts';

export const documentSubjects: Record<string, Subject> = {
  recipe: {
    refusals: ['RECIPE_INVALID'],
    mutate: (_originals, random) => ({ ending: '.yaml', bytes: mutateLines(documents.recipe, random) }),
    read: async (path) => void (await readYaml(path, recipeSchema)),
  },
  /** Under the digest of what it has become as often as not. */
  lock: {
    refusals: ['LOCK_INVALID'],
    mutate: (_originals, random) => {
      if (random(2) === 0) return { ending: '.lock.json', bytes: mutateJson(sampleLock, random) };
      const { digest: _, ...content } = sampleLock;
      const sealed = sealLock(mutateValue(content, random) as Omit<Lock, 'digest'>);
      return { ending: '.lock.json', bytes: Buffer.from(JSON.stringify(sealed)) };
    },
    read: async (path) => void (await readLock(path)),
  },
};
