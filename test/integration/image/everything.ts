/** The recipes of the oracle's test, and what they may add to what rpm does. */
/** What a recipe adds beyond its packages; everything else must be rpm's own doing. */
export const added: Record<string, RegExp> = {
  'demo-base': /^$/,
  'demo-everything': /^$/,
  'demo-mariadb':
    /^\/etc\/(?:my\.cnf\.d|mysql\/mariadb\.conf\.d)\/(?:50|99)-image\.cnf$|^\/etc\/systemd\/system\/.*mariadb\.service$/,
  'demo-product': /^\/etc\/demo-product\/server\.conf$|^\/etc\/systemd\/system\/.*demo-product\.service$/,
};

/** Every package of spec/demo at once: all that can go wrong between a header and a tree. */
export const everything = {
  name: 'demo-everything',
  from: 'demo-base',
  repos: ['demo'],
  docs: false,
  packages: [
    'demo-c++',
    'demo-devices',
    'demo-empty',
    'demo-files',
    'demo-files-big',
    'demo-predecessor',
    'demo-product-server',
    'demo-scriptlets',
    'demo-scriptlets-drop',
    'demo-shared-a',
    'demo-shared-b',
    'openssl',
  ],
  layers: { compression: 'gzip' },
};
/** The same once more, for clients that take layers apart. */
export const chunked = { ...everything, name: 'demo-chunked', layers: { compression: 'zstd:chunked' } };
