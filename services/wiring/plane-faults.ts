import { createFault, type Fault } from '#shared/config/fault.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Plane } from './plane.ts';

/** What a process of one plane alone cannot do with embedded parts: they are inside the other one. */
export function planeFaults(config: GatewayConfig, plane: Plane): Fault[] {
  if (plane === 'all') return [];
  const faults: Fault[] = [];
  const alone = `with --plane ${plane}`;
  const need = (path: string, found: string, accepted: string): void => {
    faults.push(createFault(path, `${found}, ${alone}`, accepted));
  };
  if (config.quota.redis === undefined) {
    need('quota', 'no redis', 'quota.redis, which both planes reach');
  }
  if (config.bus.pubsub === undefined) {
    need('bus', 'no pubsub', 'bus.pubsub, which both planes reach');
  }
  const { session, control_plane: control } = config;
  if (plane === 'data' && session.jwt_secret.length === 0 && control.url === undefined) {
    const accepted =
      'where the control plane is: its keys verify the sessions (or session.jwt_secret)';
    need('control_plane.url', 'nothing', accepted);
  }
  return faults;
}
