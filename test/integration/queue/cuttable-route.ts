/** The way to a server, which can be cut and led elsewhere: new connections go where it leads, old ones stay. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Road {
  readonly port: number;
  #target: number;
  #open = true;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
  }

  /** To a port of this host. */
  static async to(target: number): Promise<Road> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const road = new Road(server, target);
    server.on('connection', (socket) => road.#carry(socket));
    return road;
  }

  leadTo(target: number): void {
    this.#target = target;
  }

  /** Every connection breaks, and no other comes through. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#open = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #carry(socket: Socket): void {
    if (!this.#open) return void socket.destroy();
    const onward = connect(this.#target, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}
