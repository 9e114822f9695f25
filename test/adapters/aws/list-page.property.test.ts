import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergePages, type ShardPage } from '../../../src/adapters/aws/list-page.ts';
import { orderKey } from '../../../src/adapters/aws/view-item.ts';

type Row = { readonly stream: string; readonly order: string; readonly createdAt: number; readonly id: string };

/** One page of a shard, as a query gives it: at most `seen` rows are looked at, and those that do not fit are left out. */
function pageOf(rows: readonly Row[], after: string | null, seen: number, fits: (row: Row) => boolean): ShardPage {
  const following = rows.filter(({ order }) => after === null || order < after);
  const looked = following.slice(0, seen);
  return { rows: looked.filter(fits), seenTo: looked.length < following.length ? (looked.at(-1)?.order ?? null) : null };
}

test('following cursors over any shards, page sizes and filters visits every row that fits exactly once, newest first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ createdAt: fc.nat(20), shard: fc.nat(3), fits: fc.boolean() }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      (tasks, limit, seen) => {
        const rows = tasks.map(({ createdAt }, index): Row => {
          const id = `t${index}`;
          return { stream: `task#${id}`, createdAt, id, order: orderKey({ createdAt, id }) };
        });
        const newestFirst = [...rows].sort((left, right) => (left.order < right.order ? 1 : -1));
        const fitting = new Set(rows.filter((_row, index) => tasks[index]?.fits).map(({ stream }) => stream));
        const shards = [0, 1, 2, 3].map((shard) => newestFirst.filter(({ stream }) => tasks[Number(stream.slice(6))]?.shard === shard));

        const visited: string[] = [];
        let after: string | null = null;
        for (let page = 0; page < 500; page += 1) {
          const pages: ShardPage[] = shards.map((shard) => pageOf(shard, after, seen, ({ stream }) => fitting.has(stream)));
          const merged = mergePages(pages, limit);
          expect(merged.rows.length).toBeLessThanOrEqual(limit);
          visited.push(...merged.rows.map(({ stream }) => stream));
          if (merged.next === null) break;
          after = orderKey(merged.next);
        }

        expect(visited).toEqual(newestFirst.filter(({ stream }) => fitting.has(stream)).map(({ stream }) => stream));
      },
    ),
  );
});
