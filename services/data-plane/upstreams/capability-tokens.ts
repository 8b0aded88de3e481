// What a cloud's 400 says about the request, as tokens that Claude Code acts upon: it drops or changes
// what the model cannot take and asks again. The sentences are the model API's own, wrapped by the
// cloud; which of them the reference gateway 2.1.330 classifies was captured on 2026-11-23.

/** The first pattern that matches names the token. */
const TOKENS: readonly (readonly [token: string, pattern: RegExp])[] = [
  ['prompt_too_long', /prompt is too long|Input is too long for requested model/i],
  ['max_tokens_context_overflow', /input length and `max_tokens` exceed context limit/i],
  ['thinking_type:adaptive', /adaptive thinking is not supported/i],
  ['thinking_type:enabled', /thinking\.type\.enabled\\?["'`] is not supported/i],
  ['thinking_signature', /thinking blocks cannot be modified|Invalid `signature` in `thinking`/i],
  ['structured_outputs_unsupported', /output_config\.format: Extra inputs/i],
  ['effort_unsupported', /output_config(\.effort)?: Extra inputs|support the effort parameter/i],
  ['cache_control_field', /cache_control\.scope: Extra inputs/i],
  ['document_block', /\.document\b|\bPDF\b.*(not valid|too large)|Could not process PDF/i],
  ['image_block', /\.image\.source\b|image exceeds|Could not process image/i],
];

/** Null: a sentence that no client knows what to do with. */
export function capabilityToken(message: string): string | null {
  return TOKENS.find(([, pattern]) => pattern.test(message))?.[0] ?? null;
}
