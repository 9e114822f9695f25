import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { startTarget, type Target } from '../e2e/harness/target.ts';
import { until } from '../e2e/harness/until.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { arnOf, at, damaged, listAt, resourcesOf, type Step } from '../template/template.ts';
import { isExempt, staleExemptions, unusedGrants } from './exemptions.ts';
import { type Grant, type RecordedCall, readPrivileges, refusedCalls } from './grants.ts';
import { type RecordedHost, startRecordedHost } from './recorded-host.ts';
import { ordinaryDays, rareDays } from './scenario.ts';

const settledWithinMs = 20_000;
const template = await packagedTemplate();
const privileges = readPrivileges(template);

const statements = (role: string): readonly Step[] => ['Resources', role, 'Properties', 'Policies', 0, 'PolicyDocument', 'Statement'];
const statement = (role: string, sid: string): readonly Step[] => {
  const place = listAt(template, ...statements(role)).findIndex((each) => at(each, 'Sid') === sid);
  return [...statements(role), place];
};

/** The template without one action or one resource of one statement: every way of taking one from any role. */
function everyRemoval(): readonly { readonly what: string; readonly without: Template }[] {
  return resourcesOf(template, 'AWS::IAM::Role').flatMap(([role]) =>
    listAt(template, ...statements(role)).flatMap((each, place) =>
      ['Action', 'Resource'].flatMap((key) => {
        const all = listAt(each, key);
        return all.map((one, index) => ({
          what: `${role} ${at(each, 'Sid')}: ${JSON.stringify(one)}`,
          without: damaged(template, [...statements(role), place, ...(all.length === 1 ? [] : [key, index])], undefined),
        }));
      }),
    ),
  );
}

/** The template with one more entry in a list of a statement. */
function withMore(role: string, sid: string, key: 'Action' | 'Resource', more: unknown): Template {
  const steps = [...statement(role, sid), key];
  return damaged(template, steps, [...listAt(template, ...steps), more]);
}

describe.skipIf(!isDynoxideInstalled())('what the functions ask of AWS, and what their roles allow', () => {
  let host: RecordedHost;
  let target: Target;
  let calls: readonly RecordedCall[] = [];

  beforeAll(async () => {
    [host, target] = await Promise.all([startRecordedHost(), startTarget()]);
    await ordinaryDays(host, target);
    await rareDays(host, target);
    // Messages and records are on their way still; what does not come is named by the tests below.
    await until('everything', () => (unusedGrants(privileges, host.calls()).length === 0 ? true : undefined), settledWithinMs).catch(
      () => undefined,
    );
    calls = host.calls();
  }, 60_000);
  afterAll(async () => {
    await target?.close();
    await host?.stop();
  });

  test('everything that is asked is allowed', () => {
    expect(new Set(calls.map((call) => call.function)).size).toBe(privileges.surroundings.size);
    expect(refusedCalls(privileges, calls)).toEqual([]);
  });
  test('everything that is allowed is asked, or is what AWS itself does under the role', () => {
    expect(unusedGrants(privileges, calls)).toEqual([]);
    expect(staleExemptions(privileges)).toEqual([]);
  });

  test('whichever permission is taken from whichever role, something that is asked is not allowed', () => {
    const keyOf = (grant: Grant): string => JSON.stringify(grant);
    let removals = 0;
    for (const { what, without } of everyRemoval()) {
      const less = readPrivileges(without);
      const left = new Set(less.grants.map(keyOf));
      const taken = privileges.grants.filter((grant) => !left.has(keyOf(grant)));
      expect(taken, what).not.toEqual([]);
      // What AWS itself needs is asserted of the template, as nothing here could miss it (test/template).
      if (taken.every((grant) => isExempt(privileges, grant))) continue;
      removals += 1;
      expect(refusedCalls(less, calls), what).not.toEqual([]);
    }
    expect(removals).toBeGreaterThan(40);
  });

  test.each([
    ['an action', withMore('CommandsRole', 'Append', 'Action', 'dynamodb:PutItem'), 2],
    ['the table of an index', withMore('SweepRole', 'QueryIndexes', 'Resource', arnOf('ViewsTable')), 1],
    ['a queue to send to', withMore('CallbackRole', 'ReadLog', 'Action', 'sqs:SendMessage'), 2],
    ['a queue to receive from', withMore('WakeRole', 'Consume', 'Resource', arnOf('RepairQueue')), 3],
    ['a secret', withMore('CallbackRole', 'ReadSecrets', 'Resource', { Ref: 'TokenKeys' }), 1],
    ['the log of another function', withMore('SweepRole', 'WriteLogs', 'Resource', arnOf('WakeLogGroup')), 2],
    ['a star for what is used', withMore('RepairRole', 'Publish', 'Action', 'events:*'), 1],
  ])('%s that is given to a role for nothing is told', (_what, given, unused) => {
    expect(unusedGrants(readPrivileges(given), calls)).toHaveLength(unused);
  });

  test('what cannot be judged is not guessed', () => {
    const conditional = damaged(template, [...statement('SweepRole', 'Marks'), 'Condition'], { Bool: { 'aws:SecureTransport': 'true' } });
    expect(() => readPrivileges(conditional)).toThrow('Marks');
    expect(() => readPrivileges(damaged(template, [...statement('SweepRole', 'Marks'), 'Effect'], 'Deny'))).toThrow('Marks');
  });
});
