/**
 * What functions print goes to CloudWatch on AWS: here their log lines go to standard error, and the lines of metrics nowhere.
 * Standard output belongs to the ready line, and whoever waits for it may not read on.
 */
export function redirectFunctionOutput(): { print(line: string): void } {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((chunk: string | Uint8Array): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return isMetrics(text) || process.stderr.write(chunk);
  }) as typeof process.stdout.write;
  return { print: (line) => void write(`${line}\n`) };
}

/** The embedded metric format (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). */
function isMetrics(text: string): boolean {
  return text.startsWith('{"_aws":{');
}
