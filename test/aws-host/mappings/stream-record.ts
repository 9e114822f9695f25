import type { _Record } from '@aws-sdk/client-dynamodb-streams';
import { region } from '../stack/intrinsics.ts';

/** A record of a stream as a function sees it (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html). */
export type StreamRecord = {
  readonly eventID: string | undefined;
  readonly eventName: string | undefined;
  readonly eventVersion: string;
  readonly eventSource: string;
  readonly awsRegion: string;
  readonly userIdentity?: unknown;
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly Keys: unknown;
    readonly NewImage?: unknown;
    readonly OldImage?: unknown;
    readonly SequenceNumber: string;
    readonly SizeBytes: number | undefined;
    readonly StreamViewType: string | undefined;
  };
  readonly eventSourceARN: string;
};

export function streamRecord(record: _Record, eventSourceARN: string, now: number): StreamRecord {
  const { dynamodb = {}, userIdentity } = record;
  const image = (name: 'NewImage' | 'OldImage') => (dynamodb[name] === undefined ? {} : { [name]: jsonImage(dynamodb[name]) });
  return {
    eventID: record.eventID,
    eventName: record.eventName,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: region,
    ...(userIdentity === undefined ? {} : { userIdentity: { type: userIdentity.Type, principalId: userIdentity.PrincipalId } }),
    dynamodb: {
      // Whole seconds since 1970, as DynamoDB gives them.
      ApproximateCreationDateTime: Math.floor((dynamodb.ApproximateCreationDateTime?.getTime() ?? now) / 1_000),
      Keys: jsonImage(dynamodb.Keys),
      ...image('NewImage'),
      ...image('OldImage'),
      SequenceNumber: dynamodb.SequenceNumber ?? '',
      SizeBytes: dynamodb.SizeBytes,
      StreamViewType: dynamodb.StreamViewType,
    },
    eventSourceARN,
  };
}

/** Lambda writes bytes in base64. */
function jsonImage(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(jsonImage);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonImage(item)]));
}
