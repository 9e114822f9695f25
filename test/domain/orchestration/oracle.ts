import type { CheckDefinition, OrchestrationDefinition, StepTemplate } from '../../../src/domain/orchestration/definition.ts';

/** How a child ends, and how long it takes. */
export type Ending = {
  readonly as: 'succeeded' | 'truncated' | 'failed' | 'cancelled' | 'deleted' | 'foreign';
  readonly lastsMs: number;
};
/** How the task of an id ends; null while that is not known. */
export type Script = (taskId: string) => Ending | null;

export type ExpectedStep = {
  status: string;
  startedAt: number | null;
  finishedAt: number | null;
  checks: number;
  errorKind: string | null;
};
/** What a definition comes to. `status` is `running` where the script ends before it does. */
export type Expected = {
  readonly tasks: readonly string[];
  readonly status: 'running' | 'succeeded' | 'failed';
  readonly outcome: string | null;
  readonly steps: readonly ExpectedStep[];
  readonly finishedAt: number;
};

class Unknown extends Error {}

const errorKinds = { failed: 'http', cancelled: 'cancelled', deleted: 'cancelled', foreign: 'id-taken' } as const;

/**
 * Carries out a definition the plain way, one thing after the other, each the moment it can be: no events, no states, no crashes.
 * What an orchestration does must agree with it, whatever happens on the way.
 */
export function interpret(id: string, definition: OrchestrationDefinition, startAt: number, script: Script): Expected {
  const tasks: string[] = [];
  const steps: ExpectedStep[] = [];
  let now = startAt;

  function run(taskId: string): Ending['as'] {
    tasks.push(taskId);
    const ending = script(taskId);
    if (ending === null) throw new Unknown();
    if (ending.as !== 'foreign') now += ending.lastsMs;
    return ending.as;
  }

  function end(status: Expected['status'], outcome: string | null): Expected {
    return { tasks, status, outcome, steps, finishedAt: now };
  }

  try {
    let before: Ending['as'] = 'succeeded';
    for (const [index, each] of definition.steps.entries()) {
      const own: { check?: CheckDefinition | null; fallback?: StepTemplate | null } = each;
      const check = own.check !== undefined ? own.check : definition.check;
      const fallback = own.fallback !== undefined ? own.fallback : definition.fallback;
      const name = `${id}.${index + 1}`;
      now += each.delayMs;

      const step: ExpectedStep = { status: 'running', startedAt: null, finishedAt: null, checks: 0, errorKind: null };
      steps.push(step);
      const fail = (outcome: string, errorKind: string | null): Expected => {
        Object.assign(step, { status: 'failed', finishedAt: now, errorKind: errorKind ?? step.errorKind });
        return end('failed', outcome);
      };

      if (each.task.bodyFrom === 'previous' && before === 'truncated') return fail('step-failed', 'truncated');
      step.startedAt = now;
      const as = run(name);
      if (as !== 'succeeded' && as !== 'truncated') return fail('step-failed', errorKinds[as]);

      if (check !== null) {
        step.status = 'checking';
        let passed = false;
        now += check.delayMs;
        for (let n = 1; n <= 1 + check.retries && !passed; n += 1) {
          if (n > 1) now += check.gapMs;
          step.checks = n;
          const checked = run(`${name}.check.${n}`);
          if (checked === 'foreign') return fail('step-failed', 'id-taken');
          passed = checked === 'succeeded' || checked === 'truncated';
          step.errorKind = passed ? null : errorKinds[checked as 'failed'];
        }
        if (!passed) {
          if (fallback === null) return fail('check-failed', null);
          step.status = 'fallback';
          if (fallback.bodyFrom === 'previous' && before === 'truncated') return fail('fallback-failed', 'truncated');
          const fellBack = run(`${name}.fallback`);
          if (fellBack === 'succeeded' || fellBack === 'truncated') return fail('fallback-succeeded', null);
          return fail('fallback-failed', errorKinds[fellBack]);
        }
      }
      Object.assign(step, { status: 'succeeded', finishedAt: now });
      before = as;
    }
    return end('succeeded', 'completed');
  } catch (error) {
    if (error instanceof Unknown) return end('running', null);
    throw error;
  }
}
