/** When a schedule runs, as it was asked for. Intervals are elapsed milliseconds; days, weeks and months are those of the wall clock. */
export type RecurrenceRule =
  | { readonly kind: 'cron'; readonly expression: string }
  | { readonly kind: 'every'; readonly intervalMs: number }
  | { readonly kind: 'daily' | 'weekly' | 'monthly' };

/** The field of a request that such a rule is given in. */
export function fieldOf({ kind }: RecurrenceRule): 'cron' | 'every' | 'recurrence' {
  return kind === 'cron' || kind === 'every' ? kind : 'recurrence';
}

/**
 * A rule bound to its zone and to the moment it is counted from, which is also the earliest it can give: all that is needed to know
 * its times. `timezone` is an IANA name, times are epoch milliseconds, `endAt` is the last moment a time may fall on.
 */
export type Recurrence = {
  readonly rule: RecurrenceRule;
  readonly timezone: string;
  readonly anchorAt: number;
  readonly endAt: number | null;
};

/** Why a recurrence cannot be used: the field at fault and what to write instead. */
export type RecurrenceProblem = { readonly field: 'cron' | 'every' | 'timezone'; readonly message: string };

/** Where a rule made at `now` is counted from: `startAt` if one was given, else now, and for an interval one interval from now. */
export function anchorOf(rule: RecurrenceRule, startAt: number | null, now: number): number {
  return startAt ?? (rule.kind === 'every' ? now + rule.intervalMs : now);
}
