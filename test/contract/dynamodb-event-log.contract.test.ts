import { describe } from 'vitest';
import { createLogTables, isDynoxideInstalled, logOn, startDynoxide } from '../support/dynoxide.ts';
import { eventLogContract } from './event-log.contract.ts';

describe.skipIf(!isDynoxideInstalled())('with the embedded engine', () => {
  eventLogContract('on DynamoDB', async () => {
    const engine = await startDynoxide();
    return { log: logOn(engine.client, await createLogTables(engine)), close: () => undefined };
  });
});
