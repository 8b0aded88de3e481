// What every upstream may have, whatever its provider.

import { listOf, mapOf, secretText, text, webUrl, wholeNumber } from './field.ts';

const MODELS = 'a list of the only models to send here, named as clients send them';
const GROUPS = 'a list of the only groups to serve from here';

/** What goes into a header: a line break from a secret file would break the request. */
export const credential = () =>
  secretText('a key without spaces or line breaks', 1, (value) => /^[\x21-\x7e]+$/.test(value));

export const common = {
  /** Name in models[].upstream_model, pricing, metrics and log. Absent: the provider. */
  name: text().optional(),
  /** Where to send requests instead of the provider's own endpoint. */
  base_url: webUrl().optional(),
  /** Headers added to every request; values are secrets. Reserved names are refused. */
  headers: mapOf(
    secretText('a header value in one line', 1, (value) => /^[\t\x20-\x7e\x80-\xff]+$/.test(value)),
    'a mapping from header names to values',
  ).default({}),
  /** The only models sent here, as clients name them. Absent: every model. */
  models: listOf(text(), MODELS, 1).optional(),
  /** The only groups served from here. Absent: everyone. */
  groups: listOf(text('a group name that is not empty'), GROUPS, 1).optional(),
  /** Lower is tried first; those of one tier share the load. Absent: tried in the file's order. */
  tier: wholeNumber('', 0, 1000).optional(),
  /** Its share of the load of its tier. Absent: 1. */
  weight: wholeNumber('', 1, 1000).optional(),
};
