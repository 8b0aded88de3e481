import type { EndpointClass } from '#shared/domain/pricing.ts';

const MULTI_REGIONS: ReadonlySet<string> = new Set(['us', 'eu']);

/** `us` and `eu`: data stays in the United States, in the European Union. */
export function isMultiRegion(location: string): boolean {
  return MULTI_REGIONS.has(location);
}

/** What kind of endpoint a location of Google Cloud is, which its prices go by. */
export function googleEndpointClass(location: string): EndpointClass {
  if (location === 'global') return 'global';
  return isMultiRegion(location) ? 'multi_region' : 'regional';
}
