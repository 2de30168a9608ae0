/** Writes recipe.schema.json from the Zod schema; run by the build. CI fails if the committed file differs. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { recipeSchema } from '../src/stages/recipe/schema.ts';

const schema = z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-2020-12' });
const target = new URL('../recipes/recipe.schema.json', import.meta.url);
writeFileSync(target, `${JSON.stringify({ title: 'Milliner recipe', ...schema }, null, 2)}\n`);
