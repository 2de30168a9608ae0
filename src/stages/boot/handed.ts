/** What an instance of a stack is handed: values and secrets as files, which no environment or argument has, and volumes. */

export interface HandedFile {
  /** In the instance. */
  path: string;
  content: string | Buffer;
  /** user:group of the image. */
  owner: string;
  /** Octal. */
  mode: string;
}

/** With owners as they are in an image: a directory of the host, or the disk that a machine mounts itself. */
export type VolumeContent = { directory: string } | { disk: string };

export interface HandedVolume {
  name: string;
  /** In the instance. */
  path: string;
  readonly: boolean;
  content: VolumeContent;
}

export interface Handed {
  files: readonly HandedFile[];
  volumes: readonly HandedVolume[];
}
