import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { type RetryPorts, retrying } from './failures.ts';

export type ImportMarksOptions = RetryPorts & { readonly client: DynamoDBClient; readonly viewsTable: string };

const key = { pk: { S: 'import#unfinished' } };

/** Where an unfinished import is noted: in an item of the views, as the log takes nothing but events. */
export class DynamoImportMarks {
  readonly #options: ImportMarksOptions;

  constructor(options: ImportMarksOptions) {
    this.#options = options;
  }

  /** The text that was noted last; null if there is none. */
  async read(): Promise<string | null> {
    const { client, viewsTable: TableName } = this.#options;
    const command = new GetItemCommand({ TableName, Key: key, ConsistentRead: true });
    const { Item } = await retrying(this.#options, () => client.send(command));
    return Item?.['mark']?.S ?? null;
  }

  async write(mark: string): Promise<void> {
    const { client, viewsTable: TableName } = this.#options;
    await retrying(this.#options, () => client.send(new PutItemCommand({ TableName, Item: { ...key, mark: { S: mark } } })));
  }

  async clear(): Promise<void> {
    const { client, viewsTable: TableName } = this.#options;
    await retrying(this.#options, () => client.send(new DeleteItemCommand({ TableName, Key: key })));
  }
}
