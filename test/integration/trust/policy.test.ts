import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { generateKeyPair } from '../../../src/stages/sign/key.ts';
import { writePolicy } from '../../../src/pipeline/trust/policy.ts';

const { publicPem } = await generateKeyPair('x');
const repository = 'registry.example.com/fedora/mariadb';
let directory: string;
let key: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-policy-'));
  key = join(directory, 'release.pub');
  await writeFile(key, publicPem);
  await mkdir(join(directory, 'out', 'registries.d'), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

test.each([
  ['policy.json', 'not json'],
  ['policy.json', '[]'],
  ['policy.json', '{"default": "reject"}'],
  ['policy.json', '{"default": [], "transports": {"docker": []}}'],
  ['registries.d/site.yaml', 'docker: ['],
  ['registries.d/site.yaml', '- docker'],
  ['registries.d/site.yaml', `docker: {${repository}: true}`],
  ['registries.d/milliner.yaml', 'docker: 7'],
])('%s that holds %s is refused, and all stays as it is', async (name, text) => {
  const out = join(directory, 'out');
  await writeFile(join(out, name), text);
  const error = await writePolicy({ key, repositories: [repository], directory: out }).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MillinerError);
  expect(error).toMatchObject({ code: 'POLICY_INVALID', details: { path: join(out, name) } });
  expect(await readFile(join(out, name), 'utf8')).toBe(text);
  expect(await readdir(out)).toEqual(
    name === 'policy.json' ? ['policy.json', 'registries.d'] : ['registries.d'],
  );
});
