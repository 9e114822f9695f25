import { describe, expect, it } from 'vitest';
import { previousOfFirst } from '../../../src/domain/orchestration/definition.ts';
import { check, definitionWith, step, stepTemplate } from './histories.ts';

const fromPrevious = { ...stepTemplate, bodyFrom: 'previous' } as const;

describe('the first step', () => {
  it('has none before it whose result it could be sent, whoever would send it: the field is named', () => {
    for (const checked of [null, check()]) {
      const named = (...[first, more]: [Parameters<typeof step>[0], object?]) =>
        previousOfFirst(definitionWith({ steps: [step(first), step({ task: fromPrevious })], check: checked, fallback: null, ...more }));
      expect(named({})).toBeNull();
      expect(named({ task: fromPrevious, fallback: fromPrevious })).toBe('steps[0].task.bodyFrom');
      expect(named({ fallback: fromPrevious })).toBe('steps[0].fallback.bodyFrom');
      expect(named({ fallback: fromPrevious }, { fallback: fromPrevious })).toBe('steps[0].fallback.bodyFrom');
      expect(named({}, { fallback: fromPrevious })).toBe('fallback.bodyFrom');
      expect(named({ fallback: null }, { fallback: fromPrevious })).toBeNull();
      expect(named({ fallback: stepTemplate }, { fallback: fromPrevious })).toBeNull();
    }
  });

  it('is the only one of which that is asked', () => {
    const second = step({ task: fromPrevious, fallback: fromPrevious, check: check() });
    expect(previousOfFirst(definitionWith({ steps: [step(), second] }))).toBeNull();
    expect(previousOfFirst(definitionWith({ steps: [] }))).toBeNull();
  });
});
