/** The solver in a process of its own: a question as JSON on stdin, its answer on stdout. Started by confined-solve.ts alone. */
import { text } from 'node:stream/consumers';
import { solveNatively, type AddonInput } from './addon.ts';

const answer = await solveNatively(JSON.parse(await text(process.stdin)) as AddonInput);
process.stdout.write(JSON.stringify(answer));
