import { type Latencies, measureLatencies, percentile, type Samples } from './aws-latency-run.ts';
import { table } from './processes.ts';

/**
 * Hops and lateness of tasks on the AWS host of this machine, with the delays that others measured on AWS (test/aws-host/delays.ts).
 * Not in it: cold starts, API Gateway, the network, and pollers that have to scale.
 *
 *   node bench/aws-latency.ts [TASKS_OF_EACH_KIND [PER_SECOND]]
 */
const tasks = Number(process.argv[2] ?? 300);
const perSecond = Number(process.argv[3] ?? 5);
if (!Number.isInteger(tasks) || tasks < 10 || tasks > 10_000 || !(perSecond >= 1) || perSecond > 200) {
  console.error('usage: node bench/aws-latency.ts [TASKS_OF_EACH_KIND (10 to 10,000) [PER_SECOND (1 to 200)]]');
  process.exit(2);
}

const names: Readonly<Record<keyof Latencies['immediate'], string>> = {
  accepted: 'POST to its answer',
  started: 'command to attempt (stream, queue)',
  called: 'attempt to target called',
  recorded: 'target called to outcome recorded',
  told: 'outcome to callback (stream, bus, queue)',
  whole: 'answer to target called',
};
const row = (name: string, samples: Samples): string[] => [
  name,
  ...[0, 0.5, 0.9, 0.99, 1].map((share) => percentile(samples, share).toFixed(0)),
];

const { immediate, delayed } = await measureLatencies({ immediate: tasks, delayed: tasks, perSecond });
console.log(`${tasks} immediate tasks with a callback, and ${tasks} due within 12 s; ${perSecond} of each a second; milliseconds\n`);
console.log(
  table([
    ['', 'least', 'p50', 'p90', 'p99', 'most'],
    ...(Object.keys(names) as (keyof typeof names)[]).map((hop) => row(names[hop], immediate[hop])),
    row('delayed: due to target called', delayed),
  ]),
);
console.log('\ntargets: answer to target called p50 <= 500; delayed p99 <= 1,500, and none below 0');
