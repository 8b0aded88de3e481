import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  IMAGE_TOKENS_MAX,
  type PromptReach,
  readReach,
  TOOLS_TOKENS_MAX,
  WEB_SEARCHES_MAX,
} from './prompt-reach.ts';

/** Splits into pieces of every size, and insists that they all give the same. */
function reachOf(value: unknown): PromptReach {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const whole = readReach([bytes]);
  for (let size = 1; size < bytes.length; size += 1) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    assert.deepEqual(readReach(pieces), whole, `in pieces of ${size}`);
  }
  return whole;
}

const said = (...content: unknown[]) => ({ messages: [{ role: 'user', content }] });
const from = (source: unknown, type = 'image') => said({ type, source });
const tools = (...list: unknown[]) => ({ tools: list, messages: [] });
const SEARCH = { type: 'web_search_20250305', name: 'web_search' };

describe('open-ended', () => {
  const open: Readonly<Record<string, unknown>> = {
    'a web search': tools(SEARCH),
    'a web fetch': tools({ type: 'web_fetch_20250910', name: 'web_fetch' }),
    'code execution': tools({ type: 'code_execution_20250825', name: 'code_execution' }),
    'a server tool of tomorrow': tools({ type: 'advisor_20270101', name: 'advisor' }),
    'a server tool behind one of the client': tools({ name: 'Bash' }, SEARCH),
    'an image by its address': from({ type: 'url', url: 'https://example.com/a.png' }),
    'an image by its file': from({ type: 'file', file_id: 'file_1' }),
    'an address without a type': from({ url: 'https://example.com/a.png' }),
    'a source of tomorrow': from({ type: 'bucket', name: 'x' }),
    'a document in pages': from(
      { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
      'document',
    ),
    'a source within a source': from({ type: 'content', content: [{ source: { type: 'url' } }] }),
    'an upload for the container': said({ type: 'container_upload', file_id: 'file_1' }),
    'a container': { container: 'container_1', messages: [] },
    'MCP servers': { mcp_servers: [{ type: 'url', url: 'https://example.com' }], messages: [] },
    'sealed results of an earlier search': said({
      type: 'web_search_tool_result',
      content: [{ type: 'web_search_result', encrypted_content: 'EqgfCioIARgBIiQ3' }],
    }),
    'an escaped key': '{"messages":[{"sourc\\u0065":{"\\u0074ype":"\\u0075rl"}}]}',
    'an escaped tool': '{"\\u0074ools":[{"type":"\\u0077eb_search_20250305"}]}',
    'spaces and line ends': '{ "tools" :\n[ { "type" :\t"web_fetch_1" } ] }',
    'a type given twice': '{"m":{"source":{"type":"url","type":"base64"}}}',
  };
  for (const [name, body] of Object.entries(open)) {
    test(name, () => assert.equal(reachOf(body).extraTokens, null));
  }
});

describe('bounded', () => {
  const schema = (properties: object) => ({ type: 'object', properties });
  const bounded: Readonly<Record<string, readonly [unknown, number]>> = {
    'plain text': [said({ type: 'text', text: 'hi' }), 0],
    'text about such requests': [
      said({ type: 'text', text: JSON.stringify(tools(SEARCH)) + JSON.stringify(from({})) }),
      0,
    ],
    'the input and the schema of a client’s tool': [
      {
        ...tools({ name: 'Fetch', input_schema: schema({ url: { type: 'string' } }) }),
        ...said({ type: 'tool_use', name: 'Fetch', input: { url: 'https://a', file_id: 'f' } }),
      },
      TOOLS_TOKENS_MAX,
    ],
    'a schema with a source': [
      tools({ name: 'Cite', input_schema: schema({ source: { type: 'string' } }) }),
      TOOLS_TOKENS_MAX,
    ],
    'tools that the model was taught': [
      tools({ type: 'custom' }, { type: 'bash_20250124' }, { type: 'text_editor_20250728' }),
      TOOLS_TOKENS_MAX,
    ],
    'a text document': [
      from({ type: 'text', media_type: 'text/plain', data: 'hello' }, 'document'),
      0,
    ],
    'two images': [
      said(
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBO' } },
        { type: 'image', source: { data: 'iVBO', media_type: 'image/png', type: 'base64' } },
      ),
      2 * IMAGE_TOKENS_MAX,
    ],
  };
  for (const [name, [body, tokens]] of Object.entries(bounded)) {
    test(name, () => assert.deepEqual(reachOf(body), { extraTokens: tokens, webSearches: 0 }));
  }

  test('references to a tool repeat it as often as they stand there', () => {
    const tool = { name: 'Big', description: 'x'.repeat(400), defer_loading: true };
    const reference = { type: 'tool_reference', tool_name: 'Big' };
    const body = { ...tools({ name: 'small' }, tool), ...said(reference, reference, reference) };
    const bytes = JSON.stringify(tool).length;
    assert.equal(reachOf(body).extraTokens, 3 * bytes + TOOLS_TOKENS_MAX);
  });
});

describe('web searches', () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [tools(SEARCH), WEB_SEARCHES_MAX],
    [tools({ ...SEARCH, max_uses: 3 }), 3],
    [tools({ max_uses: 3, ...SEARCH }), 3],
    [tools({ ...SEARCH, max_uses: 500 }), 500],
    [tools({ ...SEARCH, max_uses: null }), WEB_SEARCHES_MAX],
    [tools({ ...SEARCH, max_uses: 2, user_location: { max_uses: 9 } }), 2],
    [tools({ ...SEARCH, max_uses: 2 }, { ...SEARCH, max_uses: 5 }), 7],
    [tools({ type: 'web_fetch_20250910', max_uses: 4 }), 0],
    ['{"tools":[{"type":"web_search_1","max_uses":1e1,"max_uses":4 \n}]}', 10],
    ['{"tools":[{"type":"web_search_1","max_uses":1e99}]}', 1_000_000],
    [tools({ ...SEARCH, max_uses: -1 }), WEB_SEARCHES_MAX],
  ];
  for (const [body, expected] of cases) {
    test(`${JSON.stringify(body).slice(0, 90)}: ${expected}`, () => {
      assert.equal(reachOf(body).webSearches, expected);
    });
  }
});

test('what is no JSON is walked to its end all the same', () => {
  for (const text of [
    '',
    '}}]]',
    '{"a',
    '{"tools":[{"type":"\\x',
    '[[[[',
    '"',
    '{"a":"\\ud800"}',
  ]) {
    assert.equal(reachOf(text).webSearches, 0);
  }
});
