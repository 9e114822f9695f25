import { describe, expect, it } from 'vitest';
import { callbackDelaysMs, limits } from '../../src/domain/limits.ts';
import { checkTaskId } from '../../src/domain/orchestration/child-ids.ts';
import { childId } from '../../src/domain/schedule/state.ts';

describe('limits', () => {
  it('are, where clients and operators count on them, what is documented', () => {
    expect(limits).toMatchObject({
      requestBytes: 4_194_304,
      answerBytes: 4_194_304,
      bodyBytes: 262_144,
      resultBytes: 262_144,
      inlineBodyBytes: 8_192,
      cachedBodyBytes: 2_048,
      cachedHeaderCharacters: 4_096,
      publishedBodyBytes: 4_096,
      headerBytes: 32_768,
      resultHeaderBytes: 8_192,
      errorMessageBytes: 8_192,
      definitionBytes: 262_144,
      childHealMs: 60_000,
      attemptTimeoutMaxMs: 840_000,
      completeWithinMaxMs: 2_592_000_000,
      scheduleAheadMs: 315_619_200_000,
      retryDelayMaxMs: 2_592_000_000,
      retryAfterMaxMs: 86_400_000,
      startBeforeMaxMs: 315_619_200_000,
      startWindowMs: 5_000,
      leaseMarginMs: 15_000,
      clockSkewMs: 5_000,
      wakeEarlyMs: 1_000,
      sweepHorizonMs: 600_000,
      lateWakeMs: 60_000,
      callbackTimeoutMs: 30_000,
      callbackHealMs: 60_000,
      shortLaneTimeoutMs: 30_000,
      scheduleIntervalMinMs: 1_000,
      scheduleIntervalMaxMs: 315_619_200_000,
      scheduleJitterMaxMs: 86_400_000,
      catchUpWithinMaxMs: 315_619_200_000,
      misfireAfterMs: 5_000,
    });
    expect(callbackDelaysMs).toEqual([1_000, 4_000, 15_000, 60_000, 240_000, 900_000, 3_600_000]);
  });

  it('stay within those of AWS', () => {
    const lambdaMs = 900_000;
    const sqsDelayMs = 900_000;
    const dynamoDbItemBytes = 409_600;
    expect(limits.startWindowMs + limits.attemptTimeoutMaxMs + limits.leaseMarginMs).toBeLessThan(lambdaMs);
    expect(limits.wakeHorizonMs).toBe(sqsDelayMs);
    expect(limits.sweepHorizonMs).toBeLessThan(limits.wakeHorizonMs);
    for (const bytes of [limits.bodyBytes, limits.resultBytes, limits.definitionBytes]) {
      expect(bytes + limits.headerBytes + limits.inlineBodyBytes).toBeLessThan(dynamoDbItemBytes);
    }
    expect(limits.answerBytes).toBeLessThan(6_000_000);
  });

  it('leave room in the id of a task for what tells the children of a parent apart', () => {
    expect(
      checkTaskId('a'.repeat(limits.parentIdLength), limits.stepsPerOrchestration, limits.checkRetries + 1).length,
    ).toBeLessThanOrEqual(limits.taskIdLength);
    expect(childId('a'.repeat(limits.parentIdLength), limits.maxOccurrencesMax).length).toBeLessThanOrEqual(limits.taskIdLength);
  });
});
