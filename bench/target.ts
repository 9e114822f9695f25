import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The target of the benchmarks, in a process of its own: answers 200 at once. */
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-length': 2 }).end('ok');
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 4_096, () => console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.on('SIGTERM', () => process.exit(0));
