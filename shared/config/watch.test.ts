import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from './load.ts';
import { renderFaults } from './render-faults.ts';
import { watchConfig } from './watch.ts';

const yaml = (notice: string): string => `
listen: { host: 127.0.0.1 }
oidc: { issuer: https://idp.example.com, client_id: t, client_secret: s }
upstreams: [{ provider: anthropic, auth: { api_key: k } }]
login_notice: ${notice}
`;

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'tallygate-watch-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A watch whose reports can be awaited one by one. */
function open(t: TestContext, path: string) {
  const reports: string[] = [];
  let wake = (): void => {};
  const note = (report: string): void => {
    reports.push(report);
    wake();
  };
  const load = () => loadConfig({ path }, { env: {} });
  const first = load();
  const watch = watchConfig({
    path,
    load,
    ...(first.ok ? { sha256: first.sha256 } : {}),
    onChange: (config) => note(`valid ${config.login_notice}`),
    onFaults: (faults) => note(renderFaults(faults)),
    onBlind: (error) => note(`blind ${String(error)}`),
    quietMs: 20,
  });
  // Watching keeps no process alive; this test has to.
  const alive = setInterval(() => {}, 1000);
  t.after(async () => {
    clearInterval(alive);
    await watch[Symbol.asyncDispose]();
  });
  const next = async (): Promise<string> => {
    while (reports.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return reports.shift()!;
  };
  return { watch, next, reports };
}

test('a valid file takes effect when it is written', { timeout: 10_000 }, async (t) => {
  const path = join(directory(t), 'gateway.yaml');
  writeFileSync(path, yaml('one'));
  const { next } = open(t, path);
  for (const notice of ['two', 'three']) {
    writeFileSync(path, yaml(notice));
    assert.equal(await next(), `valid ${notice}`);
  }
});

test('an editor that renames a new file over the old one is seen', {
  timeout: 10_000,
}, async (t) => {
  const path = join(directory(t), 'gateway.yaml');
  writeFileSync(path, yaml('one'));
  const { next } = open(t, path);
  for (const notice of ['two', 'three']) {
    writeFileSync(`${path}.new`, yaml(notice));
    renameSync(`${path}.new`, path);
    assert.equal(await next(), `valid ${notice}`);
  }
});

test('a Kubernetes symlink swap is seen, twice in a row', { timeout: 10_000 }, async (t) => {
  const root = directory(t);
  const publish = (version: string): void => {
    mkdirSync(join(root, version));
    writeFileSync(join(root, version, 'gateway.yaml'), yaml(version));
    symlinkSync(version, join(root, '..data_tmp'));
    renameSync(join(root, '..data_tmp'), join(root, '..data'));
  };
  publish('v1');
  symlinkSync('..data/gateway.yaml', join(root, 'gateway.yaml'));
  const { next } = open(t, join(root, 'gateway.yaml'));
  for (const version of ['v2', 'v3']) {
    publish(version);
    assert.equal(await next(), `valid ${version}`);
  }
});

test('a file behind a link is seen where it really is', { timeout: 10_000 }, async (t) => {
  const target = join(directory(t), 'real.yaml');
  writeFileSync(target, yaml('one'));
  const path = join(directory(t), 'gateway.yaml');
  symlinkSync(target, path);
  const { next } = open(t, path);
  for (const notice of ['two', 'three']) {
    writeFileSync(target, yaml(notice));
    assert.equal(await next(), `valid ${notice}`);
  }
});

test('an invalid file reports its faults once and changes nothing', {
  timeout: 10_000,
}, async (t) => {
  const path = join(directory(t), 'gateway.yaml');
  writeFileSync(path, yaml('one'));
  const { next, reports } = open(t, path);
  writeFileSync(path, yaml('[]'));
  assert.match(await next(), /1 fault.*\n {2}login_notice: found an empty list/);
  writeFileSync(path, `${yaml('[]')}# touched\n`);
  writeFileSync(path, yaml('one'));
  assert.equal(await next(), 'valid one', 'the file of the start counts as news after a fault');
  assert.deepEqual(reports, []);
});

test('reload() looks at once and reports even what has not changed', async (t) => {
  const path = join(directory(t), 'gateway.yaml');
  writeFileSync(path, yaml('one'));
  const { watch, reports } = open(t, path);
  watch.reload();
  watch.reload();
  rmSync(path);
  watch.reload();
  assert.deepEqual(reports.slice(0, 2), ['valid one', 'valid one']);
  assert.match(reports[2] ?? '', /no file that can be read/);
});

test('after it is disposed nothing is watched', async (t) => {
  const path = join(directory(t), 'gateway.yaml');
  writeFileSync(path, yaml('one'));
  const { watch, reports } = open(t, path);
  writeFileSync(path, yaml('two'));
  await watch[Symbol.asyncDispose]();
  const other = open(t, path);
  writeFileSync(path, yaml('three'));
  assert.equal(await other.next(), 'valid three');
  assert.deepEqual(reports, []);
});
