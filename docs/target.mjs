/**
 * A target to try Errand against, for the examples of coming-from.md: `node docs/target.mjs` listens on 127.0.0.1:8080, PORT elsewhere.
 *
 * `/status/503` answers with that status; `/flaky` with 500 at the first attempt and 200 at the next; `/async` with 202, and posts its answer
 * to where it was told; `/steps` asks to be called again, with one less, until `left` is 0; `/last/<path>` shows the last request to a
 * path, 404 before there was one. Everything else answers 200 with what it received; what makes no sense is 400.
 */
import { createServer, request as httpRequest } from 'node:http';

const last = new Map();

const routes = {
  flaky: ({ headers }) => (headers['errand-attempt'] === '1' ? { status: 500 } : {}),
  async({ headers }) {
    const answer = httpRequest(headers['errand-callback-url'], { method: 'POST', headers: { 'content-type': 'application/json' } });
    answer.on('response', (response) => response.resume()).on('error', (error) => console.error(error.message));
    answer.end('{"pages":42}');
    return { status: 202 };
  },
  steps({ body }) {
    const left = JSON.parse(body).left - 1;
    return { headers: left === 0 ? {} : { 'errand-continue': '100ms' }, body: { left } };
  },
  status: ({ rest }) => ({ status: Number(rest) }),
  last({ rest }) {
    const received = last.get(rest);
    return received === undefined ? { status: 404 } : { body: received };
  },
};

const server = createServer((incoming, response) => {
  const chunks = [];
  incoming.on('data', (chunk) => chunks.push(chunk));
  incoming.on('end', () => {
    const { method, url, headers } = incoming;
    const body = Buffer.concat(chunks).toString();
    const path = url.slice(1).replace(/\?.*$/, '');
    const [name, ...rest] = path.split('/');
    const received = { method, url, headers, body };
    if (name !== 'last') {
      last.set(path, received);
      console.log(method, url, body);
    }
    const answer = (status, more, content) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(content));
    try {
      const asked = Object.hasOwn(routes, name) ? routes[name]({ ...received, rest: rest.join('/') }) : {};
      answer(asked.status ?? 200, asked.headers, asked.body ?? { method, url, body });
    } catch (error) {
      // No address to answer to, no JSON to count down, no status.
      answer(400, {}, { error: error.message });
    }
  });
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`The target is listening on http://127.0.0.1:${server.address().port}`);
});
