/** The command line as a worker starts it for a night, but for a plan alone. */
import { pathToFileURL } from 'node:url';
import { cli } from './milliner.ts';

process.argv.push('--dry-run');
await import(pathToFileURL(cli).href);
