/**
 * Plans which packages share a layer. A client downloads every layer in which anything has changed, so large packages
 * that rarely change should not be in a layer with small ones that often do. An existing plan is kept: see extendPlan.
 */

/** The packages of one source package, which change together. */
export interface Component {
  name: string;
  /** Bytes to download. */
  size: number;
  /** Changes per unit of time, which is the same for all. */
  rate: number;
}

/** Names of components, each once; layers lowest first. */
export type Plan = string[][];

/** Cost of an empty layer in bytes: its entries in manifest and configuration, and a request. */
const layerOverhead = 1024;

/** Probability that the average component changes from one image to the next. */
const averageChange = 1 / 30;

/**
 * Weight of a component's own history; the rest is the average, because a component that rarely changed may change
 * next.
 */
const trustInPast = 0.5;

/**
 * Bytes that a client with the last image is expected to download for the next. With a layer for each component, these
 * are only the changed packages.
 */
export function expectedUpdate(components: readonly Component[], plan: Plan): number {
  const chances = chancesOf(components);
  const byName = new Map(components.map((source) => [source.name, source]));
  return plan.reduce((sum, names) => sum + costOf(groupOf(names, byName, chances)), 0);
}

/** The cheapest plan with at most maxLayers, or the previous plan with the fewest possible moves. */
export function planLayers(components: readonly Component[], maxLayers: number, previous: Plan = []): Plan {
  const names = new Set(components.map(({ name }) => name));
  const previousLayers = previous
    .map((layer) => layer.filter((name) => names.has(name)))
    .filter((l) => l.length > 0);
  return previousLayers.length === 0
    ? cheapestPlan(components, maxLayers)
    : extendPlan(components, maxLayers, previousLayers);
}

interface Group {
  names: string[];
  size: number;
  /** Probability that nothing in it changes. */
  stability: number;
}

const costOf = ({ size, stability }: Group): number => size * (1 - stability) + layerOverhead;

function joined(a: Group, b: Group): Group {
  return {
    names: [...a.names, ...b.names],
    size: a.size + b.size,
    stability: a.stability * b.stability,
  };
}

function chancesOf(components: readonly Component[]): Map<string, number> {
  const average = components.reduce((sum, { rate }) => sum + rate, 0) / components.length;
  // Without any rate all components are equal.
  const relative = (rate: number) => (average > 0 ? 1 + trustInPast * (rate / average - 1) : 1);
  const chance = (rate: number) => 1 - Math.exp(-averageChange * relative(rate));
  return new Map(components.map(({ name, rate }) => [name, chance(rate)]));
}

function groupOf(names: string[], byName: Map<string, Component>, chances: Map<string, number>): Group {
  return names
    .map((name) => ({ names: [name], size: byName.get(name)!.size, stability: 1 - chances.get(name)! }))
    .reduce(joined);
}

function cheapestPlan(components: readonly Component[], maxLayers: number): Plan {
  const chances = chancesOf(components);
  return improved(components, maxLayers, cheapestRuns(components, maxLayers, chances), chances);
}

/**
 * Sorted by size per change, the layers of a good plan are runs of neighbours. If all components change equally often,
 * those of the best plan are (Chakravarty, Orlin and Rothblum, 1982). Dynamic programming over the ends of the runs
 * finds the cheapest.
 */
