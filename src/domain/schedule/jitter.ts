/**
 * A number from [0, 1) that depends on the schedule and the number of the occurrence alone, so that every host and every repetition
 * finds the same. 32-bit FNV-1a over the characters (isthe.com/chongo/tech/comp/fnv), then MurmurHash3's finalizer
 * (github.com/aappleby/smhasher), because FNV's last characters hardly reach the high bits and those are what a share is made of.
 */
export function jitterShare(scheduleId: string, occurrence: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${scheduleId}.${occurrence}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** One regular time, and when it fires: the same, or later by its jitter. Epoch milliseconds. */
export type NextTime = { readonly dueAt: number; readonly fireAt: number };

/**
 * The first of the upcoming times with its jitter. The jitter never reaches the time after it: otherwise a later occurrence could
 * be due before an earlier one, and a time that nobody missed would count as missed.
 */
export function firstOf(
  upcoming: readonly number[],
  of: { readonly scheduleId: string; readonly occurrence: number; readonly jitterMs: number },
): NextTime | null {
  const [dueAt, following] = upcoming;
  if (dueAt === undefined) return null;
  const widthMs = Math.min(of.jitterMs, following === undefined ? of.jitterMs : following - dueAt);
  return { dueAt, fireAt: dueAt + Math.floor(jitterShare(of.scheduleId, of.occurrence) * widthMs) };
}
