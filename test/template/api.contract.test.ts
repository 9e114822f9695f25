import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { at, damaged, referred, resourcesOf } from './template.ts';

const template = await packagedTemplate();
const withTokens = await packagedTemplate({ auth: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'errand' });

type Route = { readonly api: string | null; readonly key: string; readonly function: string | null; readonly authorizer: string | null };

function routesOf(of: Template): readonly Route[] {
  return resourcesOf(of, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
    const target = /\{"Ref":"(\w+)"\}|\$\{(\w+)\}/.exec(JSON.stringify(at(Properties, 'Target'))) ?? [];
    const integration = of.Resources[target[1] ?? target[2] ?? ''];
    return {
      api: referred(at(Properties, 'ApiId')),
      key: String(at(Properties, 'RouteKey')),
      function: referred(at(integration, 'Properties', 'IntegrationUri')),
      authorizer: at(Properties, 'AuthorizationType') === 'JWT' ? referred(at(Properties, 'AuthorizerId')) : null,
    };
  });
}

/** What access logs may hold: nothing of a path, which may contain a token, nor of a query or a header. */
const logged = new Set([
  'requestId',
  'requestTimeEpoch',
  'identity.sourceIp',
  'routeKey',
  'status',
  'responseLatency',
  'responseLength',
  'error.message',
  'integrationErrorMessage',
  'authorizer.error',
]);

/** What is wrong with the stages: what they write down, and how much they let in. */
function stageFaults(of: Template): readonly string[] {
  return resourcesOf(of, 'AWS::ApiGatewayV2::Stage').flatMap(([id, { Properties }]) => {
    const format = String(at(Properties, 'AccessLogSettings', 'Format'));
    const variables = [...format.matchAll(/\$context\.([\w.]+)/g)].map(([, name = '']) => name);
    return [
      ...variables.filter((name) => !logged.has(name)).map((name) => `${id} logs ${name}`),
      ...(variables.includes('status') ? [] : [`${id} has no access log`]),
      ...(Number(at(Properties, 'DefaultRouteSettings', 'ThrottlingRateLimit')) > 0 ? [] : [`${id} lets in any rate`]),
      ...(Number(at(Properties, 'DefaultRouteSettings', 'ThrottlingBurstLimit')) > 0 ? [] : [`${id} lets in any burst`]),
    ];
  });
}

const changing = ['/tasks', '/schedules', '/orchestrations'];
const commands = ['POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
  changing.flatMap((path) => [`${method} ${path}`, `${method} ${path}/{proxy+}`]),
);
const open = ['ANY /health', 'ANY /openapi.json', 'ANY /docs'];

describe('the API', () => {
  test('brings what changes tasks to one function, and everything else to another', () => {
    const expected = [
      ...commands.map((key) => [key, 'CommandsLambdaFunction']),
      ...[...open, '$default'].map((key) => [key, 'QueriesLambdaFunction']),
    ];
    expect(
      routesOf(template)
        .map((route) => [route.key, route.function])
        .sort(),
    ).toEqual(expected.sort());
  });
  test('leaves the keys to the functions', () => {
    expect(routesOf(template).filter(({ authorizer }) => authorizer !== null)).toEqual([]);
    expect(resourcesOf(template, 'AWS::ApiGatewayV2::Api').map(([id]) => id)).toEqual(['HttpApi']);
    for (const id of ['CommandsLambdaFunction', 'QueriesLambdaFunction']) {
      expect(at(template.Resources[id], 'Properties', 'Environment', 'Variables', 'ERRAND_AUTH')).toBe('api-keys');
    }
  });
  test('hands events over in the form that the handlers read', () => {
    for (const of of [template, withTokens]) {
      for (const [, { Properties }] of resourcesOf(of, 'AWS::ApiGatewayV2::Integration'))
        expect(at(Properties, 'PayloadFormatVersion')).toBe('2.0');
    }
  });
  test.each([template, withTokens])('writes down no token, and lets in what the functions can take', (of) => {
    expect(stageFaults(of)).toEqual([]);
  });
  test.each([
    ['a path', ['AccessLogSettings', 'Format'], '{"path":"$context.path","status":"$context.status"}'],
    ['a header', ['AccessLogSettings', 'Format'], '{"who":"$context.authorizer.claims.sub","status":"$context.status"}'],
    ['no log', ['AccessLogSettings'], undefined],
    ['no limit', ['DefaultRouteSettings'], undefined],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(stageFaults(damaged(template, ['Resources', 'HttpApiStage', 'Properties', ...steps], value))).not.toEqual([]);
  });
});

describe('the API with a JWT authorizer', () => {
  const routes = routesOf(withTokens);

  test('asks for a token everywhere but for what is open to everybody', () => {
    const main = routes.filter(({ api }) => api === 'HttpApi');
    expect(
      main
        .filter(({ authorizer }) => authorizer === null)
        .map(({ key }) => key)
        .sort(),
    ).toEqual([...open].sort());
    expect(new Set(main.map(({ authorizer }) => authorizer))).toEqual(new Set([null, 'HttpApiAuthorizerJwt']));
    expect(at(withTokens.Resources['HttpApiAuthorizerJwt'], 'Properties', 'JwtConfiguration')).toEqual({
      Audience: ['errand'],
      Issuer: 'https://issuer.example',
    });
  });
  test('lets asynchronous targets answer at an API of their own, which does nothing else', () => {
    expect(routes.filter(({ api }) => api !== 'HttpApi')).toEqual([
      { api: 'AnswersApi', key: 'POST /tasks/{proxy+}', function: 'CommandsLambdaFunction', authorizer: null },
    ]);
    for (const id of ['WakeLambdaFunction', 'WakeLongLambdaFunction']) {
      const url = at(withTokens.Resources[id], 'Properties', 'Environment', 'Variables', 'ERRAND_PUBLIC_URL');
      expect(JSON.stringify(url)).toContain('https://${AnswersApi}.execute-api.');
    }
  });
  test('has functions that let nobody in whom the authorizer did not', () => {
    for (const id of ['CommandsLambdaFunction', 'QueriesLambdaFunction']) {
      expect(at(withTokens.Resources[id], 'Properties', 'Environment', 'Variables', 'ERRAND_AUTH')).toBe('jwt');
    }
  });
  test('is refused without an issuer', async () => {
    await expect(packagedTemplate({ auth: 'jwt' })).rejects.toThrow('issuerUrl');
  });
});
