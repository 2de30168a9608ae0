/** A simulated month: every night some source packages are built again, each as likely as any other. */
import { createHash } from 'node:crypto';
import type { Night } from './rebuilt.ts';

const nights = 30;
const mostRebuilt = 10;
const seed = 1;

/** 1 to 10 of the source packages each night. */
export function drawMonth(sources: readonly string[]): Night[] {
  return Array.from({ length: nights }, (_, index) => {
    const night = index + 1;
    const count = 1 + (draw(night, '').readUInt32BE() % mostRebuilt);
    const shuffled = sources.toSorted((a, b) => Buffer.compare(draw(night, a), draw(night, b)));
    return { night, sources: shuffled.slice(0, count).toSorted() };
  });
}

/** That a source is built again on a night. */
export const chanceOf = (sources: readonly string[]): number => (1 + mostRebuilt) / 2 / sources.length;

function draw(night: number, word: string): Buffer {
  return createHash('sha256').update(`${seed} ${night} ${word}`).digest();
}
