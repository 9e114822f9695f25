import type { z } from 'zod';
import type { Runner, RunnerContext, RunnerOutcome } from '../application/runner.ts';

export type { Runner } from '../application/runner.ts';

/** A runner whose parameters are described by a schema: what does not fit is refused when the task is created. */
export function zodRunner<Params>(
  schema: z.ZodType<Params, unknown>,
  run: (params: Params, context: RunnerContext) => Promise<RunnerOutcome>,
): Runner {
  return {
    parse: (given) => {
      const parsed = schema.safeParse(given);
      if (parsed.success) return { ok: true, value: parsed.data };
      return { ok: false, errors: parsed.error.issues.flatMap(problems) };
    },
    run: (params, context) => run(schema.parse(params), context),
  };
}

function problems(issue: z.core.$ZodIssue): { readonly path: string; readonly message: string }[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: path === '' ? key : `${path}.${key}`, message: 'is not a known parameter' }));
  }
  const isAbsent = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return [{ path, message: isAbsent ? 'is required' : issue.message.replace(/^Invalid input: /, 'is not valid: ') }];
}
