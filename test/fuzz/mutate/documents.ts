/** Sound documents of the kinds that no tool at hand writes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (name: string) => readFileSync(join(import.meta.dirname, 'documents', name), 'utf8');

export const documents = {
  comps: read('comps.xml'),
  metalink: read('metalink.xml'),
  mirrorlist: read('mirrorlist'),
  modules: read('modules.yaml'),
  recipe: read('recipe.yaml'),
  updateinfo: read('updateinfo.xml'),
};
