// Text into HTML, escaped unless it says that it already is HTML. No template engine: pages are
// pure functions of their values.

/** A fragment that is already safe to send. */
export interface Html {
  readonly html: string;
}

type Part = string | number | Html | null | readonly Html[];

/** Builds a fragment; every interpolated text is escaped, `null` is nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.map((text, index) => text + render(parts[index] ?? null)).join('') };
}

/** For text nodes and quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function render(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return 'html' in part ? part.html : part.map((each) => each.html).join('');
}
