/** One thing among those that a request asks for: a statement of a batch, a message, an entry of the bus; the whole of any other request. */
export type Part = {
  /** What it is about, the same however often it is sent: `task#a@1` for an event, a wake or a bus entry. */
  readonly key: string;
  /** The type of the event that a statement inserts. */
  readonly type?: string;
  /** How often the same was asked before. */
  readonly before: number;
};

/** A request of a client of the AWS SDK. */
export type Asked = {
  /** As in the API reference, `PutEvents`. */
  readonly operation: string;
  /** The name of the table, queue or bus. */
  readonly resource: string;
  readonly parts: readonly Part[];
};

/** What kinds of call a request is: an append of each type of event that it inserts, or an operation on a table, queue or bus. */
export function kindsOf({ operation, resource, parts }: Asked): readonly string[] {
  const types = parts.flatMap(({ type }) => (type === undefined ? [] : [type]));
  return types.length > 0 ? [...new Set(types)] : [`${operation} ${resource}`];
}

export type Input = Readonly<Record<string, unknown>>;

const list = (value: unknown): readonly Input[] => (Array.isArray(value) ? value : []);
const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | null | undefined)?.[name], value);
const text = (value: unknown): string => (value === undefined ? '' : String(value));

/** What the parts of a request lie in, for the operations that answer each on its own. */
export const listOf: Readonly<Record<string, string>> = {
  BatchExecuteStatement: 'Statements',
  SendMessageBatch: 'Entries',
  PutEvents: 'Entries',
};

/** Reads requests, and counts how often each of their parts came before. */
export function createReader(): (operation: string, input: Input) => Asked {
  const seen = new Map<string, number>();
  return (operation, input) => {
    const resource = resourceOf(operation, input);
    const parts = partsOf(operation, input).map((part) => {
      const counted = `${operation} ${resource} ${part.key}`;
      const before = seen.get(counted) ?? 0;
      seen.set(counted, before + 1);
      return { ...part, before };
    });
    return { operation, resource, parts };
  };
}

function partsOf(operation: string, input: Input): readonly Omit<Part, 'before'>[] {
  switch (operation) {
    case 'BatchExecuteStatement':
      return list(input['Statements']).map(({ Parameters }) => {
        const type = at(Parameters, 2, 'S');
        const key = `${text(at(Parameters, 0, 'S'))}@${text(at(Parameters, 1, 'N') ?? at(Parameters, 1, 'S'))}`;
        return typeof type === 'string' ? { key, type } : { key };
      });
    case 'SendMessageBatch':
      return list(input['Entries']).map(({ MessageBody }) => {
        const { stream, version } = JSON.parse(String(MessageBody)) as Input;
        return { key: `${text(stream)}@${text(version)}` };
      });
    case 'PutEvents':
      return list(input['Entries']).map(({ Detail }) => ({ key: text((JSON.parse(String(Detail)) as Input)['id']) }));
    case 'TransactWriteItems':
      return [{ key: `${text(at(input, 'TransactItems', 0, 'Put', 'Item', 'pk', 'S'))}` }];
    case 'Query':
      return [
        { key: text(at(input, 'ExpressionAttributeValues', ':stream', 'S') ?? at(input, 'ExpressionAttributeValues', ':shard', 'S')) },
      ];
    default:
      return [{ key: operation }];
  }
}

function resourceOf(operation: string, input: Input): string {
  if (operation === 'BatchExecuteStatement') return /"([^"]+)"/.exec(text(at(input, 'Statements', 0, 'Statement')))?.[1] ?? '';
  if (operation === 'TransactWriteItems') return text(at(input, 'TransactItems', 0, 'Put', 'TableName'));
  if (operation === 'PutEvents') return text(at(input, 'Entries', 0, 'EventBusName'));
  return text(input['TableName'] ?? text(input['QueueUrl']).split('/').at(-1));
}
