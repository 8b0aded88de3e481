// The real, unmodified Claude Code over every provider's fake, one conversation for each: a prompt, a
// tool call, a prompt that the provider says is too long, in each of its ways to say so, and an abort.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { findClaudeCode } from '../support/claude-code.ts';
import { readLedger } from '../support/ledger-file.ts';
import { skipUnless } from '../support/needed.ts';
import { DIALECTS, MODEL, PROVIDERS, type Provider } from '../support/provider-dialects.ts';
import type { ProviderFake } from '../support/provider-fakes.ts';
import {
  AFTER_COMPACTION,
  AFTER_TOOL,
  SAID,
  SCENES,
  SUMMARY,
  TOOL_OUTPUT,
} from '../support/scripted-model.ts';
import { findTmux } from '../support/terminal.ts';
import { untilTrue } from '../support/until.ts';
import type { ClaudeCode } from './claude-code.ts';
import { openProviderWorld, type ProviderWorld } from './provider-world.ts';

const [client, tmux] = await Promise.all([findClaudeCode(), findTmux()]);
const skip = skipUnless(client);

const ABORT_MS_MAX = 1_000;
const SCREEN_DEADLINE_MS = 20_000;
const MAY_ECHO = ['--allowedTools', 'Bash(echo:*)'];
/** Where a provider has a name of its own for the model. */
const MODEL_IDS: Partial<Record<Provider, string>> = {
  bedrock: `us.anthropic.${MODEL}`,
  mantle: `anthropic.${MODEL}`,
};

const opened = new AsyncDisposableStack();
let world: ProviderWorld;

before(async () => {
  if (client.available) world = opened.use(await openProviderWorld(client.binary));
});
after(() => opened.disposeAsync());

for (const provider of PROVIDERS) {
  describe(`Claude Code over ${provider}`, { skip }, () => {
    let claude: ClaudeCode;
    let fake: ProviderFake;
    let conversation: readonly string[];
    before(async () => {
      fake = world.fake(provider);
      claude = opened.use(await world.signedIn(provider));
    });

    test('a prompt is answered and in the ledger', async () => {
      const answer = await claude.prompt(SCENES.talk);
      assert.deepEqual([answer.ok, answer.text], [true, SAID], answer.stderr);
      conversation = ['--resume', answer.sessionId ?? assert.fail('no session')];
      const event = await billed(provider, ({ outcome }) => outcome === 'complete');
      assert.deepEqual([event.provider, event.upstream], [provider, provider]);
      assert.deepEqual([event.usage.inputTokens, event.usage.outputTokens], [1000, 20]);
      assert.equal(event.requestedModel, MODEL);
      const { model, betas } = fake.asked[0] ?? assert.fail('it was not asked');
      assert.equal(model, MODEL_IDS[provider] ?? MODEL);
      assert.ok(betas.includes('claude-code-20250219'), `${betas}`);
    });

    test('a tool runs, and what came out of it reaches the model', async () => {
      const answer = await claude.prompt(SCENES.tool, { args: [...conversation, ...MAY_ECHO] });
      assert.deepEqual([answer.ok, answer.text], [true, AFTER_TOOL], answer.stderr);
      const messages = fake.asked.at(-1)?.prompt.messages ?? [];
      const results = messages.findLast(({ role }) => role === 'user')?.content as ToolResult[];
      const result = results.find(({ type }) => type === 'tool_result') ?? assert.fail('none');
      assert.deepEqual([result.tool_use_id, result.is_error], ['toolu_scripted_1', false]);
      assert.match(JSON.stringify(result.content), new RegExp(`"${TOOL_OUTPUT}`));
    });

    for (const way of Object.keys(DIALECTS[provider].tooLong)) {
      test(`${way} for a prompt too long makes it compact and go on`, async () => {
        fake.refuseAs(way);
        const before = fake.asked.length;
        const args = [...conversation, '--fork-session'];
        const answer = await claude.prompt(SCENES.overflow, { args });
        assert.deepEqual([answer.ok, answer.text], [true, AFTER_COMPACTION], answer.stderr);
        const asked = fake.asked.slice(before).map(({ prompt }) => prompt.messages);
        assert.equal(asked.length, 3, 'refused, summarised, asked anew');
        const [refused = [], summary = [], anew = []] = asked;
        assert.match(JSON.stringify(refused), new RegExp(SCENES.overflow));
        assert.match(JSON.stringify(summary), /detailed summary of/);
        assert.match(JSON.stringify(anew), new RegExp(`${SUMMARY}.*${SCENES.overflow}`));
        assert.ok(anew.length < refused.length);
      });
    }

    test('nobody asked the provider to count', () => {
      assert.deepEqual(fake.counted, []);
    });

    // It may come before the gateway has read how long the prompt was; that is counted then.
    test('an abort ends the answer at the provider, and what came is billed', async () => {
      const stalled = fake.stalled.has(1);
      const answering = claude.prompt(SCENES.stall, { interrupt: stalled });
      await stalled;
      await leftInTime(fake);
      assert.equal((await answering).ok, false);
      const { usage } = await billed(provider, ({ outcome }) => outcome === 'aborted');
      assert.ok(usage.inputTokens >= 1000, `${usage.inputTokens}`);
    });

    test('the provider would have taken every request', () => {
      assert.deepEqual(fake.faults, []);
    });
  });
}

test('Escape ends an answer of bedrock’s, and the session goes on', {
  skip: skipUnless(client, tmux),
}, async () => {
  const fake = world.fake('bedrock');
  await using claude = await world.signedIn('bedrock');
  await using terminal = await claude.interactive();
  await terminal.waitForScreen(/· Cloud gateway$/m, SCREEN_DEADLINE_MS);
  const say = async (text: string) => {
    await terminal.type(text);
    await terminal.waitForScreen(new RegExp(String.raw`❯\s${text}`), SCREEN_DEADLINE_MS);
    await terminal.press('Enter');
  };
  const answering = fake.stalled.has(fake.stalled.items.length + 1);
  await say(SCENES.stall);
  await answering;
  await terminal.waitForScreen(/esc to interrupt/, SCREEN_DEADLINE_MS);
  await terminal.press('Escape');
  await leftInTime(fake);
  await terminal.waitForScreen(/Interrupted/, SCREEN_DEADLINE_MS);
  await say(SCENES.talk);
  await terminal.waitForScreen(new RegExp(SAID), SCREEN_DEADLINE_MS);
  assert.deepEqual(fake.faults, []);
});

interface ToolResult {
  readonly type: string;
  readonly tool_use_id: string;
  readonly is_error: boolean;
  readonly content: unknown;
}

/** The last request that stalled is left at once. */
async function leftInTime({ stalled }: ProviderFake): Promise<void> {
  const late = pause(ABORT_MS_MAX, 'late', { ref: false });
  const left = stalled.items.at(-1)?.left ?? assert.fail('nothing was asked');
  assert.equal(await Promise.race([left, late]), undefined, `not within ${ABORT_MS_MAX} ms`);
}

function billed(sub: string, is: (event: UsageEvent) => boolean): Promise<UsageEvent> {
  return untilTrue(async () => {
    const events = readLedger(world.folder);
    return events.find((event) => event.sub === sub && is(event)) ?? null;
  });
}
