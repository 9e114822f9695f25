/** One server-sent event. `data` is the JSON it carries. */
// biome-ignore lint/suspicious/noExplicitAny: black-box tests look into data whose shape is the thing under test.
export type ServerSentEvent = { readonly id: string; readonly event: string; readonly data: any };

export type EventSourceStream = {
  readonly status: number;
  readonly headers: Headers;
  /** Everything received so far, in order. */
  readonly events: readonly ServerSentEvent[];
  readonly comments: readonly string[];
  close(): Promise<void>;
};

/** Reads server-sent events as a browser would, without reconnecting by itself. Resolves once the answer has begun. */
export async function openEventSource(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventSourceStream> {
  const stop = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: stop.signal });
  const events: ServerSentEvent[] = [];
  const comments: string[] = [];
  const reading = read(response, (block) => {
    const fields: Record<string, string> = {};
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) {
        comments.push(line.slice(1).trim());
        continue;
      }
      const colon = line.indexOf(':');
      fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
    }
    const { id = '', event = '', data } = fields;
    if (data !== undefined) events.push({ id, event, data: JSON.parse(data) });
  }).catch(() => undefined);
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    async close() {
      stop.abort();
      await reading;
    },
  };
}

async function read(response: Response, take: (block: string) => void): Promise<void> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      take(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}
