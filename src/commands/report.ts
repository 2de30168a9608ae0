import { dirname, resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { printable } from '../lib/host/printable.ts';
import { readReport, renderNight, reportFormats } from '../pipeline/report/render-night.ts';
import { reportPath, writeReport } from '../pipeline/report/report-file.ts';
import { deliver } from '../pipeline/report/webhook.ts';

export default class ReportCommand extends MillinerCommand {
  static override summary = 'Render the stored report of a night, or send it to a webhook';
  static override description = `Each night stores its report in STATE/nights/SET. Whatever text of packages a report holds stays text in every format.

With --webhook it is sent, signed as Standard Webhooks says, unless that webhook has taken it before: a delivery that failed in the night is made up for. The file of --secret holds whsec_ and 24 to 64 random bytes in base64.`;
  static override examples = [
    '<%= config.bin %> report night.json',
    '<%= config.bin %> report night.json --format html --output night-{{date}}.html',
    '<%= config.bin %> report night.json --format junit > night.xml',
    '<%= config.bin %> report night.json --webhook https://ci.example.com/nights --secret webhook.secret',
  ];
  static override args = { file: Args.string({ required: true, description: 'a stored report' }) };
  static override flags = {
    format: Flags.option({ options: reportFormats })({
      summary: 'what to render: Markdown, HTML, XML of JUnit, or text',
      default: 'text',
    }),
    output: Flags.string({
      summary: 'where to write it, instead of the standard output; {{date}} is the day of the night',
      helpValue: 'FILE',
      exclusive: ['webhook'],
    }),
    webhook: Flags.string({
      summary: 'send it there instead',
      helpValue: 'URL',
      dependsOn: ['secret'],
    }),
    secret: Flags.string({
      summary: 'the file with the secret of the webhook',
      helpValue: 'FILE',
      dependsOn: ['webhook'],
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ReportCommand);
    const report = await readReport(args.file);
    const { webhook, secret, format, output } = flags;
    if (webhook !== undefined && secret !== undefined) {
      const { state, signal } = this.runOptions(flags);
      const delivery = await deliver(state, { url: webhook, secret }, report, { signal });
      this.log(`${delivery.url}  ${delivery.outcome}  ${delivery.id}`);
      return delivery;
    }
    const text = await renderNight(report, format);
    if (output === undefined) {
      if (!this.jsonEnabled()) process.stdout.write(printable(text));
      return { format, text };
    }
    const file = resolve(output);
    const path = reportPath(dirname(file), file, report.started.slice(0, 10));
    await writeReport(path, text);
    this.log(path);
    return { format, path };
  }
}
