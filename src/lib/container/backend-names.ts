/** What can isolate an instance: its names in recipes, flags and verdicts. */
export const ociRuntimes = ['runc', 'crun', 'youki', 'runsc'] as const;
export type OciRuntime = (typeof ociRuntimes)[number];

export const backendNames = [...ociRuntimes, 'nspawn', 'machine'] as const;
export type BackendName = (typeof backendNames)[number];
