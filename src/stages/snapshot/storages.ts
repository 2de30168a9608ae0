/** The kinds of snapshots that a state directory can be asked to keep, and auto, which leaves the choice to the host. */
export const storages = ['auto', 'dm-thin', 'overlay'] as const;
export type Storage = (typeof storages)[number];
