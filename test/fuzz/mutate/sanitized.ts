/** The addon as `make -C native sanitized` builds it, and how Node has to be started for it. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const addonAt = (place: string) =>
  fileURLToPath(new URL(`../../../native/${place}/milliner.node`, import.meta.url));

export function buildSanitizedAddon(): void {
  execFileSync('make', [
    '-s',
    '-j2',
    '-C',
    fileURLToPath(new URL('../../../native', import.meta.url)),
    'sanitized',
  ]);
}

/**
 * AddressSanitizer has to be there before anything is allocated. Leaks are left to the limit of memory: Node itself
 * frees little at its end. What was freed is kept for a while to see who still uses it: not as much as by default.
 */
export function sanitizedEnvironment(megabytes: number): Record<string, string> {
  const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  const options = {
    detect_leaks: 0,
    quarantine_size_mb: 32,
    hard_rss_limit_mb: megabytes,
    // As malloc does it: libsolv has its own answer to that.
    allocator_may_return_null: 1,
    max_allocation_size_mb: megabytes,
    // libsolv compares as many bytes as the longer of two strings has, and counts on the end of the other to differ.
    strict_memcmp: 0,
  };
  return {
    LD_PRELOAD: library,
    ASAN_OPTIONS: Object.entries(options)
      .map(([name, value]) => `${name}=${value}`)
      .join(':'),
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
}

/** Whoever asks for the addon in this process from now on gets the other one. */
export function useSanitizedAddon(): void {
  const require = createRequire(import.meta.url);
  const sanitized = addonAt('build/sanitized');
  require(sanitized);
  require.cache[addonAt('build')] = require.cache[sanitized];
}
