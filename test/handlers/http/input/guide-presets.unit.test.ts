import { describe, expect, it } from 'vitest';
import { type RetryPolicy, retryDelayMs } from '../../../../src/domain/retry-policy.ts';
import { parseTask } from '../../../../src/handlers/http/input/task-input.ts';
import { presets } from '../../../support/guide.ts';
import { context, url } from './context.ts';

/** When each attempt of a run begins, if every one fails at once and nothing but the policy decides. */
function attemptTimes(policy: RetryPolicy, random: number): readonly number[] {
  const times = [0];
  for (;;) {
    const pause = retryDelayMs(policy, { attempt: times.length, random, retryAfterMs: null });
    if (pause === null) return times;
    times.push((times.at(-1) ?? 0) + pause);
  }
}

describe('the presets of docs/coming-from.md', () => {
  it('are there', () => {
    expect(presets.length).toBeGreaterThanOrEqual(7);
  });

  it.each(presets)('give the attempts that it says, whatever chance has it: $section, $fields', ({ fields, attemptsAtMs, timeoutMs }) => {
    const parsed = parseTask({ request: { url }, ...fields }, context());
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
    const { retry, timeoutMs: taken } = parsed.value;
    expect(taken).toBe(timeoutMs);
    for (const random of [0, 0.3, 0.999]) expect(attemptTimes(retry, random)).toEqual(attemptsAtMs);
  });
});
