/** An event as subscribers are told it. */
export type ToldEvent = {
  readonly position: number;
  readonly taskId: string;
  readonly version: number;
  readonly type: string;
  readonly occurredAt: number;
  readonly attempt: number;
  // biome-ignore lint/suspicious/noExplicitAny: black-box tests look into data whose shape is the thing under test.
  readonly data: any;
};

/** The whole log, read as server-sent events from the start until `enough` says so. */
export async function readHistory(url: string, enough: (event: ToldEvent) => boolean): Promise<readonly ToldEvent[]> {
  const events: ToldEvent[] = [];
  const response = await fetch(`${url}/events?after=0`);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = toldEvent(block);
      if (event === null) continue;
      events.push(event);
      if (enough(event)) return events;
    }
  }
  throw new Error(`the event stream ended after ${events.length} events`);
}

function toldEvent(block: string): ToldEvent | null {
  const position = /^id: (\d+)$/m.exec(block)?.[1];
  const json = /^data: (.*)$/m.exec(block)?.[1];
  if (position === undefined || json === undefined) return null;
  const { taskId, version, type, occurredAt, attempt, data } = JSON.parse(json);
  return { position: Number(position), taskId, version, type, occurredAt: Date.parse(occurredAt), attempt: attempt ?? 0, data };
}
