// What a prompt may bring in beyond its own bytes, for a ceiling that must bound it: results of tools
// that the upstream runs, content given by reference, pages and pixels. The body is read by its
// structure, so that what only speaks of such things (a prompt about this API, the schema of a
// client's tool) is not taken for them. What is not known to be harmless counts as open-ended.
//
// Cost: one walk over the body; only ceilings ask for it.

import { type JsonVisitor, walkJson } from './json-walk.ts';

export interface PromptReach {
  /** Tokens that may come on top of the body's bytes; null: as many as the model can read. */
  readonly extraTokens: number | null;
  /** Searches that may be charged. */
  readonly webSearches: number;
}

export const NO_REACH: PromptReach = { extraTokens: 0, webSearches: 0 };

/** Taken for a search tool without `max_uses`. The API knows no limit; no answer came near it. */
export const WEB_SEARCHES_MAX = 100;
/** However few bytes an image has. Anthropic documents 4 784 for the largest. */
export const IMAGE_TOKENS_MAX = 5_000;
/** Instructions that come with tools of the client's, above all those that the model was taught. */
export const TOOLS_TOKENS_MAX = 3_000;

/** Tools that run at the client: their results come in a later request, as bytes. */
const CLIENT_TOOL = /^(?:custom|(?:bash|text_editor|computer|memory)_\d{8})$/;
/** What a `source` may be without bringing in more than it is; and the types of JSON Schema. */
const PLAIN_SOURCES: ReadonlySet<string> = new Set([
  ...['base64', 'text', 'content'],
  ...['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'],
]);
/** Pages of other kinds are rendered: a few bytes may be thousands of tokens. */
const PLAIN_MEDIA = /^(?:image\/|text\/plain)/;
const USES_MAX = 1_000_000;

export function readReach(chunks: readonly Buffer[]): PromptReach {
  const reader = new ReachReader();
  walkJson(chunks, reader);
  return reader.read();
}

interface OpenTool {
  readonly start: number;
  isSearch: boolean;
  maxUses: number | null;
}

class ReachReader implements JsonVisitor {
  #isOpenEnded = false;
  #images = 0;
  #references = 0;
  #webSearches = 0;
  #largestToolBytes = 0;
  #hasTools = false;
  #inTools = false;
  #tool: OpenTool | null = null;
  /** Depths at which the members of open `source` objects stand. */
  readonly #sources: number[] = [];

  member(key: string, depth: number): void {
    const isTop = depth === 1 && (key === 'mcp_servers' || key === 'container');
    const isReference = this.#isSource(depth) && (key === 'url' || key === 'file_id');
    // What an earlier server tool found comes back sealed, and of unknown size.
    if (isTop || isReference || key.startsWith('encrypted_')) this.#isOpenEnded = true;
  }

  text(key: string, value: string, depth: number): void {
    if (key !== 'type' && key !== 'media_type') return;
    if (this.#isSource(depth)) {
      const isPlain = key === 'type' ? PLAIN_SOURCES.has(value) : PLAIN_MEDIA.test(value);
      if (!isPlain) this.#isOpenEnded = true;
      if (value === 'base64') this.#images += 1;
    } else if (this.#tool !== null && depth === 3) {
      if (key === 'type' && !CLIENT_TOOL.test(value)) this.#isOpenEnded = true;
      if (value.startsWith('web_search')) this.#tool.isSearch = true;
    } else if (value === 'container_upload') this.#isOpenEnded = true;
    else if (value === 'tool_reference') this.#references += 1;
  }

  literal(key: string, raw: string, depth: number): void {
    if (this.#tool === null || depth !== 3 || key !== 'max_uses') return;
    const uses = Math.min(Math.ceil(Number(raw)), USES_MAX);
    if (raw === 'null' || !(uses >= 0)) return;
    this.#tool.maxUses = Math.max(this.#tool.maxUses ?? 0, uses);
  }

  open(key: string, kind: 'object' | 'array', depth: number, offset: number): void {
    if (kind === 'array') this.#inTools ||= depth === 2 && key === 'tools';
    else if (key === 'source') this.#sources.push(depth);
    else if (this.#inTools && depth === 3) {
      this.#hasTools = true;
      this.#tool = { start: offset, isSearch: false, maxUses: null };
    }
  }

  close(depth: number, end: number): void {
    if (this.#isSource(depth)) this.#sources.pop();
    if (depth === 2) this.#inTools = false;
    if (depth !== 3 || this.#tool === null) return;
    const { start, isSearch, maxUses } = this.#tool;
    if (isSearch) this.#webSearches += maxUses ?? WEB_SEARCHES_MAX;
    this.#largestToolBytes = Math.max(this.#largestToolBytes, end - start);
    this.#tool = null;
  }

  read(): PromptReach {
    // A reference to a tool puts the tool's text where it stands, however often.
    const repeated = this.#references * this.#largestToolBytes;
    const tools = this.#hasTools ? TOOLS_TOKENS_MAX : 0;
    const extraTokens = this.#images * IMAGE_TOKENS_MAX + repeated + tools;
    return {
      extraTokens: this.#isOpenEnded ? null : extraTokens,
      webSearches: Math.min(this.#webSearches, USES_MAX),
    };
  }

  #isSource(depth: number): boolean {
    return this.#sources.length > 0 && this.#sources.at(-1) === depth;
  }
}
