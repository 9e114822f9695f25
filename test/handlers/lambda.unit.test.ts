import { describe, expect, test } from 'vitest';
import { lambdaHandler } from '../../src/handlers/lambda.ts';

const context = { getRemainingTimeInMillis: () => 1_000 };

describe('the handler that Lambda calls', () => {
  test('wires its function at the first invocation, once, also when several come at the same time', async () => {
    let wired = 0;
    const handle = lambdaHandler(
      async (environment) => {
        wired += 1;
        return async (event) => [environment['A'], event];
      },
      () => ({ A: 'a' }),
    );
    expect(wired).toBe(0);

    const answers = await Promise.all([handle(1, context), handle(2, context)]);

    expect(answers).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
    expect(wired).toBe(1);
  });

  test('whose wiring fails, fails that invocation and tries again at the next one', async () => {
    const outcomes = [new Error('the secret cannot be read'), null];
    const handle = lambdaHandler(
      async () => {
        const outcome = outcomes.shift();
        if (outcome) throw outcome;
        return async () => 'done';
      },
      () => ({}),
    );

    await expect(handle({}, context)).rejects.toThrow('the secret cannot be read');
    expect(await handle({}, context)).toBe('done');
    expect(outcomes).toEqual([]);
  });

  test('keeps its wiring when an invocation fails', async () => {
    let wired = 0;
    const handle = lambdaHandler(
      async () => {
        wired += 1;
        return async () => Promise.reject(new Error('this one'));
      },
      () => ({}),
    );

    await expect(handle({}, context)).rejects.toThrow('this one');
    await expect(handle({}, context)).rejects.toThrow('this one');
    expect(wired).toBe(1);
  });
});
