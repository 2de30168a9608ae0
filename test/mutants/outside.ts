/** A directory of the host that mutants point links at: a test puts something there and looks at it again. */
export const outside = '/var/tmp/milliner-mutants-outside';

/** Every path that leads out ends with it, so that it can be looked for. */
export const escaped = 'escaped-by-a-mutant';
