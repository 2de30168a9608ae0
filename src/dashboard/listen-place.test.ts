import { expect, test } from 'vitest';
import { hostCheck, isLocal, parseListen, requireSafeListen } from './listen-place.ts';

test.each([
  ['8117', { host: '127.0.0.1', port: 8117 }],
  ['0', { host: '127.0.0.1', port: 0 }],
  ['localhost:1', { host: 'localhost', port: 1 }],
  ['0.0.0.0:8443', { host: '0.0.0.0', port: 8443 }],
  ['[::1]:65535', { host: '::1', port: 65_535 }],
  ['/run/dashboard.sock', { socket: '/run/dashboard.sock' }],
])('%s is a place', (text, place) => {
  expect(parseListen(text)).toEqual(place);
});

test.each([
  '',
  '65536',
  '-1',
  'host',
  'host:',
  ':80',
  '::1:80',
  'a b:80',
  '80:80:80',
  '1e3',
  '0x50',
  '999999',
])('%j is none', (text) => {
  expect(() => parseListen(text)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
});

test.each([
  ['127.0.0.1:1', true],
  ['127.9.9.9:1', true],
  ['localhost:1', true],
  ['[::1]:1', true],
  ['/run/x.sock', true],
  ['0.0.0.0:1', false],
  ['[::]:1', false],
  ['192.0.2.1:1', false],
  ['localhost.example.com:1', false],
])('%s: of this host alone: %s', (text, local) => {
  const place = parseListen(text);
  expect(isLocal(place)).toBe(local);
  const refused = expect.objectContaining({ code: 'LISTEN_UNSAFE' }) as Error;
  if (local) expect(() => requireSafeListen(place, undefined)).not.toThrow();
  else expect(() => requireSafeListen(place, undefined)).toThrow(refused);
});

test.each([
  ['127.0.0.1:8117', true],
  ['localhost', true],
  ['[::1]:1', true],
  ['rebound.example.com:8117', false],
  ['127.0.0.1.example.com', false],
  ['', false],
])('loopback answers to %j: %s', (host, answers) => {
  expect(hostCheck({ host: '127.0.0.1', port: 8117 }, undefined)(host)).toBe(answers);
});
