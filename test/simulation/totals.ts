import { type FaultKind, faultKinds } from './kernel/faults.ts';

/** What a number of worlds come to. */
export type Totals = {
  worlds: number;
  events: number;
  calls: number;
  requests: number;
  virtualMs: number;
  readonly faults: Record<FaultKind, number>;
};

export function emptyTotals(): Totals {
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  return { worlds: 0, events: 0, calls: 0, requests: 0, virtualMs: 0, faults };
}

/** Adds one world, or the sum of some. */
export function addTo(
  totals: Totals,
  more: Omit<Totals, 'worlds' | 'faults'> & { readonly worlds?: number; readonly faults: Readonly<Record<FaultKind, number>> },
): void {
  totals.worlds += more.worlds ?? 1;
  totals.events += more.events;
  totals.calls += more.calls;
  totals.requests += more.requests;
  totals.virtualMs += more.virtualMs;
  for (const kind of faultKinds) totals.faults[kind] += more.faults[kind];
}
