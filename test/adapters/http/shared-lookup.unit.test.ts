import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sharedLookup } from '../../../src/adapters/http/shared-lookup.ts';

type Answer = (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void;

/** A resolver that answers when the test says so. */
function resolver() {
  const asked: { readonly hostname: string; readonly answer: Answer }[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => void asked.push({ hostname, answer: callback as Answer });
  return { asked, lookup: sharedLookup(lookup) };
}

const ask = (lookup: LookupFunction, hostname: string, options: Parameters<LookupFunction>[1] = { all: true }): Promise<unknown> =>
  new Promise((resolve, reject) => {
    lookup(hostname, options, (error, address, family) => {
      if (error) reject(error);
      else resolve(options.all ? address : [address, family]);
    });
  });

const first = [{ address: '192.0.2.1', family: 4 }];
const second = [
  { address: '192.0.2.2', family: 4 },
  { address: '2001:db8::2', family: 6 },
];
const notFound = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('lookups of one name', () => {
  test('share the one that is under way, however many ask', async () => {
    const { asked, lookup } = resolver();
    const answers = Array.from({ length: 256 }, () => ask(lookup, 'name.test'));
    const single = ask(lookup, 'name.test', { all: false });
    expect(asked).toHaveLength(1);
    asked[0]?.answer(null, second);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 256 }, () => second));
    expect(await single).toEqual(['192.0.2.2', 4]);
  });

  test('get an answer of their own each, which nobody else changes', async () => {
    const { asked, lookup } = resolver();
    const [left, right] = [ask(lookup, 'name.test'), ask(lookup, 'name.test')];
    asked[0]?.answer(null, second);
    ((await left) as LookupAddress[]).length = 0;
    expect(await right).toEqual(second);
  });

  test('ask anew once it has been answered: an answer is never kept', async () => {
    const { asked, lookup } = resolver();
    const before = ask(lookup, 'name.test');
    asked[0]?.answer(null, first);
    expect(await before).toEqual(first);
    const after = ask(lookup, 'name.test');
    expect(asked).toHaveLength(2);
    asked[1]?.answer(null, second);
    expect(await after).toEqual(second);
  });

  test('fail together, and for the next second without asking again', async () => {
    const { asked, lookup } = resolver();
    const both = [ask(lookup, 'name.test'), ask(lookup, 'name.test')];
    asked[0]?.answer(notFound, []);
    for (const answer of both) await expect(answer).rejects.toBe(notFound);
    vi.advanceTimersByTime(999);
    await expect(ask(lookup, 'name.test')).rejects.toBe(notFound);
    expect(asked).toHaveLength(1);

    vi.advanceTimersByTime(1);
    const later = ask(lookup, 'name.test');
    expect(asked).toHaveLength(2);
    asked[1]?.answer(null, first);
    expect(await later).toEqual(first);
  });

  test('that want another family of addresses are lookups of their own', () => {
    const { asked, lookup } = resolver();
    void ask(lookup, 'name.test');
    void ask(lookup, 'name.test', { all: true, family: 6 });
    expect(asked).toHaveLength(2);
  });
});

test('a name that hangs holds up no other', async () => {
  const { asked, lookup } = resolver();
  for (let caller = 0; caller < 10; caller += 1) void ask(lookup, 'hanging.test');
  const other = ask(lookup, 'other.test');
  expect(asked.map(({ hostname }) => hostname)).toEqual(['hanging.test', 'other.test']);
  asked[1]?.answer(null, first);
  expect(await other).toEqual(first);
});

test('a resolver that answers with one address at once is understood', async () => {
  const lookup = sharedLookup((_hostname, _options, callback) => callback(null, '192.0.2.1', 4));
  expect(await ask(lookup, 'name.test')).toEqual(first);
  expect(await ask(lookup, 'name.test', { all: false })).toEqual(['192.0.2.1', 4]);
});

test('a resolver that has no address says so to those who want one', async () => {
  const lookup = sharedLookup((_hostname, _options, callback) => callback(null, []));
  expect(await ask(lookup, 'name.test')).toEqual([]);
  await expect(ask(lookup, 'name.test', { all: false })).rejects.toMatchObject({ code: 'ENOTFOUND' });
});
