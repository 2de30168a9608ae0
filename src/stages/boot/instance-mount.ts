/** A file or directory of the host that an instance sees, with its owners moved into the IDs of the instance. */
export interface InstanceMount {
  source: string;
  /** In the instance. */
  path: string;
  readonly: boolean;
}
