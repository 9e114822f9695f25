/** A stretch of time, `from` inclusive and `until` exclusive, in which the wall clock is `offsetMs` ahead of UTC. */
export type Period = { readonly from: number; readonly until: number; readonly offsetMs: number };

/**
 * What the wall clocks of a zone show. Instants are epoch milliseconds; a wall time is written as the milliseconds that would show the
 * same digits in UTC, so that calendar arithmetic needs no zone.
 */
export type Zone = {
  /** The stretch that holds an instant. Neighbours may have the same offset: stretches end with each year too. */
  periodAt(instant: number): Period;
};

const day = 86_400_000;
/** Clocks are looked at this often: no zone changes its offset twice within a few days (Morocco's Ramadan pause takes a month). */
const probeMs = 3 * day;
const chunkMs = 122 * probeMs;
/** Distinct zones, canonical names and links, are about 600; a cache that is full is emptied. */
const cachedZones = 1_000;
/** Chunks of a year: a schedule asks for the present, so few are held for each zone. */
const cachedChunks = 64;

const zones = new Map<string, Zone>();

/** The zone of that IANA name, from the platform's own data; null if there is none. Offsets such as `+02:00` are not zones. */
export function zoneNamed(name: string): Zone | null {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = load(name);
  if (zone === null) return null;
  if (zones.size >= cachedZones) zones.clear();
  zones.set(name, zone);
  return zone;
}

function load(name: string): Zone | null {
  if (!/^[A-Za-z]/.test(name)) return null;
  const format = formatIn(name);
  if (format === null) return null;
  if (format.resolvedOptions().timeZone === 'UTC') {
    const always = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, offsetMs: 0 };
    return { periodAt: () => always };
  }
  const chunks = new Map<number, readonly Period[]>();
  return {
    periodAt(instant) {
      const chunk = Math.floor(instant / chunkMs);
      let periods = chunks.get(chunk);
      if (periods === undefined) {
        periods = periodsOf(format, chunk);
        if (chunks.size >= cachedChunks) chunks.clear();
        chunks.set(chunk, periods);
      }
      const found = periods.find(({ until }) => instant < until);
      if (found === undefined) throw new RangeError(`no clock can show the instant ${instant}`);
      return found;
    },
  };
}

function formatIn(name: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return null;
  }
}

/** What the clock shows beyond UTC at an instant of whole seconds. */
function offsetAt(format: Intl.DateTimeFormat, instant: number): number {
  const shown: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) shown[type] = Number(value);
  const { year = 0, month = 1, day: date = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, date, hour, minute, second) - instant;
}

function periodsOf(format: Intl.DateTimeFormat, chunk: number): readonly Period[] {
  const [start, end] = [chunk * chunkMs, (chunk + 1) * chunkMs];
  const periods: Period[] = [];
  let from = start;
  let offsetMs = offsetAt(format, start);
  for (let probe = start + probeMs; probe <= end; probe += probeMs) {
    const later = offsetAt(format, probe);
    if (later === offsetMs) continue;
    const change = firstSecondWith(format, later, probe - probeMs, probe);
    periods.push({ from, until: change, offsetMs });
    from = change;
    offsetMs = later;
  }
  periods.push({ from, until: end, offsetMs });
  return periods;
}

/** The first second in (before, at] at which the clock has the offset that it has at `at`, given that it changes once in between. */
function firstSecondWith(format: Intl.DateTimeFormat, offsetMs: number, before: number, at: number): number {
  let [low, high] = [before / 1_000, at / 1_000];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(format, middle * 1_000) === offsetMs) high = middle;
    else low = middle;
  }
  return high * 1_000;
}
