import { expect, test } from 'vitest';
import { loginFor } from './netrc.ts';

const netrc = `# machine commented.example login no password no
default login everybody password nothing
machine one.example
  login hatter
  password "of \\"felt\\" \\\\"
  account ignored
macdef init
machine macro.example login m password m

machine two.example login a password b machine three.example password only
machine one.example login second password second
`;

test.each([
  ['one.example', { username: 'hatter', password: 'of "felt" \\' }],
  ['ONE.example', { username: 'hatter', password: 'of "felt" \\' }],
  ['two.example', { username: 'a', password: 'b' }],
  ['three.example', undefined],
  ['macro.example', undefined],
  ['commented.example', undefined],
  ['four.example', undefined],
])('%s', (host, login) => {
  expect(loginFor(netrc, host)).toEqual(login);
});

test('without an end', () => {
  expect(loginFor('machine a login', 'a')).toEqual({ username: '', password: '' });
  expect(loginFor('machine', 'a')).toBeUndefined();
  expect(loginFor('machine a\nlogin u\nmacdef x\nmachine b', 'a')).toEqual({ username: 'u', password: '' });
});
