import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A refusal of a service, as its clients know it by name. */
export class ServiceError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** The operations of a service by the name in `x-amz-target`, as `AWSEvents.PutEvents`. What they return is the answer. */
export type Operations = Readonly<Record<string, (input: unknown) => Promise<object>>>;
export type Endpoint = { readonly url: string; stop(): Promise<void> };

const type = 'application/x-amz-json-1.1';

/** A loopback endpoint of the JSON protocol of AWS, for the operations of several services (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html). */
export async function startJsonEndpoint(operationOf: (target: string) => Operations[string] | undefined): Promise<Endpoint> {
  const answer = async (target: string, body: string): Promise<{ readonly status: number; readonly output: object }> => {
    try {
      const operation = operationOf(target);
      if (operation === undefined) throw new ServiceError('UnknownOperationException', `the harness does not know ${target}`);
      return { status: 200, output: await operation(JSON.parse(body)) };
    } catch (error) {
      const known = error instanceof ServiceError;
      const output = { __type: known ? error.name : 'InternalFailure', message: error instanceof Error ? error.message : String(error) };
      return { status: known ? 400 : 500, output };
    }
  };
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { status, output } = await answer(String(request.headers['x-amz-target']), Buffer.concat(chunks).toString('utf8'));
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(output));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
