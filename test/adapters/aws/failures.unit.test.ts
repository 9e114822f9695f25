import { describe, expect, test } from 'vitest';
import { failureKind, maxTries, pauseMs, retrying } from '../../../src/adapters/aws/failures.ts';

const named = (name: string, more: object = {}): Error => Object.assign(new Error(name), { name, ...more });

describe('a failure of AWS', () => {
  test.each(['ConditionalCheckFailedException', 'DuplicateItemException', 'ConditionalCheckFailed', 'DuplicateItem'])(
    '%s is a condition that did not hold, as an exception and as a code',
    (name) => {
      expect([failureKind(named(name)), failureKind(name)]).toEqual(['condition', 'condition']);
    },
  );

  test.each([
    'ThrottlingException',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'InternalServerError',
    'TransactionConflict',
    'RequestTimeTooSkewed',
    'RequestExpired',
  ])('%s passes', (name) => {
    expect(failureKind(named(name))).toBe('transient');
  });

  test.each(['ECONNRESET', 'ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EPROTO'])('%s of the network passes', (code) => {
    expect(failureKind(named('Error', { code }))).toBe('transient');
  });

  test('passes when the service is at fault, whatever its name', () => {
    expect(failureKind(named('SomethingNew', { $metadata: { httpStatusCode: 503 } }))).toBe('transient');
    expect(failureKind(named('SomethingNew', { $metadata: { httpStatusCode: 429 } }))).toBe('transient');
  });

  test('is of the kind of its cause, if it says nothing of its own', () => {
    const told = (cause: unknown): Error => new Error('it could not be done', { cause });
    expect(failureKind(told(named('Error', { code: 'ECONNREFUSED' })))).toBe('transient');
    expect(failureKind(told(told(named('ThrottlingException'))))).toBe('transient');
    expect(failureKind(told(named('AccessDeniedException')))).toBe('permanent');
    expect(failureKind(told('because'))).toBe('permanent');
  });

  test.each([
    named('ValidationException'),
    named('AccessDeniedException', { $metadata: { httpStatusCode: 400 } }),
    'ValidationError',
    7,
    undefined,
  ])('%s does not pass', (failure) => {
    expect(failureKind(failure)).toBe('permanent');
  });
});

describe('a transaction that was cancelled', () => {
  const cancelled = (...codes: readonly string[]): Error =>
    named('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) });

  test('passes when nothing but passing reasons stood against it', () => {
    expect(failureKind(cancelled('None', 'ThrottlingError', 'TransactionConflict'))).toBe('transient');
  });

  test('was a lost race when one of its conditions did not hold', () => {
    expect(failureKind(cancelled('TransactionConflict', 'ConditionalCheckFailed', 'None'))).toBe('condition');
  });

  test('does not pass when one of its items is not valid', () => {
    expect(failureKind(cancelled('ThrottlingError', 'ValidationError'))).toBe('permanent');
  });
});

describe('trying again', () => {
  const ports = (slept: number[]) => ({ sleep: async (ms: number) => void slept.push(ms), random: () => 1 });

  test('waits longer each time, up to a bound, and gives up with the last failure', async () => {
    const slept: number[] = [];
    let calls = 0;

    const given = retrying(ports(slept), async () => {
      calls += 1;
      throw named('ThrottlingException');
    });

    await expect(given).rejects.toThrow('ThrottlingException');
    expect(calls).toBe(maxTries);
    expect(slept).toEqual([50, 100, 200, 400, 800, 1_600, 1_600]);
  });

  test('does not try again what would fail the same way', async () => {
    let calls = 0;
    const given = retrying(ports([]), async () => {
      calls += 1;
      throw named('ValidationException');
    });

    await expect(given).rejects.toThrow('ValidationException');
    expect(calls).toBe(1);
  });

  test('spreads pauses evenly from nothing to the whole', () => {
    expect([pauseMs(1, 0), pauseMs(1, 0.5), pauseMs(20, 0.5)]).toEqual([0, 25, 800]);
  });
});
