/** The dm-thin driver: the suites that any snapshotter has to pass. */
import { changes } from '../../../helpers/snapshot/changes.ts';
import { conformance } from '../../../helpers/snapshot/conformance.ts';
import { processes } from '../../../helpers/snapshot/processes.ts';

conformance('dm-thin');
processes('dm-thin');
changes('dm-thin', process.env['MILLINER_SOAK'] ? 100 : 2);
