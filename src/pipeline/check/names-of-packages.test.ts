import { expect, test } from 'vitest';
import type { RpmPackage } from '../../lib/rpm/package.ts';
import { isCertain, wrongServices, wrongTest, type UsedNames } from '../../stages/recipe/image-names.ts';
import { recipeSchema } from '../../stages/recipe/schema.ts';
import { namesOfPackages } from './names-of-packages.ts';

const packaged = (paths: string[], body = '') =>
  ({
    files: paths.map((path) => ({ path })),
    accounts: [{ kind: 'user', name: 'mysql' }],
    scriptlets: [{ body }],
  }) as unknown as RpmPackage;
const mariadb = packaged(
  [
    'usr/lib/systemd/system/mariadb.service',
    'usr/lib/systemd/system/mariadb@.service',
    'usr/bin/mariadb-admin',
  ],
  'alternatives --install /usr/bin/mysqladmn mysqladmn /usr/bin/mariadb-admin 10',
);
const recipe = (fields: object) => recipeSchema.parse({ name: 'shop', packages: ['x'], ...fields });
const uses = (fields: object): UsedNames => recipe(fields);

function wrong(fields: object, packages = [mariadb]) {
  const names = namesOfPackages(packages, [recipe(fields)]);
  return [...wrongServices(names, uses(fields)), ...wrongTest(names, uses(fields))].map((one) => [
    one.keys.join('.'),
    one.suggestion,
    isCertain(names, one),
  ]);
}

test.each<[string, object, unknown[]]>([
  ['a unit of a package', { services: { enable: ['mariadb'] } }, []],
  ['an instance of a template', { test: { ready: { unit: 'mariadb@shop.service' } } }, []],
  [
    'a unit of the recipe',
    {
      files: [{ path: '/etc/systemd/system/shop.service', content: '' }],
      test: { ready: { unit: 'shop.service' } },
    },
    [],
  ],
  ['a mount', { test: { ready: { unit: 'srv.mount' } } }, []],
  ['a typo', { services: { enable: ['maridb.service'] } }, [['services.enable.0', 'mariadb.service', true]]],
  ['another unit', { test: { ready: { unit: 'httpd.service' } } }, [['test.ready.unit', undefined, false]]],
  [
    'a program',
    { test: { checks: [{ exec: ['mariadb-admin', 'ping'] }, { exec: ['/bin/mariadb-admin'] }] } },
    [],
  ],
  [
    'a program with a typo',
    { test: { checks: [{ exec: ['maradb-admin'] }] } },
    [['test.checks.0.exec.0', 'mariadb-admin', true]],
  ],
  [
    'a program that a scriptlet may make',
    { test: { checks: [{ exec: ['mysqladmn'] }] } },
    [['test.checks.0.exec.0', undefined, false]],
  ],
  ['a user', { config: { user: 'mysql:mysql' } }, []],
  ['a user with a typo', { config: { user: 'mysq' } }, [['config.user', 'mysql', true]]],
])('%s', (_what, fields, expected) => {
  expect(wrong(fields)).toEqual(expected);
});

test('where units come into being as the image boots, none is missing', () => {
  const fields = { test: { ready: { unit: 'shop.service' } } };
  for (const path of [
    'usr/share/containers/systemd/shop.container',
    'usr/lib/systemd/system-generators/zram',
  ])
    expect(wrong(fields, [mariadb, packaged([path])])).toEqual([]);
});
