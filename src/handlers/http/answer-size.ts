import type { StoredEvent } from '../../application/ports.ts';
import { renderStreamEvent } from '../../application/render-event.ts';
import { limits } from '../../domain/limits.ts';

/** The bytes of an answer's JSON as a Lambda function sends it: as a string within JSON, where every quote is escaped once more. */
export function bytesSent(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** What of a page one answer shows, and where the following page starts, if there is one. */
type Shown<Place> = { readonly shown: readonly object[]; readonly next: Place | null };

/** Of the items of a page the first ones that one answer holds; one at least, so that a page always goes on. `next` follows them all. */
function fitting<Item, Place>(
  items: readonly Item[],
  next: Place | null,
  { render, placeOf }: { readonly render: (item: Item) => object; readonly placeOf: (item: Item) => Place },
): Shown<Place> {
  const shown: object[] = [];
  let bytes = 0;
  let last: Item | undefined;
  for (const item of items) {
    const value = render(item);
    bytes += bytesSent(JSON.stringify(value));
    if (last !== undefined && bytes > limits.answerBytes) return { shown, next: placeOf(last) };
    shown.push(value);
    last = item;
  }
  return { shown, next };
}

/** One page of a list, of tasks, schedules or orchestrations, as one answer holds it. */
export function fittingList<State extends { readonly createdAt: number; readonly id: string }>(
  states: readonly State[],
  next: { readonly createdAt: number; readonly id: string } | null,
  render: (state: State) => object,
) {
  return fitting(states, next, { render, placeOf: ({ createdAt, id }) => ({ createdAt, id }) });
}

/** One page of the history of a stream, as one answer holds it. */
export function fittingHistory({ events, next }: { readonly events: readonly StoredEvent[]; readonly next: number | null }) {
  return fitting(events, next, { render: renderStreamEvent, placeOf: ({ version }) => version });
}

/** Values in two forms: in full as many as one answer holds beside the others, in order; the others in brief. */
export function shrunk<Value>(full: readonly Value[], brief: readonly Value[]): readonly Value[] {
  const sizes = brief.map((value) => bytesSent(JSON.stringify(value)));
  let left = limits.answerBytes - sizes.reduce((sum, size) => sum + size, 0);
  return full.map((value, index) => {
    const more = bytesSent(JSON.stringify(value)) - (sizes[index] ?? 0);
    if (more > left) return brief[index] ?? value;
    left -= more;
    return value;
  });
}
