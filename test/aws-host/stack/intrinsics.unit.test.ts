import { describe, expect, test } from 'vitest';
import { identifyWith } from './identities.ts';
import { createResolver, type Template } from './intrinsics.ts';

const template: Template = {
  Parameters: { Name: { Default: 'parameter' }, Nothing: {} },
  Mappings: { Sizes: { small: { memory: 128 } } },
  Conditions: {
    IsParameter: { 'Fn::Equals': [{ Ref: 'Name' }, 'parameter'] },
    IsNot: { 'Fn::Not': [{ Condition: 'IsParameter' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsNot' }, { Condition: 'IsParameter' }] },
    Both: { 'Fn::And': [{ Condition: 'IsNot' }, { Condition: 'IsParameter' }] },
  },
  Resources: {
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: { 'Fn::Join': ['-', ['errand', { Ref: 'Name' }]] } } },
    Queue: { Type: 'AWS::SQS::Queue', Properties: {} },
  },
};
const resolve = createResolver(
  template,
  identifyWith((name) => `http://queues/${name}`),
);

describe('a value of a template', () => {
  test.each([
    [{ Ref: 'Name' }, 'parameter'],
    [{ Ref: 'AWS::Region' }, 'eu-west-1'],
    [{ Ref: 'Bus' }, 'errand-parameter'],
    [{ Ref: 'Queue' }, 'http://queues/errand-local-Queue'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:eu-west-1:000000000000:errand-local-Queue'],
    [{ 'Fn::GetAtt': 'Bus.Arn' }, 'arn:aws:events:eu-west-1:000000000000:event-bus/errand-parameter'],
    [{ 'Fn::Sub': `\${Name} \${!Literal} \${Bus.Name} \${AWS::Partition}` }, `parameter \${Literal} errand-parameter aws`],
    [{ 'Fn::Sub': [`\${own}-\${Name}`, { own: { Ref: 'Bus' } }] }, 'errand-parameter-parameter'],
    [{ 'Fn::Select': ['1', { 'Fn::Split': [',', 'a,b'] }] }, 'b'],
    [{ 'Fn::FindInMap': ['Sizes', 'small', 'memory'] }, 128],
    [{ 'Fn::If': ['IsParameter', 1, 2] }, 1],
    [{ 'Fn::If': ['IsNot', 1, 2] }, 2],
    [{ 'Fn::If': ['Either', 1, 2] }, 1],
    [{ 'Fn::If': ['Both', 1, 2] }, 2],
    [{ a: { 'Fn::If': ['IsNot', 1, { Ref: 'AWS::NoValue' }] }, b: [{ Ref: 'AWS::NoValue' }, 1] }, { b: [1] }],
  ])('is worked out: %j', (value, expected) => {
    expect(resolve(value)).toEqual(expected);
  });

  test.each([
    { Ref: 'Unknown' },
    { Ref: 'Nothing' },
    { 'Fn::GetAtt': ['Queue', 'Unknown'] },
    { 'Fn::Cidr': ['10.0.0.0/8', 1] },
    { 'Fn::If': ['Unknown', 1, 2] },
  ])('is refused rather than guessed: %j', (value) => {
    expect(() => resolve(value)).toThrow();
  });
});
