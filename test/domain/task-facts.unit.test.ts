import { describe, expect, it } from 'vitest';
import type { Action } from '../../src/domain/task/events.ts';
import { factsOf, wakeAt } from '../../src/domain/task/state.ts';
import { httpAction, noHistory } from './task-histories.ts';
import { given, scheduled, start, succeed, withCallback } from './task-moves.ts';

describe('the target that the next call of a task occupies a slot of', () => {
  it.each<[string, Action, string]>([
    ['the origin of what it calls', httpAction, 'https://shop.example:443'],
    ['the code that it runs', { kind: 'runner', name: 'example', body: null }, 'runner:example'],
    ['the bus', { kind: 'event', detailType: 'Reminder', body: null }, 'event:'],
  ])('is %s', (_, action, target) => {
    expect(factsOf(given(scheduled({ action })).state).target).toBe(target);
    expect(factsOf(given(scheduled({ action, ...withCallback }), start).state).target).toBe(target);
  });

  it('is the listener once it is over, and none without one', () => {
    expect(factsOf(given(scheduled(withCallback), start, succeed).state).target).toBe('https://listener.example:443');
    expect(factsOf(given(scheduled(), start, succeed).state).target).toBeNull();
  });
});

it('a task that was never made needs no look', () => {
  expect(wakeAt(noHistory.state)).toBeNull();
});
