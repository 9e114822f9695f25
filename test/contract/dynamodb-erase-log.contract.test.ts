import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe } from 'vitest';
import { DynamoEraseLog } from '../../src/adapters/aws/dynamodb-erase-log.ts';
import { createLogTables, isDynoxideInstalled, logOn, startDynoxide } from '../support/dynoxide.ts';
import { eraseLogContract } from './erase-log.contract.ts';

describe.skipIf(!isDynoxideInstalled())('with the embedded engine', () => {
  eraseLogContract('on DynamoDB', async () => {
    const { client, endpoint } = await startDynoxide();
    const tables = await createLogTables({ client, endpoint });
    const retry = { sleep: async () => undefined, random: () => 0.5 };
    return {
      log: logOn(client, tables),
      eraser: new DynamoEraseLog({ client, ...tables, ...retry }),
      async remains(stream) {
        const scans = Object.values(tables).map(async (TableName) => (await client.send(new ScanCommand({ TableName }))).Items ?? []);
        const items = (await Promise.all(scans)).flat().filter(({ pk }) => pk?.S === stream);
        return items.flatMap((item) =>
          Object.values(item).map(
            (value) => value.S ?? (value.B === undefined ? JSON.stringify(value) : new TextDecoder().decode(value.B)),
          ),
        );
      },
      close: () => undefined,
    };
  });
});
