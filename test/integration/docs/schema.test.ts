/** Generated files are what their source makes of them now. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../helpers/demo-recipes.ts';

test.each(['recipe', 'set', 'stack'])('%s.schema.json is generated from the schema', (name) => {
  const path = join(checkout, `recipes/${name}.schema.json`);
  const committed = execFileSync('git', ['show', `HEAD:recipes/${name}.schema.json`], {
    cwd: checkout,
  }).toString();
  execFileSync(process.execPath, ['scripts/generate-schema.ts'], { cwd: checkout });
  expect(readFileSync(path, 'utf8')).toBe(committed);
});
