// Where things are kept and how they travel. Every part has an embedded default that needs no
// server; naming a real one here is all that choosing it takes.

import type { z } from 'zod';
import { field, flag, secretText, section, text, textLike, webUrl, wholeNumber } from './field.ts';

const POSTGRES_URL = 'a postgres:// URL with a host and a database';
const REDIS_URL = 'a redis:// or rediss:// URL';
const PREFIX = 'lower-case letters, digits and dashes, beginning with a letter, at most 40';

const hasProtocol = (url: string, protocols: readonly string[]): boolean =>
  URL.canParse(url) && protocols.includes(new URL(url).protocol);

const prefix = () => textLike(/^[a-z][a-z0-9-]{0,39}$/, PREFIX).default('tallygate');
const projectId = () => textLike(/^[a-z0-9][a-z0-9.:-]*$/, 'the id of a Google Cloud project');

/** PostgreSQL, under the keys of the reference gateway. With it the ledger is PostgreSQL. */
export const storeSchema = section({
  /** May hold user and password. */
  postgres_url: secretText(POSTGRES_URL, 1, (url) =>
    hasProtocol(url, ['postgres:', 'postgresql:']),
  ),
  /** Instead of the URL's. */
  username: text().optional(),
  /** Instead of the URL's. */
  password: secretText().optional(),
  /** Connections of one process. Default 5. */
  max_connections: wholeNumber('connections', 1, 1000).default(5),
  /** Seconds until a connection counts as failed. Default 5. */
  connect_timeout_seconds: wholeNumber('seconds', 1, 3600).default(5),
  /** Seconds that the store may be away before `/readyz` of a control plane says 503. Default 0. */
  readiness_grace_seconds: wholeNumber('seconds', 0, 3600).default(0),
});

/** Ledger, caps, audit trail and sign-in state: one database. */
export const ledgerSchema = section({
  /** The embedded database. */
  sqlite: section({
    /** Database file. Absent: one under data_dir. */
    path: text('the path of the database file').optional(),
  }).optional(),
  /** What `store` names. */
  postgres: section({}).optional(),
  firestore: section({
    project_id: projectId(),
    /** Default (default). */
    database: text('the id of a Firestore database').default('(default)'),
    /** Of every collection. Default tallygate. */
    prefix: prefix(),
  }).optional(),
});

/** Where caps are enforced. Absent: in this process, which then is the only one. */
export const quotaSchema = section({
  redis: section({
    url: secretText(REDIS_URL, 1, (url) => hasProtocol(url, ['redis:', 'rediss:'])),
    /** Instead of the URL's. */
    username: text().optional(),
    /** Instead of the URL's. */
    password: secretText().optional(),
    /** TLS although the URL says redis://. Default false. */
    tls: flag().default(false),
    /** Of every key. Default tallygate. */
    prefix: prefix(),
    /** Milliseconds that a request waits for an answer, then it goes on without. Default 50. */
    timeout_ms: wholeNumber('milliseconds', 5, 10_000).default(50),
  }).optional(),
});

/** How usage and telemetry travel to the control plane. Absent: a queue in the embedded database. */
export const busSchema = section({
  pubsub: section({
    project_id: projectId(),
    /** Of every topic and subscription. Default tallygate. */
    prefix: prefix(),
    /** Whether missing topics and subscriptions are created. Default true. */
    create: flag().default(true),
    /** Seconds after which what a dead control plane had in hand is delivered again. Default 30. */
    ack_deadline_seconds: wholeNumber('seconds', 10, 600).default(30),
  }).optional(),
});

const every = (seconds: number) =>
  field('a number of seconds from 0.1 to 86400', (value) => {
    const number = typeof value === 'string' && value !== '' ? Number(value) : value;
    return typeof number === 'number' && number >= 0.1 && number <= 86_400 ? number : undefined;
  }).default(seconds);

/** Recurring work of the control plane. */
export const jobsSchema = section({
  /** On the quota store's Redis, once across all control planes. Absent: timers. */
  bullmq: section({}).optional(),
  /** Seconds between two runs of a job. */
  every_seconds: section({
    /** Publishes usage again that did not reach the ledger. Default 5. */
    relay: every(5),
    /** Bills requests whose data plane died. Default 10. */
    orphans: every(10),
    /** Publishes the caps again. Default 10. */
    caps: every(10),
    /** Fills a quota store that lost its memory. Default 5. */
    restore: every(5),
    /** Repairs the quota store's counters from the ledger. Default 60. */
    recompute: every(60),
    /** Tells alerts that were not told yet, and looks at everybody's thresholds. Default 60. */
    alerts: every(60),
    /** Removes sign-in state that has expired. Default 60. */
    grants: every(60),
    /** Ages out events, audit rows and people. Default 86400. */
    retention: every(86_400),
  }).prefault({}),
});

/** The other half, where the two planes run apart. */
export const controlPlaneSchema = section({
  /** Where a data plane sends what is not its own. */
  url: webUrl().optional(),
  /** Where `--plane control` listens; absent: as `listen` says. */
  listen: section({
    host: text('a host name or an address to bind').default('0.0.0.0'),
    port: wholeNumber('TCP port', 0, 65_535).default(8081),
  }).optional(),
});

export type StoreConfig = z.output<typeof storeSchema>;
export type FirestoreConfig = NonNullable<z.output<typeof ledgerSchema>['firestore']>;
export type JobsConfig = z.output<typeof jobsSchema>;
