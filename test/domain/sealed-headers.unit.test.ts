import { describe, expect, it } from 'vitest';
import { isSealed } from '../../src/domain/task/sealed-headers.ts';

describe('the value of a header', () => {
  it.each(['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'Authorization', 'X-API-KEY'])(
    'is sealed unasked: %s',
    (name) => {
      expect(isSealed(name, [])).toBe(true);
    },
  );

  it('is sealed when asked for, however the name is written', () => {
    expect(isSealed('X-Token', ['x-token'])).toBe(true);
    expect(isSealed('authorization', ['x-token'])).toBe(true);
  });

  it('is kept as it is otherwise', () => {
    expect(isSealed('x-token', [])).toBe(false);
    expect(isSealed('', ['x-token'])).toBe(false);
    expect(isSealed('x-token-2', ['x-token'])).toBe(false);
  });
});
