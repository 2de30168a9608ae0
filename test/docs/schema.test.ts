/** Generated files are what their source makes of them now. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../demo/recipes.ts';

test('recipe.schema.json is generated from the schema', () => {
  const path = join(checkout, 'recipes/recipe.schema.json');
  const committed = execFileSync('git', ['show', 'HEAD:recipes/recipe.schema.json'], {
    cwd: checkout,
  }).toString();
  execFileSync(process.execPath, ['scripts/generate-schema.ts'], { cwd: checkout });
  expect(readFileSync(path, 'utf8')).toBe(committed);
});

test('lint refuses an import against the direction of the pipeline', () => {
  const probe = (file: string, text: string) => {
    try {
      execFileSync('bash', ['-c', 'cat >"$1"; oxlint "$1"; code=$?; rm "$1"; exit $code', 'sh', file], {
        input: text,
        cwd: checkout,
      });
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  expect(
    probe(
      'src/stages/recipe/probe.ts',
      "import { solve } from '../solve/solve.ts';\nexport default solve;\n",
    ),
  ).toBe(1);
  expect(
    probe(
      'src/stages/image/probe.ts',
      "import { loadChain } from '../recipe/load.ts';\nexport default loadChain;\n",
    ),
  ).toBe(1);
  expect(
    probe(
      'src/stages/image/probe.ts',
      "import type { Recipe } from '../recipe/schema.ts';\nexport type X = Recipe;\n",
    ),
  ).toBe(0);
  expect(probe('src/stages/layer/probe.ts', "import { execa } from 'execa';\nexport default execa;\n")).toBe(
    1,
  );
});
