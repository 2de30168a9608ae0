/** What is damaged, and what then reads it: everything that comes from elsewhere. */
import type { Subject } from './subject.ts';
import { databaseSubjects } from './subjects.database.ts';
import { documentSubjects } from './subjects.documents.ts';
import { imageSubjects } from './subjects.images.ts';
import { layerSubjects } from './subjects.layers.ts';
import { metadataSubjects } from './subjects.metadata.ts';
import { packageSubjects } from './subjects.packages.ts';
import { verdictSubjects } from './subjects.verdicts.ts';

export const subjects: Readonly<Record<string, Subject>> = {
  ...packageSubjects,
  ...metadataSubjects,
  ...layerSubjects,
  ...databaseSubjects,
  ...imageSubjects,
  ...documentSubjects,
  ...verdictSubjects,
};
