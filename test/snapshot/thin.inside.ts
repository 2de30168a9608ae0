/** The dm-thin driver: the suites that any snapshotter has to pass. */
import { changes } from './changes.ts';
import { conformance } from './conformance.ts';
import { processes } from './processes.ts';

conformance('dm-thin');
processes('dm-thin');
changes('dm-thin');
