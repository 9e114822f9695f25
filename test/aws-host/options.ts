import { parseArgs } from 'node:util';

export type Options = {
  readonly engine: 'dynoxide' | 'dynamodb-local';
  readonly publishedDelays: boolean;
  /** Where to append what functions asked of AWS. */
  readonly record: string | undefined;
};

export const usage = `usage: npm run start:aws -- [--engine dynoxide|dynamodb-local] [--published-delays] [--record FILE]

Runs the Lambda functions of serverless.yml on this machine, with the same environment variables as \`npm start\`.
  --engine            the database: Dynoxide (a single binary, Linux on x86-64), or Amazon's DynamoDB Local (needs Java 17)
  --published-delays  adds the delays that others have measured on AWS
  --record FILE       appends what each function asks of AWS as JSON Lines: {function, action, resource}`;

/** Reads the command line. Throws with the usage if it does not read. */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        engine: { type: 'string', default: 'dynoxide' },
        'published-delays': { type: 'boolean', default: false },
        record: { type: 'string' },
      },
    });
    const { engine, record } = values;
    if (engine !== 'dynoxide' && engine !== 'dynamodb-local') throw new Error(`there is no engine ${engine}`);
    return { engine, publishedDelays: values['published-delays'], record };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}
