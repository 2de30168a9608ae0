/**
 * The confined process that unpacks the packages of a tool root while their signatures are still being verified. It can
 * write only to that root.
 */
import { serveTasks } from '../../lib/host/serve.ts';
import { unpackSegments } from '../../stages/layer/write/write-layer.ts';

export interface ToolRootTask {
  root: string;
  /** In base64. */
  segments: string;
}

await serveTasks(async ({ root, segments }: ToolRootTask) => {
  await unpackSegments(Buffer.from(segments, 'base64'), root);
  return {};
});
