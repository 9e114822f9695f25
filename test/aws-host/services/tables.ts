import {
  CreateTableCommand,
  type DynamoDBClient,
  ListTablesCommand,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import type { Stack } from '../stack/stack.ts';

/** Makes the tables of the stack that are not there yet. */
export async function createTables(client: DynamoDBClient, tables: Stack['tables']): Promise<void> {
  const { TableNames: known = [] } = await client.send(new ListTablesCommand({}));
  for (const table of tables) {
    if (known.includes(table.TableName)) continue;
    const { GlobalSecondaryIndexes, StreamSpecification, TimeToLiveSpecification } = table;
    const command = new CreateTableCommand({
      TableName: table.TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: table.AttributeDefinitions,
      KeySchema: table.KeySchema,
      ...(GlobalSecondaryIndexes === undefined ? {} : { GlobalSecondaryIndexes }),
      ...(StreamSpecification === undefined ? {} : { StreamSpecification: { StreamEnabled: true, ...StreamSpecification } }),
    });
    await client.send(command).catch((error: unknown) => {
      if (!(error instanceof ResourceInUseException)) throw error;
    });
    if (TimeToLiveSpecification === undefined) continue;
    await client.send(new UpdateTimeToLiveCommand({ TableName: table.TableName, TimeToLiveSpecification }));
  }
}
