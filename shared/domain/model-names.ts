// What a cap calls a model. The admin API writes these names and admission looks them up: both ask here.

import { builtinModel, type ModelFamily, undatedId } from './builtin-models.ts';

const FAMILIES: readonly ModelFamily[] = ['opus', 'sonnet', 'haiku', 'fable', 'mythos'];
const NAME_LENGTH_MAX = 200;
// Printable ASCII without a colon: part of an account's name, whose parts colons separate.
const NAME = /^[!-9;-~]+$/;

/**
 * The name that a cap has for a model: a family (`opus`), a built-in's undated id from any of its
 * spellings, or a custom id in lower case. Null: no name of a model.
 */
export function capModel(text: string): string | null {
  const builtin = builtinModel(text);
  if (builtin !== null) return undatedId(builtin.id);
  const name = text.toLowerCase();
  if (FAMILIES.some((family) => family === name)) return name;
  return name.length <= NAME_LENGTH_MAX && NAME.test(name) ? name : null;
}

/** The names that caps may have for a requested model; `family` is empty where its id names none. */
export function modelNames(requested: string, family: string): string[] {
  const names = [family === '' ? null : capModel(family), capModel(requested)];
  return [...new Set(names.filter((name) => name !== null))];
}