function cheapestRuns(
  components: readonly Component[],
  maxLayers: number,
  chances: Map<string, number>,
): Plan {
  // By rate, because probabilities of no change multiply, and rates add up as sizes do.
  const weight = ({ name, size }: Component) => size / -Math.log1p(-chances.get(name)!);
  const sorted = components.toSorted((a, b) => weight(b) - weight(a) || (a.name < b.name ? -1 : 1));
  const count = sorted.length;
  /**
   * For the cheapest plan of the first `end` components in that many layers: its cost, and the begin of its last layer.
   */
  let costs = [0, ...sorted.map(() => Infinity)];
  const begins: number[][] = [];
  let best = { layers: 0, cost: Infinity };
  for (let layers = 1; layers <= Math.min(maxLayers, count); layers++) {
    const next = costs.map(() => Infinity);
    const begin = costs.map(() => 0);
    for (let end = layers; end <= count; end++) {
      let [size, stability] = [0, 1];
      for (let at = end - 1; at >= layers - 1; at--) {
        size += sorted[at]!.size;
        stability *= 1 - chances.get(sorted[at]!.name)!;
        const cost = costs[at]! + costOf({ names: [], size, stability });
        if (cost < next[end]!) [next[end], begin[end]] = [cost, at];
      }
    }
    begins.push(begin);
    costs = next;
    if (costs[count]! < best.cost) best = { layers, cost: costs[count]! };
  }
  const plan: Plan = [];
  for (let layers = best.layers, end = count; layers > 0; layers--) {
    const at = begins[layers - 1]![end]!;
    plan.unshift(sorted.slice(at, end).map(({ name }) => name));
    end = at;
  }
  return plan;
}

/** Moves one component at a time to where it costs less, as long as the total decreases. */
function improved(
  components: readonly Component[],
  maxLayers: number,
  plan: Plan,
  chances: Map<string, number>,
): Plan {
  const byName = new Map(components.map((source) => [source.name, source]));
  let groups = plan.map((names) => groupOf(names, byName, chances));
  const costs = () => groups.reduce((sum, group) => sum + costOf(group), 0);
  for (let before = Infinity; costs() < before * (1 - 1e-6);) {
    before = costs();
    for (const { name } of components)
      groups = withMoved(groups, groupOf([name], byName, chances), maxLayers);
  }
  return groups.map(({ names }) => names);
}

/** Puts one component where it costs least: into its old layer, another one, or its own. */
function withMoved(groups: Group[], alone: Group, maxLayers: number): Group[] {
  const [name] = alone.names;
  const from = groups.find(({ names }) => names.includes(name!))!;
  const without: Group = {
    names: from.names.filter((other) => other !== name),
    size: from.size - alone.size,
    stability: from.stability / alone.stability,
  };
  const rest = groups
    .map((group) => (group === from ? without : group))
    .filter(({ names }) => names.length > 0);
  const more = rest.map((group) => costOf(joined(group, alone)) - costOf(group));
  const cheapest = more.indexOf(Math.min(...more));
  if (rest.length < maxLayers && !(more[cheapest]! < costOf(alone))) return [...rest, alone];
  return rest.map((group, index) => (index === cheapest ? joined(group, alone) : group));
}

/**
 * New components join the layer where they cost least, or begin one. Nothing else moves, except that layers merge if
 * there are too many.
 */
function extendPlan(components: readonly Component[], maxLayers: number, previousLayers: Plan): Plan {
  const chances = chancesOf(components);
  const byName = new Map(components.map((source) => [source.name, source]));
  const planned = new Set(previousLayers.flat());
  let groups = previousLayers.map((names) => groupOf(names, byName, chances));
  while (groups.length > maxLayers) groups = mergeCheapest(groups);
  const added = components.filter(({ name }) => !planned.has(name));
  for (const { name } of added.toSorted((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1))) {
    const alone = groupOf([name], byName, chances);
    const more = groups.map((group) => costOf(joined(group, alone)) - costOf(group));
    const cheapest = more.indexOf(Math.min(...more));
    if (groups.length < maxLayers && costOf(alone) < more[cheapest]!) groups.push(alone);
    else groups[cheapest] = joined(groups[cheapest]!, alone);
  }
  return groups.map(({ names }) => names);
}

function mergeCheapest(groups: Group[]): Group[] {
  let best = { into: 0, from: 1, more: Infinity };
  for (let into = 0; into < groups.length; into++) {
    for (let from = into + 1; from < groups.length; from++) {
      const [a, b] = [groups[into]!, groups[from]!];
      const more = costOf(joined(a, b)) - costOf(a) - costOf(b);
      if (more < best.more) best = { into, from, more };
    }
  }
  return groups
    .map((group, index) => (index === best.into ? joined(group, groups[best.from]!) : group))
    .filter((_, index) => index !== best.from);
}
