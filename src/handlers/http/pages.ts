import type { StoredEvent } from '../../application/ports.ts';
import { renderStreamEvent } from '../../application/render-event.ts';
import { fitting } from './answer-size.ts';
import { encodeCursor } from './cursor.ts';
import { type HttpResponse, json } from './http-types.ts';

/** A page of a history: as many of its events as one answer holds, and where the following ones begin. */
export function historyAnswer(page: { readonly events: readonly StoredEvent[]; readonly next: number | null }): HttpResponse {
  const events = fitting(page.events.map(renderStreamEvent));
  const next = events.length < page.events.length ? (page.events[events.length - 1]?.version ?? null) : page.next;
  return json(200, { events, ...(next === null ? {} : { cursor: encodeCursor({ kind: 'history', version: next }) }) });
}

type Place = { readonly createdAt: number; readonly id: string };

/** A page of a list, under its name: as many of what was found as one answer holds, as `render` shows them, and where the following ones begin. */
export function listAnswer<State extends Place>(
  name: 'tasks' | 'schedules' | 'orchestrations',
  page: { readonly states: readonly State[]; readonly next: Place | null },
  render: (state: State) => object,
): HttpResponse {
  const shown = fitting(page.states.map(render));
  const last = page.states[shown.length - 1];
  const next = shown.length < page.states.length && last !== undefined ? { createdAt: last.createdAt, id: last.id } : page.next;
  return json(200, { [name]: shown, ...(next === null ? {} : { cursor: encodeCursor({ kind: name, ...next }) }) });
}
