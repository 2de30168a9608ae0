/** A receiver of webhooks on loopback that answers what a test tells it to. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Received {
  headers: Record<string, string>;
  body: string;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** The connection is cut instead. */
  cut?: boolean;
}

export class WebhookReceiver {
  readonly received: Received[] = [];
  /** The answers to come; after the last one it takes everything. */
  answers: Answer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(createServer());
    receiver.#server.on('request', async (request, response) => {
      receiver.received.push({ headers: plain(request.headers), body: await text(request) });
      const { status, headers, cut = false } = receiver.answers.shift() ?? { status: 204 };
      if (cut) request.socket.destroy();
      else response.writeHead(status, headers).end();
    });
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/nights?token=in-the-url`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
