/**
 * Whose scriptlet each program was that rpm has run: by the program, its arguments and the script in its hands, held
 * against the scriptlets of all packages that can have a say. What cannot be told for certain stays untold.
 */
import type { TracedProgram } from '../../lib/container/trace.ts';
import type { Scriptlet, ScriptletKind } from '../../lib/rpm/scriptlets.ts';

export interface ScriptedPackage {
  nevra: string;
  name: string;
  scriptlets: readonly Scriptlet[];
  /** It was there before the transaction. */
  isInstalled: boolean;
}

export interface OwnedScriptlet extends Scriptlet {
  nevra: string;
  name: string;
}

/** A program that rpm has run. */
export interface Run extends Omit<TracedProgram, 'arguments' | 'script'> {
  /** Undefined for a fork that executed nothing. */
  args: string[] | undefined;
  /** Whether rpm runs scriptlets so; what else it starts, a Lua scriptlet perhaps, is for that to judge. */
  isScriptlet: boolean;
  scriptlet?: OwnedScriptlet;
  /** Where it is not known: all that it can be. */
  candidates: OwnedScriptlet[];
}

const isLua = ({ interpreter }: Scriptlet) => interpreter[0] === '<lua>';
/** RPMSCRIPT_FLAG_EXPAND and RPMSCRIPT_FLAG_QFORMAT: what rpm runs is not what stands in the header. */
const isExpanded = ({ flags }: Scriptlet) => (flags & 3) !== 0;

export const runsLua = (scriptlets: readonly Scriptlet[]): boolean => scriptlets.some(isLua);
export const runsMacros = (scriptlets: readonly Scriptlet[]): boolean => scriptlets.some(isExpanded);

/** Kinds that a package's own installation runs, in the order of a transaction's phases; each runs once. */
const phases = new Map<ScriptletKind, number>([
  ['pretrans', 0],
  ['pre', 1],
  ['post', 1],
  ['posttrans', 2],
]);

/** Kinds that the removal of a package runs. */
const removals = new Set<ScriptletKind>(['preun', 'postun', 'preuntrans', 'postuntrans']);
const isTrigger = (kind: ScriptletKind) => kind.includes('trigger');

/** Every scriptlet that the transaction can run. @param hasBase whether packages were there before it */
export function scriptletsOf(packages: readonly ScriptedPackage[], hasBase: boolean): OwnedScriptlet[] {
  return packages.flatMap(({ nevra, name, scriptlets, isInstalled }) =>
    scriptlets
      .filter(({ kind }) => {
        if (isTrigger(kind)) return hasBase || !kind.endsWith('un');
        return isInstalled ? removals.has(kind) : phases.has(kind);
      })
      .map((one) => ({ ...one, nevra, name })),
  );
}

/** @param order NEVRAs as rpm said them; who says it twice or not at all is in no order */
export function identifyRuns(
  programs: readonly TracedProgram[],
  scriptlets: readonly OwnedScriptlet[],
  order: readonly string[],
): Run[] {
  const external = scriptlets.filter((one) => !isLua(one));
  const known = { external, byScript: byScript(external), hasLua: runsLua(scriptlets) };
  const runs = programs.map((program) => toRun(program, known));
  const groups = Map.groupBy(
    runs.filter(({ candidates }) => candidates.length > 0),
    ({ candidates }) => candidates.map((one) => external.indexOf(one)).join(),
  );
  const places = placesOf(order);
  for (const alike of groups.values()) {
    const expected = expectedOrder(alike[0]!.candidates, places);
    if (expected?.length !== alike.length) continue;
    for (const [i, run] of alike.entries()) run.scriptlet = expected[i]!;
  }
  return runs;
}

function placesOf(order: readonly string[]): Map<string, number> {
  const counts = Map.groupBy(order, (nevra) => nevra);
  return new Map(
    [...counts].filter(([, runs]) => runs.length === 1).map(([nevra]) => [nevra, order.indexOf(nevra)]),
  );
}

/** In what order rpm runs what it cannot but run once each; undefined where that is not so. A lone one is itself. */
function expectedOrder(
  candidates: readonly OwnedScriptlet[],
  places: ReadonlyMap<string, number>,
): readonly OwnedScriptlet[] | undefined {
  if (candidates.some(isExpanded)) return undefined;
  const ranked = candidates.map((one) => ({
    one,
    phase: phases.get(one.kind),
    place: places.get(one.nevra),
    step: one.kind === 'pre' ? 0 : 1,
  }));
  if (ranked.some(({ phase, place }) => phase === undefined || place === undefined)) return undefined;
  return ranked
    .toSorted((a, b) => a.phase! - b.phase! || a.place! - b.place! || a.step - b.step)
    .map(({ one }) => one);
}

const scriptFile = /\/rpm-tmp\.[A-Za-z0-9]{6}$/;

interface KnownScriptlets {
  external: readonly OwnedScriptlet[];
  byScript: ReadonlyMap<string, OwnedScriptlet[]>;
  hasLua: boolean;
}

/** By the bytes of the script: a header's text is read as UTF-8, or as Latin-1 where it is not. */
function byScript(scriptlets: readonly OwnedScriptlet[]): Map<string, OwnedScriptlet[]> {
  const found = new Map<string, OwnedScriptlet[]>();
  for (const one of scriptlets) {
    if (isExpanded(one)) continue;
    const forms = (['utf8', 'latin1'] as const).map((how) => Buffer.from(one.body, how).toString('latin1'));
    for (const form of new Set(forms)) {
      const alike = found.get(form);
      if (alike) alike.push(one);
      else found.set(form, [one]);
    }
  }
  return found;
}

function toRun(program: TracedProgram, { external, byScript: bodies, hasLua }: KnownScriptlets): Run {
  const { arguments: line, script, ...rest } = program;
  const args = line && line.toString('latin1').replace(/\0$/, '').split('\0');
  const at = args?.findIndex((arg) => scriptFile.test(arg)) ?? -1;
  const run: Run = { ...rest, args, isScriptlet: false, candidates: [] };
  if (!args) return run;
  if (at < 0) {
    run.candidates = external.filter((one) => one.body === '' && endsWith(args, one.interpreter));
    run.isScriptlet = run.candidates.length > 0 && !hasLua;
    // A Lua scriptlet may have run the same: who is one of so many as have to run is known by the order alone.
    if (hasLua) return run;
  } else {
    const isAlike = (one: OwnedScriptlet) =>
      endsWith(args.slice(0, at), one.interpreter) && takes(one.kind, args.length - at - 1);
    const exact = script ? (bodies.get(script.toString('latin1')) ?? []).filter(isAlike) : [];
    const others = script ? external.filter(isExpanded) : external;
    run.candidates = exact.length > 0 ? exact : others.filter(isAlike);
    run.isScriptlet = true;
  }
  // A lone candidate needs no order: nothing else can have been run so.
  const [lone, ...others] = run.candidates;
  if (lone && others.length === 0 && !isExpanded(lone)) run.scriptlet = lone;
  return run;
}

/** Where the program is itself a script, the kernel puts its interpreter before it (execve(2)). */
function endsWith(args: readonly string[], wanted: readonly string[]): boolean {
  const tail = args.slice(-wanted.length);
  return (
    tail.length === wanted.length &&
    wanted.every((word, i) => Buffer.from(word, 'utf8').toString('latin1') === tail[i])
  );
}

/** A trigger is told how many instances there are of either package. */
function takes(kind: ScriptletKind, numbers: number): boolean {
  return numbers === (kind.startsWith('trigger') ? 2 : 1);
}
