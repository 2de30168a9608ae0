/** A worker as `milliner worker --log json`, but with a stand-in for the nights: arguments STATE, PROGRAM, SLOTS, KEY. */
import { jsonLog } from '../../src/cli/worker-log.ts';
import { examine } from '../../src/pipeline/setup/doctor.ts';
import { withContext } from '../../src/pipeline/state/context.ts';
import { connect } from '../../src/queue/connection.ts';
import { identifyKey, Keyring } from '../../src/queue/keyring.ts';
import { ReleaseWorker } from '../../src/queue/worker.ts';

const [state = '', program = '', slots = '', key = ''] = process.argv.slice(2);
const silent = { step: () => {}, warn: () => {}, update: () => {} };
await withContext({ state, storage: 'overlay', progress: silent }, async () => undefined);
const keyring = new Keyring(process.env['MILLINER_KEY_PASSWORD']);
if (key !== '') await keyring.add(await identifyKey(key));
const connection = await connect(state);
const worker = new ReleaseWorker({
  state,
  storage: 'overlay',
  allowHostRoot: undefined,
  connection,
  slots: Number(slots),
  keyring,
  findings: await examine(state, false),
  nights: { program },
  log: jsonLog(process.stderr),
});
process.once('SIGTERM', () => {
  void worker
    .stop()
    .then(() => connection.close())
    .then(() => process.exit(0));
});
await worker.start();
