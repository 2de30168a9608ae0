/** Loaded into a process before anything else: writes down, where MILLINER_TEST_PEAK says, what it took at its peak. */
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const file = process.env['MILLINER_TEST_PEAK'];
  if (file !== undefined) writeFileSync(file, String(process.resourceUsage().maxRSS * 1024));
});
