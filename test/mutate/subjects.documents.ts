/** What people and other tools write: recipes, locks. */
import { readLock, sealLock, type Lock } from '../../src/lock/lock.ts';
import { recipeSchema } from '../../src/recipe/schema.ts';
import { readYaml } from '../../src/recipe/yaml.ts';
import { documents } from './documents.ts';
import { mutateJson, mutateValue } from './json.ts';
import type { Subject } from './subject.ts';
import { mutateLines } from './text.ts';

const locked = {
  nevra: 'app-2-1.x86_64',
  name: 'app',
  epoch: 0,
  version: '2',
  release: '1',
  arch: 'x86_64',
  repo: 'main',
  url: 'https://one.example/app.rpm',
  size: 10,
  sha256: 'a'.repeat(64),
  sourceRpm: 'app-2-1.src.rpm',
};
const lock = sealLock({
  version: 2,
  recipe: 'app',
  inputs: `sha256:${'b'.repeat(64)}`,
  epoch: 1,
  reproducibleElsewhere: true,
  versions: { format: 1, node: '24', zstd: '1', zlib: '1', sqlite: '3', libsolv: '0.7' },
  arches: {
    x86_64: {
      packages: [locked],
      base: [],
      removed: [],
      layers: { below: 0, plan: [['app']] },
      tools: [locked],
    },
  },
});

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
      if (random(2) === 0) return { ending: '.lock.json', bytes: mutateJson(lock, random) };
      const { digest: _, ...content } = lock;
      const sealed = sealLock(mutateValue(content, random) as Omit<Lock, 'digest'>);
      return { ending: '.lock.json', bytes: Buffer.from(JSON.stringify(sealed)) };
    },
    read: async (path) => void (await readLock(path)),
  },
};
