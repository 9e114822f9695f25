import type { Clock } from '../application/ports.ts';
import type { HttpResponse } from './http/http-types.ts';
import { problem } from './http/problem.ts';
import type { InvocationContext } from './lambda.ts';

/** What it takes to hand an answer over. */
const answerMs = 1_000;
const tooLate = problem(503, 'the services behind this one do not answer in time; nothing was acknowledged', { 'retry-after': '1' });

/**
 * An answer before Lambda ends the function: services that hang through every try take longer than it may, and a gateway then answers
 * 500, without a word on when to come again. What is under way goes on or not; as with every 503, it may have happened.
 */
export async function answeredInTime(clock: Clock, context: InvocationContext, answering: Promise<HttpResponse>): Promise<HttpResponse> {
  const answered = new AbortController();
  const late = clock.sleep(context.getRemainingTimeInMillis() - answerMs, answered.signal).then(() => tooLate);
  try {
    return await Promise.race([answering, late]);
  } finally {
    answered.abort();
  }
}
