import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../errors/error.ts';
import { parseReference } from './reference.ts';
import { lookasideOf, readRegistriesD, registriesDirectory } from './registries-d.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'milliner-registriesd-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
const find = (reference: string) => lookasideOf(readRegistriesD(directory), parseReference(reference))?.href;
const sample = `
default-docker:
  lookaside: https://default.example.com/
docker:
  example.com: { sigstore: "file:///registry" }
  example.com/team: { lookaside: https://team.example.com/a }
  example.com/team/app: { lookaside: https://app.example.com/b?c, sigstore: https://old.example.com }
  example.com/team/app:1.0: { lookaside: http://tag.example.com }
  example.com/team/none: { use-sigstore-attachments: true }
  "*.example.org": { lookaside: https://wild.example.com }
  "*.far.example.org": { lookaside: https://far.example.com }
`;

test.each([
  ['example.com/team/app:1.0', 'http://tag.example.com/'],
  ['example.com/team/app:2.0', 'https://app.example.com/b?c'],
  ['example.com/team/app/part', 'https://app.example.com/b?c'],
  ['example.com/team/application', 'https://team.example.com/a'],
  ['example.com/team/none', 'https://team.example.com/a'],
  ['example.com/other', 'file:///registry'],
  ['example.com:5000/team/app', 'https://default.example.com/'],
  ['a.example.org/x', 'https://wild.example.com/'],
  ['b.a.far.example.org:5000/x', 'https://far.example.com/'],
  ['quay.io/x', 'https://default.example.com/'],
])('%s has its signatures at %s', (reference, place) => {
  write('a.yaml', sample);
  expect(find(reference)).toBe(place);
});

test('files are read together, others are left', () => {
  write('a.yaml', 'docker: { example.com/a: { lookaside: https://a.example.com } }');
  write('b.yaml', '# nothing yet\ndocker:\n# example.com:\n');
  write('c.yaml', '');
  write('d.yaml.bak', 'docker: [');
  expect(find('example.com/a')).toBe('https://a.example.com/');
  expect(find('example.com/b')).toBeUndefined();
  rmSync(directory, { recursive: true });
  expect(find('example.com/a')).toBeUndefined();
  mkdirSync(directory);
});

test("the user's directory takes the place of the host's", () => {
  const own = join(directory, '.config/containers/registries.d');
  const environment = { HOME: directory };
  expect(registriesDirectory(environment)).toBe('/etc/containers/registries.d');
  mkdirSync(own, { recursive: true });
  expect(registriesDirectory(environment)).toBe(own);
  // As for podman, XDG_CONFIG_HOME has no say.
  const otherHome = { HOME: '/nowhere', XDG_CONFIG_HOME: join(directory, '.config') };
  expect(registriesDirectory(otherHome)).toBe('/etc/containers/registries.d');
});

const refused = (words: RegExp) =>
  expect.objectContaining({
    code: 'REGISTRIES_INVALID',
    message: expect.stringMatching(words) as string,
  }) as Error;

/** Each level is ten times the one before. */
const bomb = 'abcdefgh'.replaceAll(/./g, (name, at: number) => {
  const items = at === 0 ? 'x' : `*${'abcdefgh'[at - 1]}`;
  return `${name}: &${name} [${Array(10).fill(items).join(', ')}]\n`;
});

test.each([
  ['docker: [', /a\.yaml: cannot be read/],
  ['- docker', /a\.yaml/],
  ['docker: 7', /docker/],
  ['docker: { example.com: { lookaside: 7 } }', /docker\.example\.com\.lookaside/],
  ['docker: { example.com: { lookaside: "/signatures" } }', /a\.yaml: example\.com: "\/signatures"/],
  [
    'docker: { example.com: { lookaside: "ftp://example.com" } }',
    /a\.yaml: example\.com: "ftp:\/\/example\.com"/,
  ],
  [bomb, /alias/],
  [`docker: ${'['.repeat(20_000)}`, /cannot be read/],
  [`# ${'x'.repeat(1 << 20)}`, /larger/],
])('%.60s is refused', (text, words) => {
  write('a.yaml', text);
  expect(() => find('example.com/x')).toThrow(refused(words));
});

test('two files that speak of one name are refused, as in podman', () => {
  for (const text of ['default-docker: {}', 'docker: { example.com: {} }']) {
    write('a.yaml', text);
    write('b.yaml', text);
    expect(() => find('example.com/x')).toThrow(refused(/b\.yaml: .*a\.yaml/));
  }
});

test('whatever a file holds, it is settings or REGISTRIES_INVALID', () => {
  const change = fc.tuple(fc.nat(sample.length - 1), fc.string({ maxLength: 4, unit: 'binary' }), fc.nat(9));
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    change.map(([at, more, gone]) => sample.slice(0, at) + more + sample.slice(at + gone)),
  );
  fc.assert(
    fc.property(text, (one) => {
      write('a.yaml', one);
      try {
        const place = find('example.com/team/app:1.0');
        if (place !== undefined) expect(place).toMatch(/^(?:https?|file):/);
      } catch (error) {
        expect(error).toBeInstanceOf(MillinerError);
        expect((error as MillinerError).code).toBe('REGISTRIES_INVALID');
      }
    }),
    { numRuns: 500 },
  );
});
