/** In a file of its own: the proxy is read from the environment once in a process. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { fetchBytes } from './download.ts';

test('the proxy of the environment is asked, except for what NO_PROXY names', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('content');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['http_proxy'] = own;
  process.env['no_proxy'] = '127.0.0.1';
  try {
    const got = await fetchBytes('http://repository.invalid/file', { maxBytes: 100, rounds: 1 });
    expect(got.toString()).toBe('content');
    await fetchBytes(`${own}/direct`, { maxBytes: 100, rounds: 1 });
    expect(asked).toEqual(['http://repository.invalid/file', '/direct']);
  } finally {
    server.closeAllConnections();
  }
});
