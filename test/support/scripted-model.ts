// A model that does what a test's prompt asks for, so that one prompt plays out the same behind every
// provider: the last marker in the conversation says which of four scenes it is. It answers in
// Anthropic's events; how a provider wraps them is not its affair.

import { answerEvents, sseEvent } from './upstream.ts';

/** What a test's prompt has in it. */
export const SCENES = {
  /** Answers with `SAID`. */
  talk: 'scene: talk',
  /** Runs `echo` in a shell, and then says what came out. */
  tool: 'scene: tool',
  /** Starts to answer and does not go on. */
  stall: 'scene: stall',
  /** Is refused as too long until what came before is a summary. */
  overflow: 'scene: overflow',
} as const;

export const SAID = 'The scripted model says hello.';
export const TOOL_OUTPUT = 'output-of-the-tool';
export const AFTER_TOOL = 'The tool has run.';
export const SUMMARY = 'the-summary-of-the-scripted-model';
export const AFTER_COMPACTION = 'The conversation went on.';
export const TOO_LONG = 'prompt is too long: 201234 tokens > 200000 maximum';

/** As much of a Messages request as the script reads. */
export interface Prompt {
  readonly [member: string]: unknown;
  readonly model?: string;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export type Turn =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'events'; readonly events: readonly string[] }
  /** These events and then nothing. */
  | { readonly kind: 'stall'; readonly events: readonly string[] }
  | { readonly kind: 'too long' };

const ANY_SCENE = /scene: [a-z]+/g;
/** What the client asks in a terminal beside the conversation, with all of it quoted. */
const TITLE_WANTED = /Write the title in the predominant language/;
const SUMMARY_WANTED = /create a detailed summary of/;

export function nextTurn(prompt: Prompt): Turn {
  const conversation = JSON.stringify(prompt.messages);
  // A system message of the client's own may stand behind it.
  const last = JSON.stringify(prompt.messages.findLast(({ role }) => role === 'user'));
  if (TITLE_WANTED.test(last)) return says('A title');
  if (SUMMARY_WANTED.test(last)) return says(`<summary>${SUMMARY}</summary>`);
  switch (conversation.match(ANY_SCENE)?.at(-1)) {
    case SCENES.overflow:
      return conversation.includes(SUMMARY) ? says(AFTER_COMPACTION) : { kind: 'too long' };
    case SCENES.stall:
      return { kind: 'stall', events: answerEvents().slice(0, 4) };
    case SCENES.tool:
      return last.includes('"tool_result"') ? says(AFTER_TOOL) : { kind: 'events', events: echo() };
    default:
      return says(SAID);
  }
}

function says(text: string): Turn {
  return { kind: 'text', text };
}

function echo(): string[] {
  const [start = ''] = answerEvents();
  const input = JSON.stringify({ command: `echo ${TOOL_OUTPUT}`, description: 'Says a word' });
  const use = { type: 'tool_use', id: 'toolu_scripted_1', name: 'Bash', input: {} };
  const delta = (partial_json: string) =>
    sseEvent('content_block_delta', {
      index: 0,
      delta: { type: 'input_json_delta', partial_json },
    });
  return [
    start,
    sseEvent('content_block_start', { index: 0, content_block: use }),
    delta(input.slice(0, 12)),
    delta(input.slice(12)),
    sseEvent('content_block_stop', { index: 0 }),
    sseEvent('message_delta', {
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { output_tokens: 30 },
    }),
    sseEvent('message_stop', {}),
  ];
}
