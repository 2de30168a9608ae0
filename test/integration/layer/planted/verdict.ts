/** What became of a build under a fault. */
import { applied, differing } from './applied.ts';
import type { Point } from './points.ts';
import type { Program, Run } from './program.ts';
import { blobsOf, type Scene, type Subject } from './scene.ts';

/** A wrong image with exit 0 is missed; harmless is another image that shows the same. */
export type Verdict =
  | { ended: 'late' | 'equivalent' | 'harmless' }
  | { ended: 'found'; code: string }
  | { ended: 'missed'; why: string };

/** Milliseconds. What takes so much longer than a sound build hangs; one machine is faster than another. */
const shortestLimit = 20_000;
const mostTimes = 10;

/** At most so many paths are told. */
const mostTold = 5;

/** Undefined for what does not compile. */
export async function verdictOf(
  scene: Scene,
  program: Program,
  { point, subject }: { point: Point; subject: Subject },
): Promise<Verdict | undefined> {
  const sound = await scene.sound(subject);
  return scene.withState(point.name.replaceAll(/[^\w.:-]/g, '_').slice(0, 100), async (state) => {
    const limit = Math.max(shortestLimit, sound.took * mostTimes);
    const args = ['build', scene.recipeOf(subject), '--state', state, '--json'];
    const ended = await program.with(point, () => program.run(args, limit));
    if (!ended) return undefined;
    if (ended.isLate) return { ended: 'late' };
    if (ended.code !== 0) return { ended: 'found', code: codeOf(ended) };
    const { manifestDigest } = JSON.parse(ended.stdout) as { manifestDigest: string };
    if (manifestDigest === sound.manifestDigest) return { ended: 'equivalent' };
    try {
      const paths = differing(applied(blobsOf(state), manifestDigest), sound.tree);
      if (paths.length === 0) return { ended: 'harmless' };
      return { ended: 'missed', why: `differs at ${paths.slice(0, mostTold).join(', ')}` };
    } catch (error) {
      return { ended: 'missed', why: `cannot be read: ${String(error)}` };
    }
  });
}

/** The error that the program told; a crash tells none. */
function codeOf({ stdout }: Run): string {
  try {
    return (JSON.parse(stdout) as { error: { code: string } }).error.code;
  } catch {
    return 'crash';
  }
}
