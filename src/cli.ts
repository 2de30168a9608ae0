#!/usr/bin/env node
/** The entry point: everything after it is a command's. */
import { execute } from '@oclif/core';

await execute({ dir: import.meta.url });
