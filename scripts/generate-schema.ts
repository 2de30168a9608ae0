/** Writes the JSON schemas of recipes, release sets and stacks; run by the build. CI fails if a committed file differs. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { recipeSchema } from '../src/stages/recipe/schema.ts';
import { setSchema } from '../src/stages/recipe/set-schema.ts';
import { stackSchema } from '../src/stages/recipe/stack-schema.ts';

const written = {
  recipe: { title: 'Milliner recipe', schema: recipeSchema },
  set: { title: 'Milliner release set', schema: setSchema },
  stack: { title: 'Milliner stack', schema: stackSchema },
};

for (const [name, { title, schema }] of Object.entries(written)) {
  const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
  const target = new URL(`../recipes/${name}.schema.json`, import.meta.url);
  writeFileSync(target, `${JSON.stringify({ title, ...json }, null, 2)}\n`);
}
