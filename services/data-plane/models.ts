// GET /v1/models: what this person can ask for. `limit` and cursors are ignored, as in the
// reference: the list is short and clients take it whole.

import type { Catalogue, CatalogueModel, UpstreamRef } from '#shared/domain/catalogue.ts';
import type { PolicyBook } from '#shared/domain/policy.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { sendJson } from '#shared/http/answer.ts';
import type { SessionExchange } from '#shared/http/route.ts';

export interface ModelsDeps {
  readonly policies: () => PolicyBook;
  readonly catalogue: () => Catalogue;
  /** In the order of the configuration. */
  readonly upstreams: () => readonly UpstreamRef[];
}

export function createModels(deps: ModelsDeps) {
  return ({ res, principal }: SessionExchange): void => {
    const policies = deps.policies();
    const catalogue = deps.catalogue();
    const upstreams = deps.upstreams().filter((upstream) => serves(upstream, principal));
    const data = catalogue
      .list()
      .filter(({ id }) => policies.mayUse(principal, id))
      .filter(({ id }) => upstreams.some((to) => catalogue.upstreamId(id, to) !== null))
      .map(renderModel);
    sendJson(res, 200, { data, has_more: false, first_id: null, last_id: null });
  };
}

function serves({ groups }: UpstreamRef, principal: Principal): boolean {
  return groups === null || groups.some((group) => principal.groups.includes(group));
}

function renderModel({ id, displayName, description, maxInputTokens }: CatalogueModel) {
  return {
    type: 'model',
    id,
    display_name: displayName,
    ...(description === null ? {} : { description }),
    ...(maxInputTokens === null ? {} : { max_input_tokens: maxInputTokens }),
  };
}
