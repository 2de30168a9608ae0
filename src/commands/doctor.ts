import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { examine } from '../pipeline/setup/doctor.ts';
import { examineIsolation } from '../pipeline/setup/isolation.ts';

export default class DoctorCommand extends MillinerCommand {
  static override summary = 'Tell what this host can do, and how to fix what it cannot';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(DoctorCommand);
    const { state, allowHostRoot } = this.runOptions(flags);
    const findings = [...(await examine(state, allowHostRoot)), ...(await examineIsolation(state))];
    const bad = findings.filter(({ ok }) => !ok);
    for (const { ok, what, found, mend, advice } of findings) {
      this.log(`${ok ? 'ok     ' : 'missing'}  ${what}: ${found}`);
      if (mend) this.log(`         mend: ${mend}`);
      if (advice) this.log(`         better: ${advice}`);
    }
    if (bad.length > 0) {
      throw new MillinerError('HOST_MISSING', `this host lacks: ${bad.map(({ what }) => what).join(', ')}`, {
        hint: bad.flatMap(({ mend }) => mend ?? []).join('; '),
        details: { findings },
      });
    }
    return { findings };
  }
}
