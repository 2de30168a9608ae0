import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { parseRepomd } from './repomd.ts';

const sha256 = 'ab'.repeat(32);
const entry = (type: string, inside = '') => `<data type="${type}">
  <checksum type="sha256">${sha256}</checksum><location href="repodata/${type}.xml.gz"/><size>10</size>${inside}
</data>`;
const document = (...entries: string[]) =>
  `<?xml version="1.0"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">${entries.join('\n')}</repomd>`;
const invalid = expect.objectContaining({ code: 'REPO_INVALID' });

test('known types are taken, others are not looked at', () => {
  const text = document(entry('primary'), entry('group_gz'), '<data type="prestodelta"/>');
  const { files } = parseRepomd(text, 'f');
  expect([...files.keys()]).toEqual(['primary', 'group_gz']);
  expect(files.get('primary')).toEqual({
    type: 'primary',
    location: 'repodata/primary.xml.gz',
    base: '',
    checksum: { type: 'sha256', value: sha256 },
    repeated: [],
    size: 10,
    openSize: undefined,
  });
});

test.each([
  ['<revision>1700000000</revision>', ['5', '7.9'], { revision: 1_700_000_000, timestamp: 7 }],
  ['<revision>9.2</revision>', ['5', 'x'], { revision: null, timestamp: 5 }],
  ['<revision>99999999999999999999</revision>', ['1e99', '-1'], { revision: null, timestamp: 0 }],
  ['', [], { revision: null, timestamp: 0 }],
])('its age: %s %j', (revision, times, age) => {
  const others = times.map((time) => `<data type="x"><timestamp>${time}</timestamp></data>`);
  expect(parseRepomd(document(revision, entry('primary'), ...others), 'f').age).toEqual(age);
});

test('what old repositories write', () => {
  const old = `<data type="primary"><location xml:base="http://h/" href="repodata/primary.xml.gz"/>
    <checksum type="sha">${'AB'.repeat(20)}</checksum></data>`;
  expect(parseRepomd(document(old), 'f').files.get('primary')).toMatchObject({
    base: 'http://h/',
    checksum: { type: 'sha1', value: 'ab'.repeat(20) },
    size: undefined,
  });
});

const without = (text: string, element: string) =>
  text.replace(new RegExp(`<${element}[^>]*>.*?</${element}>`), '');
const other = entry('primary').replace(sha256, 'cd'.repeat(32));
const sha1 = (byte: string) =>
  entry('primary')
    .replace('sha256', 'sha')
    .replace(sha256, byte.repeat(20))
    .replace('primary.xml', 'other.xml');

test.each(['primary', 'filelists', 'group', 'updateinfo', 'modules'])(
  '%s twice: the first entry names the file, the others must be true of it',
  (type) => {
    const first = entry(type, '<open-size>5</open-size>');
    const repeats = [entry(type), without(entry(type), 'checksum'), entry(type).replace('>10<', '>11<')];
    for (const repeat of repeats) {
      const { files } = parseRepomd(document(entry('primary'), first, repeat, repeat), 'f');
      expect(files.get(type as 'primary')).toMatchObject({
        checksum: { value: sha256 },
        repeated: [],
        size: 10,
      });
    }
    const strong = entry(type).replace('sha256', 'sha512').replace(sha256, 'ab'.repeat(64));
    const { files } = parseRepomd(document(entry('primary'), first, strong, strong), 'f');
    expect(files.get(type as 'primary')!.repeated).toEqual([{ type: 'sha512', value: 'ab'.repeat(64) }]);
  },
);

test.each([
  '',
  '<repomd>',
  '<other/>',
  document(),
  document(entry('filelists')),
  document(entry('primary'), other),
  document(entry('primary'), entry('primary'), other),
  document(entry('primary'), entry('primary').replace('sha256', 'crc32')),
  document(entry('primary'), sha1('11'), sha1('22')),
  document(entry('primary').replace(sha256, 'zz')),
  document(entry('primary').replace('sha256', 'crc32')),
  document(entry('primary').replace(/<location[^>]*>/, '')),
  document(entry('primary').replace('>10<', '>-1<')),
  document(entry('primary').replace('>10<', '>1e999<')),
  document(entry('primary').replace('>10<', '>&e;<')),
  '<!DOCTYPE x [<!ENTITY e "10">]>' + document(entry('primary').replace('>10<', '>&e;<')),
  '<a>'.repeat(100) + '</a>'.repeat(100),
])('malformed: %#', (text) => {
  expect(() => parseRepomd(text, 'f')).toThrow(invalid);
});

test('any mutation is read or refused', () => {
  const text = document(entry('primary', '<open-size>1</open-size>'), entry('filelists'));
  const numRuns = process.env['MILLINER_SOAK'] ? 20_000 : 300;
  const edit = fc.tuple(fc.nat(text.length), fc.nat(20), fc.string({ unit: 'binary', maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const mutated = edits.reduce((t, [at, cut, put]) => t.slice(0, at) + put + t.slice(at + cut), text);
      try {
        expect(parseRepomd(mutated, 'f').files.has('primary')).toBe(true);
      } catch (error) {
        if (!(error instanceof MillinerError)) throw error;
        expect(error).toEqual(invalid);
      }
    }),
    { numRuns },
  );
});
