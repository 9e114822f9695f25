import type { View, Wake } from '../../application/ports.ts';
import { factsOfStream, isListed, kindOf, type StreamKind, type StreamState } from '../../domain/streams.ts';
import { type Item, numberAt, textAt } from './event-item.ts';

/** FNV-1a: spreads streams evenly over shards, the same on every host and in every version. */
export function shardOf(stream: string, shards: number): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < stream.length; index += 1) {
    hash ^= stream.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return String((hash >>> 0) % shards);
}

/** The list of each kind has partitions of its own; those of tasks bear the shard's name alone. */
export function listShardOf(kind: StreamKind, shard: string): string {
  return kind === 'task' ? shard : `${kind}#${shard}`;
}

/** Sorts as (createdAt, id) does: 15 digits hold every time a Date can hold after 1970. */
export function orderKey(at: { readonly createdAt: number; readonly id: string }): string {
  return `${String(at.createdAt).padStart(15, '0')}#${at.id}`;
}

/**
 * A stream's one item in the views: its state, and sparse attributes that the indexes are made of. A deleted stream keeps the
 * item without list attributes; due attributes are there exactly while something is left to happen.
 */
export function viewAttributes(view: View, shards: number): Item {
  const { stream, version, state } = view;
  if (state.status === 'missing') throw new Error(`the view of ${stream} would be empty`);
  const facts = factsOfStream(stream, state);
  const shard = { S: shardOf(stream, shards) };
  return {
    pk: { S: stream },
    version: { N: String(version) },
    status: { S: state.status },
    state: { S: JSON.stringify(state) },
    ...(facts.wakeAt === null ? {} : { dueShard: shard, dueAt: { N: String(facts.wakeAt) } }),
    lane: { S: facts.lane },
    ...(facts.target === null ? {} : { target: { S: facts.target } }),
    ...(!isListed(state)
      ? {}
      : {
          listShard: { S: listShardOf(kindOf(stream), shard.S) },
          order: { S: orderKey(state) },
          // Half a surrogate pair has no form in UTF-8; such a label must not keep its task out of the views.
          labels: {
            M: Object.fromEntries(Object.entries(facts.labels).map(([name, value]) => [name.toWellFormed(), { S: value.toWellFormed() }])),
          },
        }),
  };
}

export function decodeView(item: Item): View {
  const [stream, version, state] = [textAt(item, 'pk'), numberAt(item, 'version'), textAt(item, 'state')];
  if (stream === null || version === null || state === null) throw new Error(`the item ${stream ?? '?'} is not a view`);
  return { stream, version, state: JSON.parse(state) as StreamState };
}

export function decodeDueRow(item: Item): Wake {
  const [stream, version, dueAt] = [textAt(item, 'pk'), numberAt(item, 'version'), numberAt(item, 'dueAt')];
  if (stream === null || version === null || dueAt === null) throw new Error(`the item ${stream ?? '?'} is not a due row`);
  return { stream, version, dueAt, target: textAt(item, 'target'), lane: textAt(item, 'lane') === 'long' ? 'long' : 'short' };
}
