import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDeadLetters, type DeadLetter } from '../../../src/adapters/aws/dead-letters.ts';
import { type Fault, type FaultyService, startFaultyService } from '../../support/faulty-service.ts';
import { localAccess } from '../../support/local-access.ts';
import { type Queues, startQueues } from '../../support/queues.ts';

const letter: DeadLetter = { body: '{"id":"event-1"}', status: 400, field: 'detail.request.url', detail: 'detail.request.url is required' };

describe('dead letters on SQS', () => {
  let queues: Queues;
  let service: FaultyService;
  let queueUrl: string;
  let faults: Fault[];

  beforeEach(async () => {
    faults = [];
    queues = await startQueues();
    service = await startFaultyService(queues.endpoint, () => faults.shift() ?? 'none');
    queueUrl = await queues.create();
  });
  afterEach(() => service.close());

  const send = (given: DeadLetter): Promise<void> =>
    createDeadLetters({
      client: new SQSClient({ ...localAccess, endpoint: service.endpoint }),
      queueUrl: queueUrl.replace(queues.endpoint, service.endpoint),
      sleep: async () => undefined,
      random: () => 0.5,
    }).send(given);
  const received = async () => {
    const { Messages = [] } = await queues.client.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0, MessageAttributeNames: ['All'] }),
    );
    return Messages.map(({ Body, MessageAttributes = {} }) => ({
      body: Body,
      ...Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue])),
    }));
  };

  test('are what came, with the reason beside it', async () => {
    await send(letter);

    expect(await received()).toEqual([{ body: letter.body, ERROR_CODE: '400', ERROR_FIELD: letter.field, ERROR_MESSAGE: letter.detail }]);
  });

  test('have no field where all of it is wrong', async () => {
    await send({ ...letter, field: '' });

    expect(await received()).toEqual([{ body: letter.body, ERROR_CODE: '400', ERROR_MESSAGE: letter.detail }]);
  });

  test('carry a reason that SQS can carry, whatever is in it', async () => {
    await send({ ...letter, field: 'detail["\uffff\u0000🙂é"]', detail: `${'x'.repeat(5_000)} is not known` });

    expect(await received()).toEqual([
      { body: letter.body, ERROR_CODE: '400', ERROR_FIELD: 'detail["?????"]', ERROR_MESSAGE: 'x'.repeat(1_000) },
    ]);
  });

  test('are sent again while SQS is too busy, and the answer to who sends them waits for it', async () => {
    faults = ['throttled', 'unavailable', 'not sent'];

    await send(letter);

    expect(service.asked).toHaveLength(4);
    expect(await received()).toHaveLength(1);
  });

  test.each([
    ['SQS refuses the message', { refused: [0], code: 'InvalidMessageContents', senderFault: true }],
    ['the queue may not be used', 'forbidden'],
  ] satisfies [string, Fault][])('are told as not sent if %s', async (_what, fault) => {
    faults = [fault];

    await expect(send(letter)).rejects.toThrow();

    expect(await received()).toEqual([]);
  });
});
