import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { EgressRefused, guardedLookup, isEgressRefused } from '../../../src/adapters/http/egress-guard.ts';
import { isPublicAddress, refusedLiteral } from '../../../src/adapters/http/public-address.ts';

describe('a public address', () => {
  test.each(['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.15.255.255', '172.32.0.1', '100.63.255.255', '223.255.255.255', '192.0.1.1'])(
    'is %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
  test.each(['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450:4001:81b::200e', '2400:cb00:2048:1::c629:d7a2'])(
    'is %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    ['127.0.0.1', 'loopback'],
    ['0.0.0.0', 'this network'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.100.100.200', 'shared space, and metadata of Alibaba'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata of ECS'],
    ['168.63.129.16', 'metadata of Azure'],
    ['192.0.0.192', 'metadata of Oracle'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', '6to4 relay'],
    ['198.18.0.1', 'benchmarks'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'IPv4-compatible'],
    ['::8.8.8.8', 'IPv4-compatible'],
    ['::ffff:8.8.8.8', 'IPv4-mapped'],
    ['::ffff:0:8.8.8.8', 'IPv4-translated'],
    ['64:ff9b::8.8.8.8', 'NAT64'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['100::1', 'discard'],
    ['2001::1', 'Teredo'],
    ['2001:2::1', 'benchmarks'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['2002:808:808::1', '6to4'],
    ['3ffe::1', '6bone'],
    ['2606:4700::5efe:7f00:1', 'ISATAP'],
    ['2606:4700::200:5efe:7f00:1', 'ISATAP'],
    ['4000::1', 'not assigned'],
    ['5f00::1', 'segment routing'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata'],
    ['fe80::1', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['2606:4700::1%eth0', 'with a zone'],
    ['fe80::1%1', 'with a zone'],
  ])('is not %s (%s)', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each([
    '',
    ' ',
    '8.8.8',
    '8.8.8.8.8',
    '08.8.8.8',
    '0x8.8.8.8',
    '134744072',
    '8.8.8.8 ',
    '[2606:4700::1]',
    'example.org',
    '8.8.8.8:80',
    '::g',
  ])('is not "%s", which is no address', (text) => expect(isPublicAddress(text)).toBe(false));
});

describe('a literal host that may be refused before anything is stored', () => {
  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://127.0.0.1../',
    'http://１２７.０.０.１/',
    'http://⑫⑦.0.0.1/',
    'http://127。0。0。1/',
    'http://%31%32%37.0.0.1/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:8.8.8.8]/',
    'http://[::1]:8080/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[fe80::1]/',
    'http://0/',
    'http://localhost/',
    'http://LOCALHOST:3000/',
    'http://localhost./',
    'http://api.localhost/',
    'http://user@localhost/',
  ])('is that of %s', (url) => expect(refusedLiteral(new URL(url))).toBe(true));

  test.each([
    'https://example.org/',
    'http://8.8.8.8/',
    'http://134744072/',
    'http://[2606:4700:4700::1111]/',
    'http://localhost.example.org/',
    'http://notlocalhost/',
  ])('is not that of %s', (url) => expect(refusedLiteral(new URL(url))).toBe(false));
});

describe('a guarded lookup', () => {
  const answering =
    (...found: readonly LookupAddress[]): LookupFunction =>
    (_hostname, options, callback) => {
      if (options.all) callback(null, [...found]);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    };
  const ask = (lookup: LookupFunction, all: boolean): Promise<unknown> =>
    new Promise((resolve, reject) => {
      guardedLookup(lookup, isPublicAddress)('name.test', { all }, (error, address, family) => {
        if (error) reject(error);
        else resolve(all ? address : [address, family]);
      });
    });
  const good = { address: '8.8.8.8', family: 4 };
  const bad = { address: '10.0.0.1', family: 4 };
  const mapped = { address: '::ffff:10.0.0.1', family: 6 };

  test('gives only the allowed addresses of several', async () => {
    expect(await ask(answering(bad, good, mapped), true)).toEqual([good]);
    expect(await ask(answering(bad, good, mapped), false)).toEqual(['8.8.8.8', 4]);
  });

  test('refuses a name none of whose addresses is allowed', async () => {
    for (const all of [true, false]) {
      await expect(ask(answering(bad, mapped), all)).rejects.toThrow(EgressRefused);
      await expect(ask(answering(), all)).rejects.toThrow(EgressRefused);
    }
  });

  test('judges the one address of a resolver that gives only one', async () => {
    const single =
      (address: string): LookupFunction =>
      (_hostname, _options, callback) =>
        callback(null, address, 4);
    await expect(ask(single('10.0.0.1'), true)).rejects.toThrow(EgressRefused);
    expect(await ask(single('8.8.8.8'), true)).toEqual([good]);
  });

  test('passes on the error of the resolver', async () => {
    const failing: LookupFunction = (_hostname, _options, callback) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '');
    await expect(ask(failing, true)).rejects.toThrow('no such name');
  });
});

test('a refusal is recognised inside the errors that wrap it, and nowhere else', () => {
  const refused = new EgressRefused('10.0.0.1');
  expect(isEgressRefused(refused)).toBe(true);
  expect(isEgressRefused(new Error('outer', { cause: new Error('inner', { cause: refused }) }))).toBe(true);
  expect(isEgressRefused(new AggregateError([new Error('other'), refused]))).toBe(true);
  expect(isEgressRefused(new Error('other'))).toBe(false);
  expect(isEgressRefused('refused')).toBe(false);
});
