/** The process of a solver session: answers request after request. Only session.ts starts it. */
import { serveTasks } from '../../lib/host/serve.ts';
import { solveNatively, type AddonInput } from './addon.ts';

await serveTasks((input: AddonInput) => solveNatively(input, 'solveInSession'));
