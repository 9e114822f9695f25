/** The log could not take an append, for a reason outside the event: whether it was written is unknown, and nothing was acknowledged. */
export class LogUnavailable extends Error {
  override readonly name = 'LogUnavailable';
}
