/** The entry point of the process that supervises instances in the background (src/pipeline/instance/supervisor-start.ts). */
import { supervise, type SupervisedRequest } from './pipeline/instance/supervise.ts';

// Without a listener the channel keeps nothing alive: a parent that ends without a request ends this process.
process.once('message', (request) => void supervise(request as SupervisedRequest));
