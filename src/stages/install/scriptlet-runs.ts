/**
 * Identifies the scriptlet of each program that rpm ran, by the program, its arguments and the script file, among the
 * scriptlets of all packages that may run any. If it is not certain, the scriptlet stays unknown.
 */
import type { TracedProgram } from '../../lib/container/trace.ts';
import type { Scriptlet, ScriptletKind } from '../../lib/rpm/scriptlets.ts';

export interface ScriptedPackage {
  nevra: string;
  name: string;
  scriptlets: readonly Scriptlet[];
  /** Whether it was installed before the transaction. */
  isInstalled: boolean;
}

export interface OwnedScriptlet extends Scriptlet {
  nevra: string;
  name: string;
}

/** A program that rpm ran. */
export interface Run extends Omit<TracedProgram, 'arguments' | 'script'> {
  /** Undefined for a fork that executed no program. */
  args: string[] | undefined;
  /** Whether rpm runs scriptlets in this way; other programs may come from a Lua scriptlet. */
  isScriptlet: boolean;
  scriptlet?: OwnedScriptlet;
  /** All possible scriptlets, if it is not known which one it is. */
  candidates: OwnedScriptlet[];
}

const isLua = ({ interpreter }: Scriptlet) => interpreter[0] === '<lua>';
/** RPMSCRIPT_FLAG_EXPAND and RPMSCRIPT_FLAG_QFORMAT: rpm runs another text than the header has. */
const isExpanded = ({ flags }: Scriptlet) => (flags & 3) !== 0;

export const runsLua = (scriptlets: readonly Scriptlet[]): boolean => scriptlets.some(isLua);
export const runsMacros = (scriptlets: readonly Scriptlet[]): boolean => scriptlets.some(isExpanded);

/** Kinds that the installation of a package runs, in the order of a transaction's phases; each runs once. */
const phases = new Map<ScriptletKind, number>([
  ['pretrans', 0],
  ['pre', 1],
  ['post', 1],
  ['posttrans', 2],
]);

/** Kinds that the removal of a package runs. */
const removals = new Set<ScriptletKind>(['preun', 'postun', 'preuntrans', 'postuntrans']);
const isTrigger = (kind: ScriptletKind) => kind.includes('trigger');

/**
 * Every scriptlet that the transaction can run.
 * @param hasBase whether packages were installed before
 */
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

/** @param order NEVRAs as rpm listed them; one that is listed twice or never has no position */
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

/**
 * The order in which rpm runs scriptlets that run exactly once; undefined if one of them does not. A single one needs
 * no order.
 */
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

/** By the bytes of the script: header text is decoded as UTF-8, or as Latin-1 if it is not valid UTF-8. */
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
    // A Lua scriptlet may have run the same program, so only the order could identify it.
    if (hasLua) return run;
  } else {
    const isAlike = (one: OwnedScriptlet) =>
      endsWith(args.slice(0, at), one.interpreter) && takes(one.kind, args.length - at - 1);
    const exact = script ? (bodies.get(script.toString('latin1')) ?? []).filter(isAlike) : [];
    const others = script ? external.filter(isExpanded) : external;
    run.candidates = exact.length > 0 ? exact : others.filter(isAlike);
    run.isScriptlet = true;
  }
  // A single candidate needs no order, because nothing else can have run this program.
  const [lone, ...others] = run.candidates;
  if (lone && others.length === 0 && !isExpanded(lone)) run.scriptlet = lone;
  return run;
}

/** If the program is itself a script, the kernel puts the interpreter in front (execve(2)). */
function endsWith(args: readonly string[], wanted: readonly string[]): boolean {
  const tail = args.slice(-wanted.length);
  return (
    tail.length === wanted.length &&
    wanted.every((word, i) => Buffer.from(word, 'utf8').toString('latin1') === tail[i])
  );
}

/** Triggers get the number of installed instances of both packages. */
function takes(kind: ScriptletKind, numbers: number): boolean {
  return numbers === (kind.startsWith('trigger') ? 2 : 1);
}
