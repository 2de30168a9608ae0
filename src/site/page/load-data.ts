/// <reference lib="dom" />
/** Reads files of data, each once, as scripts: a page cannot fetch from file://. */

const loading = new Map<string, Promise<unknown>>();

function known(name: string): unknown {
  return (globalThis as { millinerData?: Record<string, unknown> }).millinerData?.[name];
}

/** @param name of the file in data/, without its ending */
export function loadData(name: string): Promise<unknown> {
  const there = known(name);
  if (there !== undefined) return Promise.resolve(there);
  const started = loading.get(name) ?? addScript(name);
  loading.set(name, started);
  return started;
}

function addScript(name: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const script = document.createElement('script');
  script.src = `data/${name}.js`;
  script.addEventListener('load', () => resolve(known(name)));
  script.addEventListener('error', () => reject(new Error(`${name} is missing from this site`)));
  document.head.append(script);
  return promise;
}
