// What kind of endpoint served: a price may depend on it.

export type EndpointClass = 'global' | 'regional' | 'multi_region';

/** Google Cloud's multi-region locations. */
const MULTI_REGIONS: ReadonlySet<string> = new Set(['us', 'eu']);

/** `region`: where the upstream is configured to be; null: its provider has one place for all. */
export function endpointClass(region: string | null): EndpointClass {
  if (region === null || region === 'global') return 'global';
  return MULTI_REGIONS.has(region) ? 'multi_region' : 'regional';
}
