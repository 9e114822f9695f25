/** A measured latency: pairs of a share of all cases and the milliseconds within which these were done. */
type Measured = readonly (readonly [share: number, ms: number])[];

/**
 * What others have measured on AWS (eu-west-1, September 2022, EventBridge after February 2023, 1,024 messages each:
 * https://bitesizedserverless.com/bite/serverless-messaging-latency-compared): time from sending until the function begins. The ends
 * of each are not published: the lowest is taken as half the lowest known, the highest as the 99th percentile and a quarter.
 */
const published = {
  stream: [
    [0, 59],
    [0.1, 118],
    [0.5, 213],
    [0.9, 341],
    [0.99, 552],
    [1, 690],
  ],
  sqs: [
    [0, 8],
    [0.5, 16],
    [0.9, 34],
    [0.99, 105],
    [1, 131],
  ],
  eventBridge: [
    [0, 74],
    [0.5, 148],
    [0.9, 241],
    [0.99, 387],
    [1, 484],
  ],
} as const satisfies Record<string, Measured>;

export type Delays = { readonly [Service in keyof typeof published]: () => number };

/** Milliseconds to add at each service, drawn anew for each record, message or entry. */
export function publishedDelays(random: () => number): Delays {
  return {
    stream: () => drawn(published.stream, random()),
    sqs: () => drawn(published.sqs, random()),
    eventBridge: () => drawn(published.eventBridge, random()),
  };
}

export const noDelays: Delays = { stream: () => 0, sqs: () => 0, eventBridge: () => 0 };

/** The latency at a share of all cases, straight lines between the points known. */
export function drawn(measured: Measured, share: number): number {
  let [lowShare, lowMs] = measured[0] ?? [0, 0];
  for (const [highShare, highMs] of measured) {
    if (share <= highShare)
      return highShare === lowShare ? highMs : lowMs + ((highMs - lowMs) * (share - lowShare)) / (highShare - lowShare);
    [lowShare, lowMs] = [highShare, highMs];
  }
  return lowMs;
}
