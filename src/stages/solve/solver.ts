/** The solver process: a request as JSON on stdin, the answer on stdout. Only confined-solve.ts starts it. */
import { text } from 'node:stream/consumers';
import { solveNatively, type AddonInput } from './addon.ts';

const answer = await solveNatively(JSON.parse(await text(process.stdin)) as AddonInput);
process.stdout.write(JSON.stringify(answer));
