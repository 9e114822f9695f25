/** What deciding a command against a folded state yields: one event, nothing because it is already so, or a refusal. */
export type Decision<Event, Refusal> =
  | { readonly outcome: 'event'; readonly event: Event }
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'refused'; readonly refusal: Refusal };

export const unchanged = { outcome: 'unchanged' } as const;

export function happened<Event>(event: Event): { readonly outcome: 'event'; readonly event: Event } {
  return { outcome: 'event', event };
}

export function refused<Refusal>(refusal: Refusal): { readonly outcome: 'refused'; readonly refusal: Refusal } {
  return { outcome: 'refused', refusal };
}

/** An event as the log holds it. Times are epoch milliseconds; versions of a stream are contiguous from 1. */
export type Recorded<Event> = Event & {
  readonly stream: string;
  readonly version: number;
  readonly occurredAt: number;
  readonly commitId: string;
};
