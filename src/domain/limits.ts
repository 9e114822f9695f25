/**
 * Every bound of the system, in one place, with the reason beside the number.
 * Times are milliseconds, sizes are bytes, everything else is a count.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const KiB = 1_024;

export const limits = {
  /** An id is part of a DynamoDB key (1,024 bytes for a sort key) and of URLs; 200 leaves room for derived ids. */
  taskIdLength: 200,
  /** A request with a 256 KiB body in base64, with its JSON escapes, fits four times over. */
  requestBytes: 4 * KiB * KiB,
  /** A Lambda function answers 6 MB at most; what is left holds the largest single task. */
  answerBytes: 4 * KiB * KiB,
  /** Deeper than any payload seen in the field, far below what recursion over parsed JSON can stand. */
  jsonDepth: 100,
  /** Fits a DynamoDB item (400 KB) together with the event that names it. */
  bodyBytes: 256 * KiB,
  /** Response bodies are kept up to the size a request body may have, so that one run can feed the next. */
  resultBytes: 256 * KiB,
  /** Keeps an event item near the 1 KB write unit; larger bodies live in an item of their own. */
  inlineBodyBytes: 8 * KiB,
  /** Bodies up to this stay in memory beside a folded state, so that most attempts need no read; larger ones would crowd it out. */
  cachedBodyBytes: 2 * KiB,
  cachedHeaderCharacters: 4 * KiB,
  /** On the bus an entry is billed by 64 KB; a body beyond this is left out and read from the task instead. */
  publishedBodyBytes: 4 * KiB,
  /** What common servers accept as a request line. */
  urlLength: 2_048,
  /** What common servers accept as a header block. */
  headerCount: 50,
  headerBytes: 32 * KiB,
  /** The response headers that are kept; a header block may be larger than an event item should be. */
  resultHeaderBytes: 8 * KiB,
  labelCount: 16,
  labelKeyLength: 64,
  labelValueLength: 256,
  /** Error messages come from targets: they are evidence, not payload. */
  errorMessageBytes: 8 * KiB,
  cancelReasonLength: 1_024,
  runnerNameLength: 64,
  /** EventBridge refuses longer detail types. */
  detailTypeLength: 128,
  /** Who asks for a task by an event: longer than any name of a system. */
  eventSourceLength: 256,
  idempotencyKeyLength: 255,

  attemptsPerRun: 100,
  /** A task that continues every minute for a week stays below it; an endless loop does not. */
  runsPerTask: 10_000,
  /** Each change is an event that every fold has to read. */
  changesPerTask: 1_000,
  redeliveriesPerTask: 1_000,
  tasksPerBatch: 100,
  /** Kept and shown, not yet acted upon: any number that every client can hold. */
  priorityMagnitude: 2_147_483_647,

  stepNameLength: 200,
  /** As many as the source systems' users asked for, each with a check, stay a stream that is short to fold. */
  stepsPerOrchestration: 100,
  checkRetries: 100,
  /** As kept, with its bodies: fits a DynamoDB item (400 KB), like any other body. */
  definitionBytes: 256 * KiB,
  /** Each change is an event with a definition beside it. */
  changesPerOrchestration: 1_000,
  /** Characters. The child keeps its whole error; its parent's event stays near the 1 KB write unit. */
  childErrorLength: 500,
  /** `dispatch` tells a parent of its child at once; this look makes the child if it is missing and hears of an end that was lost. */
  childHealMs: minute,

  /** Shorter deadlines measure the network rather than the target. */
  attemptTimeoutMinMs: 100,
  /** A Lambda lives 15 minutes; the rest is for recording the outcome. */
  attemptTimeoutMaxMs: 14 * minute,
  completeWithinMinMs: 100,
  completeWithinMaxMs: 30 * day,
  scheduleAheadMs: 3_653 * day,
  retryDelayMaxMs: 30 * day,
  retryFactorMax: 10,
  /** A target may ask for a day of rest; more would be a way to lose the task. */
  retryAfterMaxMs: day,
  startBeforeMaxMs: 3_653 * day,

  /** From the append of TaskStarted to the first byte: past it the attempt makes no call, so a lease can be reasoned about. */
  startWindowMs: 5 * second,
  /** What recording an outcome may take after the attempt's own deadline. */
  leaseMarginMs: 15 * second,
  /** How far apart the clocks of two hosts may be. */
  clockSkewMs: 5 * second,
  /** A wake this early is waited out in place; an earlier one is sent again. */
  wakeEarlyMs: second,
  /** The longest delay a queue message can carry on AWS; what is due later is found in the due index. */
  wakeHorizonMs: 15 * minute,
  /** How far ahead the AWS host's sweep loads the due index: a row may show there minutes late and still be loaded in time. */
  sweepHorizonMs: 10 * minute,
  /** The event of a due row that is written this late may have been passed over by the sweep that loaded its time. */
  lateWakeMs: minute,
  callbackTimeoutMs: 30 * second,
  /** The bus makes the first try at once; the task's own wake only heals a lost one. */
  callbackHealMs: minute,
  /** Above it an attempt needs the lane whose workers may wait that long. */
  shortLaneTimeoutMs: 30 * second,

  /** Leaves room in a task's id for what tells the children apart: a number, a trigger, a step and its check (".100.check.101"). */
  parentIdLength: 180,
  /** A cron expression that lists every minute and second by number still fits. */
  cronLength: 512,
  /** Below it a task would take longer to record than to wait for the next. */
  scheduleIntervalMinMs: second,
  scheduleIntervalMaxMs: 3_653 * day,
  /** A start may lie far back, for its days and months; before zones had their data, clocks and calendars are guesses. */
  scheduleStartMinMs: 0,
  /** As wide as the widest window of a peer (EventBridge Scheduler: 1,440 minutes). */
  scheduleJitterMaxMs: day,
  maxOccurrencesMax: 1_000_000_000,
  catchUpWithinMaxMs: 3_653 * day,
  /** Later than that means that nothing could run; below it occurrences are a little late, one by one. */
  misfireAfterMs: 5 * second,
  /** Each one made up for is a task: more at once would be a storm upon its target. */
  catchUpOccurrences: 1_000,
  /** Each change is an event; a schedule lives for years, so the bound is only against a loop. */
  changesPerSchedule: 10_000,
  /** What a read shows of the past, and of the future: enough to see a pattern, few enough to be kept in every state. */
  lastRuns: 10,
  nextRuns: 10,

  /** A loader folds at most this many events on top of a stored state. */
  snapshotEvery: 32,
  /** Lost races re-read and decide again; more than this many in a row means something else is wrong. */
  conflictRetries: 10,

  listPage: 100,
  listPageDefault: 50,
  eventsPage: 1_000,
  eventsPageDefault: 100,
} as const;

/** Pauses between the tries of a callback: 8 tries within about 1 h 20 min. */
export const callbackDelaysMs: readonly number[] = [second, 4 * second, 15 * second, minute, 4 * minute, 15 * minute, hour];
export const callbackJitter = 0.2;
