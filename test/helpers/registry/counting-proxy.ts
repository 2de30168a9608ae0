/** A proxy before a registry that counts what it serves of blobs. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Served {
  status: number;
  bytes: number;
}

export class CountingProxy {
  readonly host: string;
  readonly #server: Server;
  /** Every answer to a request for a blob since the last look. */
  readonly #served: Served[];

  private constructor(server: Server, served: Served[]) {
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#served = served;
  }

  /** @param registry its address, as http://HOST:PORT */
  static async start(registry: string): Promise<CountingProxy> {
    const served: Served[] = [];
    const server = createServer((asked, answer) => {
      const { method, headers, url } = asked;
      const onward = request(`${registry}${url}`, { method, headers }, (got) => {
        const count = { status: got.statusCode!, bytes: 0 };
        if (method === 'GET' && url!.includes('/blobs/')) served.push(count);
        got.on('data', (piece: Buffer) => (count.bytes += piece.length));
        answer.writeHead(got.statusCode!, got.headers);
        got.pipe(answer);
      });
      asked.pipe(onward);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new CountingProxy(server, served);
  }

  /** What was served since the last look. */
  take(): Served[] {
    return this.#served.splice(0);
  }

  close(): void {
    this.#server.close();
  }
}
