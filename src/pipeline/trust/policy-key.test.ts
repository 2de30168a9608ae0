import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseReference } from '../../lib/registry/reference.ts';
import { policyKey } from './policy-key.ts';

const before = process.env['HOME'];
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'milliner-policy-key-'));
  await mkdir(join(home, '.config/containers'), { recursive: true });
  process.env['HOME'] = home;
});
afterEach(async () => {
  process.env['HOME'] = before;
  await rm(home, { recursive: true });
});

const signed = (keyPath: string) => ({ type: 'sigstoreSigned', keyPath });

async function keyUnder(docker: Record<string, object[]>): Promise<string> {
  const policy = { default: [{ type: 'reject' }], transports: { docker } };
  await writeFile(join(home, '.config/containers/policy.json'), JSON.stringify(policy));
  return policyKey(parseReference('r.example.com/stacks/hats:1'));
}

test('the most specific scope names the key', async () => {
  const scopes = {
    'r.example.com': [signed('/wide.pub')],
    'r.example.com/stacks/hats': [signed('/own.pub')],
  };
  expect(await keyUnder(scopes)).toBe('/own.pub');
});

test.each([
  ['a scope that rejects as well', [signed('/own.pub'), { type: 'reject' }]],
  ['a scope of two keys', [signed('/own.pub'), signed('/other.pub')]],
  ['a scope that accepts anything', [{ type: 'insecureAcceptAnything' }]],
  ['a scope without requirements', []],
])('%s gives none, whatever a wider one says', async (_, requirements) => {
  const scopes = { 'r.example.com': [signed('/wide.pub')], 'r.example.com/stacks': requirements };
  await expect(keyUnder(scopes)).rejects.toMatchObject({ code: 'USAGE' });
});
