/** oclif's help. Most texts are no templates, and to compile each of them took a quarter of the time of --help. */
import { Help, type Interfaces } from '@oclif/core';

export default class HelpTexts extends Help {
  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    super(config, options);
    const { render } = this;
    this.render = (text) => (text.includes('<%') ? render(text) : text);
  }
}
