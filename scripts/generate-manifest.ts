/**
 * Writes oclif.manifest.json, what the commands are called and take; run by the build. Without it every start loads all
 * commands to find that out.
 */
import { join } from 'node:path';
import { Plugin } from '@oclif/core';
import { writeFileAtomic } from '../src/lib/host/atomic-file.ts';

const root = join(import.meta.dirname, '..');
const plugin = new Plugin({
  errorOnManifestCreate: true,
  ignoreManifest: true,
  respectNoCacheDefault: true,
  root,
  type: 'core',
});
await plugin.load();
await writeFileAtomic(join(root, 'oclif.manifest.json'), JSON.stringify(plugin.manifest));
