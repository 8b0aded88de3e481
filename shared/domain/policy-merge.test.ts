import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from './canonical-json.ts';
import { mergeSettings } from './policy-merge.ts';

interface Row {
  readonly guarantee: string;
  readonly base: JsonObject;
  readonly over: JsonObject;
  readonly merged: JsonObject;
}

const rows: readonly Row[] = [
  {
    guarantee: 'lists that allow are replaced, lists that refuse are united base first',
    base: { permissions: { allow: ['Read'], deny: ['A', 'B'], ask: ['C'], defaultMode: 'plan' } },
    over: { permissions: { allow: ['Edit'], deny: ['B', 'D'], ask: ['E'] } },
    merged: {
      permissions: { allow: ['Edit'], deny: ['A', 'B', 'D'], ask: ['C', 'E'], defaultMode: 'plan' },
    },
  },
  {
    guarantee: 'availableModels, plugins, MCP and marketplace allow lists are replaced',
    base: { availableModels: ['a'], enabledPlugins: { p: true }, allowedMcpServers: [{ a: 1 }] },
    over: { availableModels: ['b'], enabledPlugins: { q: true }, allowedMcpServers: [{ b: 1 }] },
    merged: { availableModels: ['b'], enabledPlugins: { q: true }, allowedMcpServers: [{ b: 1 }] },
  },
  {
    guarantee: 'refusals of servers and marketplaces are united by value',
    base: { deniedMcpServers: [{ serverName: 'x', n: 1 }], blockedMarketplaces: [{ repo: 'a' }] },
    over: { deniedMcpServers: [{ n: 1, serverName: 'x' }], blockedMarketplaces: [{ repo: 'b' }] },
    merged: {
      deniedMcpServers: [{ serverName: 'x', n: 1 }],
      blockedMarketplaces: [{ repo: 'a' }, { repo: 'b' }],
    },
  },
  {
    guarantee: 'hooks are united per event',
    base: { hooks: { Stop: [{ c: 'base' }], Pre: [{ c: 'base' }] } },
    over: { hooks: { Pre: [{ c: 'role' }], Post: [{ c: 'role' }] } },
    merged: {
      hooks: { Stop: [{ c: 'base' }], Pre: [{ c: 'base' }, { c: 'role' }], Post: [{ c: 'role' }] },
    },
  },
  {
    guarantee: 'env and modelOverrides are merged one level deep',
    base: { env: { A: 'base', B: 'base' }, modelOverrides: { x: '1' } },
    over: { env: { B: 'role', C: 'role' }, modelOverrides: { y: '2' } },
    merged: { env: { A: 'base', B: 'role', C: 'role' }, modelOverrides: { x: '1', y: '2' } },
  },
  {
    guarantee: 'a role that only names domains keeps the base sandbox enabled',
    base: { sandbox: { enabled: true, network: { deniedDomains: ['evil.com'] } } },
    over: { sandbox: { network: { allowedDomains: ['role.com'], deniedDomains: ['bad.com'] } } },
    merged: {
      sandbox: {
        enabled: true,
        network: { deniedDomains: ['evil.com', 'bad.com'], allowedDomains: ['role.com'] },
      },
    },
  },
  {
    guarantee: 'a role cannot switch the base sandbox off or weaken it',
    base: { sandbox: { enabled: true, allowUnsandboxedCommands: false } },
    over: { sandbox: { enabled: false, allowUnsandboxedCommands: true, network: {} } },
    merged: { sandbox: { enabled: true, allowUnsandboxedCommands: false, network: {} } },
  },
  {
    guarantee: 'a role may switch the sandbox on and its escape off',
    base: { sandbox: { enabled: false, allowUnsandboxedCommands: true } },
    over: { sandbox: { enabled: true, allowUnsandboxedCommands: false } },
    merged: { sandbox: { enabled: true, allowUnsandboxedCommands: false } },
  },
  {
    guarantee: 'only what both sandboxes permit stays permitted, wildcards and folders understood',
    base: {
      sandbox: {
        network: { allowedDomains: ['*.example.com', 'base.com'] },
        filesystem: { allowWrite: ['/data', '/tmp'] },
      },
    },
    over: {
      sandbox: {
        network: { allowedDomains: ['api.example.com', 'role.com'] },
        filesystem: { allowWrite: ['/data/app', '/data/../etc'] },
      },
    },
    merged: {
      sandbox: {
        network: { allowedDomains: ['api.example.com'] },
        filesystem: { allowWrite: ['/data/app'] },
      },
    },
  },
];

for (const { guarantee, base, over, merged } of rows) {
  test(guarantee, () => assert.deepEqual(mergeSettings(base, over), merged));
}

test('a key named __proto__ is data, not a prototype', () => {
  const over = JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject;
  const merged = mergeSettings({ a: 1 }, over);
  assert.equal(Object.getPrototypeOf(merged), Object.prototype);
  assert.equal('polluted' in merged, false);
});

test('keys that every object has by birth are plain settings', () => {
  assert.deepEqual(mergeSettings({ constructor: 1, toString: 'a' }, { constructor: 2 }), {
    constructor: 2,
    toString: 'a',
  });
});
