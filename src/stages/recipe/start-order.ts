/** The order in which the services of a stack start: each after those that it names. */

export type After = Readonly<Record<string, { after: readonly string[] }>>;

/** The names, each behind all that it waits for; of those that could start at once, in the order of the file. */
export function startOrder(services: After): string[] {
  const order: string[] = [];
  const names = Object.keys(services);
  for (let found = true; found;) {
    const next = names.filter(
      (name) => !order.includes(name) && services[name]!.after.every((one) => order.includes(one)),
    );
    order.push(...next);
    found = next.length > 0;
  }
  return order;
}

/** Services that wait for each other, the first one again at the end; undefined if there is no circle. */
export function circleOf(services: After): string[] | undefined {
  const order = new Set(startOrder(services));
  const start = Object.keys(services).find((name) => !order.has(name));
  if (start === undefined) return undefined;
  const path = [start];
  for (;;) {
    const last = path.at(-1)!;
    // One of these never starts either, so there is always a next one.
    const next = services[last]!.after.find((name) => !order.has(name))!;
    const first = path.indexOf(next);
    if (first >= 0) return [...path.slice(first), next];
    path.push(next);
  }
}
