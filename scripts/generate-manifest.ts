/**
 * Writes oclif.manifest.json, the list of commands, arguments and flags; run by the build. Without it every start would
 * load all commands.
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
