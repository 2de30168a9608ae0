/** GitHub's own parser of workflows and actions. It imports JSON as bundlers allow, which Node does when it is told so. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => {
    const found = next(specifier, context);
    return specifier.endsWith('.min.json') ? { ...found, importAttributes: { type: 'json' } } : found;
  },
});

const workflows = await import('@actions/workflow-parser');
const actions = await import('@actions/workflow-parser/actions/index');

/** The faults of a workflow, in words. */
export async function workflowFaults(name: string, content: string): Promise<string[]> {
  const { context, value } = workflows.parseWorkflow(
    { name, content },
    new workflows.NoOperationTraceWriter(),
  );
  if (value) await workflows.convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(String);
}

/** The faults of an action's description, in words. */
export function actionFaults(name: string, content: string): string[] {
  const { context } = actions.parseAction({ name, content }, new workflows.NoOperationTraceWriter());
  return context.errors.getErrors().map(String);
}
