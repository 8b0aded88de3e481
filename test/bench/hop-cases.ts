// What is driven through a hop: sizes of what Claude Code sends, lengths of what a model answers, how
// many at once. The default is what fits into three minutes; `--all` is the whole grid.

export interface HopCase {
  readonly bodyBytes: number;
  readonly events: number;
  /** Between two events; 0: all of them at once. */
  readonly gapMs: number;
  readonly concurrency: number;
}

const KB = 1000;
export const USUAL_BODY = 87 * KB;
const BODIES = [4 * KB, USUAL_BODY, 800 * KB, 8000 * KB];
const CONCURRENCIES = [1, 16, 256];
const STREAMS: readonly [events: number, gapMs: number][] = [
  [40, 0],
  [40, 5],
  [2000, 0],
];

const of = (bodyBytes: number, events: number, gapMs: number, concurrency: number): HopCase => ({
  ...{ bodyBytes, events, gapMs, concurrency },
});

/** The first is the one that the figures of ARCHITECTURE.md and README.md are about. */
export const USUAL_CASES: readonly HopCase[] = [
  of(USUAL_BODY, 40, 0, 16),
  of(USUAL_BODY, 40, 0, 1),
  of(USUAL_BODY, 40, 5, 16),
  of(USUAL_BODY, 40, 5, 256),
  of(USUAL_BODY, 2000, 0, 16),
  of(4 * KB, 40, 0, 16),
  of(800 * KB, 40, 0, 16),
];

/**
 * 256 bodies of 8 MB at once would measure the memory of the machine. 2 000 events 5 ms apart take ten
 * seconds and show what 40 do.
 */
export const ALL_CASES: readonly HopCase[] = BODIES.flatMap((bodyBytes) =>
  STREAMS.flatMap(([events, gapMs]) =>
    CONCURRENCIES.filter((many) => bodyBytes * many <= 300_000 * KB).map((many) =>
      of(bodyBytes, events, gapMs, many),
    ),
  ),
);

export function nameOf({ bodyBytes, events, gapMs, concurrency }: HopCase): string {
  const body = bodyBytes < 1000 * KB ? `${bodyBytes / KB} KB` : `${bodyBytes / KB / 1000} MB`;
  const pace = gapMs === 0 ? 'at once' : `${gapMs} ms apart`;
  return `${body}, ${events} events ${pace}, ${concurrency} in flight`;
}

/** A whole stream must fit into a round. */
export function roundMs({ events, gapMs }: HopCase, usualMs: number): number {
  return Math.max(usualMs, events * gapMs * 2.5);
}

const HELP =
  'Performs exact string replacements in files. Read the file first, or the edit fails; it fails too ' +
  'where the text to replace is not unique in the file.\n\n- Keep the indentation as it stands behind ' +
  'the number of the line.\n- Give "old_string" enough of what surrounds it.\n';
const TOOL = {
  name: 'Edit',
  description: HELP.repeat(10),
  input_schema: {
    type: 'object',
    required: ['file_path', 'old_string', 'new_string'],
    properties: {
      file_path: { type: 'string', description: 'The absolute path to the file' },
      old_string: { type: 'string', description: 'The text to replace' },
      replace_all: { type: 'boolean', default: false },
    },
  },
};
const LINE =
  '12\t  const total = values.reduce(add, 0); // all of them, in the order of the file\n';
const TURN = {
  role: 'user',
  content: [
    { type: 'text', text: '<system-reminder>\nThe file "a/b.ts" was changed.\n</system-reminder>' },
    { type: 'tool_result', tool_use_id: 'toolu_01', content: LINE.repeat(8) },
  ],
};

/**
 * A body as Claude Code's are made: tools, then a conversation. Of 80 KB of version 2.1.330 (850 strings,
 * 880 escapes) twenty strings hold three quarters, and most of the others are names.
 */
export function requestBody(bytes: number): string {
  const head = { model: 'claude-opus-4-8', max_tokens: 32_000, stream: true };
  const some = (value: object, share: number) =>
    Array.from({ length: Math.floor((bytes * share) / JSON.stringify(value).length) }, () => value);
  const body = { ...head, tools: some(TOOL, 0.7), messages: some(TURN, 0.2) };
  const missing = bytes - JSON.stringify({ ...body, system: '' }).length;
  return JSON.stringify({ ...body, system: 'You are a coder. '.repeat(bytes).slice(0, missing) });
}
