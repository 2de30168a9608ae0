#!/usr/bin/env node
/** The entry point: everything after it is a command's. */
import { execute } from '@oclif/core';

// npm runs a script in the package's directory: paths are meant from where the user is.
if (process.env['npm_lifecycle_event'] === 'milliner' && process.env['INIT_CWD'])
  process.chdir(process.env['INIT_CWD']);

await execute({ dir: import.meta.url });
