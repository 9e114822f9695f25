import { createConnection } from 'node:net';
import { until } from './until.ts';

/** One HTTP answer as it came over the wire. */
export type RawAnswer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };

/** A connection that speaks HTTP only as far as a test wants it to. */
export type RawConnection = {
  /** Sends bytes as they are; false once the connection is gone. */
  write(data: string | Uint8Array): boolean;
  /** Says that nothing more will be sent, and goes on listening. */
  end(): void;
  destroy(): void;
  /** Everything received so far. */
  text(): string;
  isClosed(): boolean;
  /** Resolves with the first `count` complete answers, interim ones left out. */
  answers(count?: number, withinMs?: number): Promise<readonly RawAnswer[]>;
  closed(withinMs?: number): Promise<void>;
};

/** Opens a TCP connection to the host and port of a URL. */
export async function connectRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', () => {
    isClosed = true;
  });
  socket.on('close', () => {
    isClosed = true;
  });
  // A reset by the server is an outcome that tests look at through `isClosed`.
  socket.on('error', () => {
    isClosed = true;
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
  const text = (): string => Buffer.concat(chunks).toString('latin1');
  return {
    write: (data) => {
      if (isClosed || socket.destroyed) return false;
      socket.write(data);
      return true;
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    text,
    isClosed: () => isClosed,
    answers: (count = 1, withinMs = 10_000) =>
      until(
        `${count} answers on a raw connection`,
        () => {
          const complete = parseAnswers(text(), isClosed);
          if (complete.length >= count) return complete;
          if (isClosed) throw new Error(`the connection was closed after ${complete.length} of ${count} answers: ${text().slice(0, 500)}`);
          return undefined;
        },
        withinMs,
      ),
    closed: async (withinMs = 10_000) => void (await until('the end of a connection', () => (isClosed ? true : undefined), withinMs)),
  };
}

/** Sends bytes on a connection of their own and resolves with the first answer. */
export async function exchangeRaw(url: string, data: string | Uint8Array, withinMs?: number): Promise<RawAnswer> {
  const connection = await connectRaw(url);
  try {
    connection.write(data);
    const [answer] = await connection.answers(1, withinMs);
    if (answer === undefined) throw new Error('there was no answer');
    return answer;
  } finally {
    connection.destroy();
  }
}

/** The complete answers in what came over a wire, interim ones left out; those to HEAD have no body, whatever length they tell. */
export function parseAnswers(text: string, isClosed: boolean, method = 'GET'): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return answers;
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
    const headers: Record<string, string> = {};
    for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
    const start = end + 4;
    if (status >= 100 && status < 200) {
      rest = rest.slice(start);
      continue;
    }
    const given = headers['content-length'];
    const length = method === 'HEAD' ? 0 : given === undefined ? (status === 204 || status === 304 ? 0 : null) : Number(given);
    if (length === null) {
      // Only the end of the connection ends such a body.
      if (isClosed) answers.push({ status, headers, body: rest.slice(start) });
      return answers;
    }
    if (rest.length < start + length) return answers;
    answers.push({ status, headers, body: rest.slice(start, start + length) });
    rest = rest.slice(start + length);
  }
}
