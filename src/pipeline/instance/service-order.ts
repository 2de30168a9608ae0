/** The turns of the services of a stack: each starts after those that it names are ready, and stops before them. */

export interface Ordered {
  after: readonly string[];
  instances: number;
}

interface Turns {
  left: number;
  ready: PromiseWithResolvers<boolean>;
  ended: PromiseWithResolvers<void>;
}

export class ServiceOrder {
  readonly #services: Readonly<Record<string, Ordered>>;
  readonly #turns = new Map<string, Turns>();

  constructor(services: Readonly<Record<string, Ordered>>) {
    this.#services = services;
    for (const [name, { instances }] of Object.entries(services)) {
      const turns = {
        left: instances,
        ready: Promise.withResolvers<boolean>(),
        ended: Promise.withResolvers<void>(),
      };
      this.#turns.set(name, turns);
    }
  }

  /** Resolves when all that the service waits for are ready; to false if one of them never will be. */
  async mayStart(name: string): Promise<boolean> {
    const below = this.#services[name]!.after.map((one) => this.#turns.get(one)!.ready.promise);
    return (await Promise.all(below)).every(Boolean);
  }

  /** One more instance of it is ready. */
  ready(name: string): void {
    const turns = this.#turns.get(name)!;
    if (--turns.left === 0) turns.ready.resolve(true);
  }

  /** All its instances have ended, or it was not started. */
  ended(name: string): void {
    const turns = this.#turns.get(name)!;
    turns.ready.resolve(false);
    turns.ended.resolve();
  }

  /** Resolves when all that wait for it have ended. */
  async mayStop(name: string): Promise<void> {
    const above = Object.entries(this.#services).filter(([, { after }]) => after.includes(name));
    await Promise.all(above.map(([one]) => this.#turns.get(one)!.ended.promise));
  }
}
