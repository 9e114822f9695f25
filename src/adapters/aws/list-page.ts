import type { AttributeValue, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { ListQuery } from '../../application/ports.ts';
import { orderKey } from './view-item.ts';

export type ListRow = { readonly stream: string; readonly order: string };
/** What one shard gave: its rows that fit, newest first, and how far it has looked; null when it has nothing more. */
export type ShardPage = { readonly rows: readonly ListRow[]; readonly seenTo: string | null };

/**
 * The newest rows over all shards. Only what is newer than where the least far shard has stopped looking is complete; older
 * rows belong to a later page. So a page may be short or empty and still be followed by others.
 */
export function mergePages(
  pages: readonly ShardPage[],
  limit: number,
): { readonly rows: readonly ListRow[]; readonly next: ListQuery['after'] } {
  const stops = pages.flatMap(({ seenTo }) => (seenTo === null ? [] : [seenTo]));
  const boundary = stops.reduce<string | null>((newest, stop) => (newest === null || stop > newest ? stop : newest), null);
  const complete = pages
    .flatMap(({ rows }) => rows)
    .filter(({ order }) => boundary === null || order >= boundary)
    .sort((left, right) => (left.order < right.order ? 1 : -1));
  const rows = complete.slice(0, limit);
  const last = rows.at(-1);
  if (complete.length > limit && last !== undefined) return { rows, next: placeOf(last.order) };
  return { rows, next: boundary === null ? null : placeOf(boundary) };
}

function placeOf(order: string): NonNullable<ListQuery['after']> {
  const mark = order.indexOf('#');
  return { createdAt: Number(order.slice(0, mark)), id: order.slice(mark + 1) };
}

/** Above every id: ids are printable ASCII. */
const last = '\x7f';

/** Key and filter conditions of a list query; null when no task can fit. */
export function listConditions(
  query: ListQuery,
): { readonly expressions: Partial<QueryCommandInput>; readonly values: Record<string, AttributeValue> } | null {
  const { status, labels, from, to, after } = query;
  const lowest = orderKey({ createdAt: Math.max(0, from ?? 0), id: '' });
  // Both ends of BETWEEN are inclusive: the highest key is just below the exclusive end, or just below the last row seen.
  const end = to === null ? orderKey({ createdAt: 999_999_999_999_999, id: last }) : orderKey({ createdAt: Math.max(0, to) - 1, id: last });
  const beforeAfter = after === null ? null : justBelow(orderKey(after));
  const highest = beforeAfter !== null && beforeAfter < end ? beforeAfter : end;
  if ((to !== null && to <= 0) || highest < lowest) return null;
  const filters = [
    ...(status === null ? [] : ['#status = :status']),
    ...labels.map((_label, index) => `labels.#label${index} = :label${index}`),
  ];
  const names: Record<string, string> = {
    '#order': 'order',
    ...(status === null ? {} : { '#status': 'status' }),
    ...Object.fromEntries(labels.map(([name], index) => [`#label${index}`, name])),
  };
  return {
    expressions: {
      KeyConditionExpression: 'listShard = :shard AND #order BETWEEN :lowest AND :highest',
      ...(filters.length === 0 ? {} : { FilterExpression: filters.join(' AND ') }),
      ExpressionAttributeNames: names,
    },
    values: {
      ':lowest': { S: lowest },
      ':highest': { S: highest },
      ...(status === null ? {} : { ':status': { S: status } }),
      ...Object.fromEntries(labels.map(([, value], index) => [`:label${index}`, { S: value }])),
    },
  };
}

/** The greatest key below another, as far as keys of printable ASCII go. */
function justBelow(order: string): string {
  const end = order.charCodeAt(order.length - 1);
  return `${order.slice(0, -1)}${String.fromCharCode(end - 1)}${last.repeat(8)}`;
}
