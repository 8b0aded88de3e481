import { z } from 'zod';
import { field, flag, listOf, mailDomain, oneOf, section, text } from './field.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

const MATCH_GROUPS =
  'a list with at least one group; without the key the policy matches every group';
const POLICY_KIND = 'settings under either cli (or settings, its other name) or code';

const strings = (accepted: string) => listOf(text(accepted), `a list: ${accepted}`).optional();
const rules = () => strings('permission rules like Bash(npm test:*)');

/**
 * Claude Code's settings. Only what the gateway itself reads is checked; the rest goes to the
 * client as written, because its keys change with every release of the client.
 */
const settingsDocument = z
  .looseObject(
    {
      availableModels: listOf(text(), 'a list of model ids and families').optional(),
      model: text().optional(),
      enforceAvailableModels: flag().optional(),
      env: z
        .record(z.string(), field('text', readText), { error: 'a mapping from names to text' })
        .optional(),
      permissions: z
        .looseObject(
          { allow: rules(), ask: rules(), deny: rules(), additionalDirectories: strings('paths') },
          { error: 'a mapping' },
        )
        .optional(),
      sandbox: z.looseObject({}, { error: 'a mapping' }).optional(),
      hooks: z
        .record(z.string(), z.array(z.unknown(), { error: 'a list' }), { error: 'a mapping' })
        .optional(),
      mcpServers: field('nothing: managed settings have managedMcpServers instead', (value) =>
        value === undefined ? null : undefined,
      ).optional(),
    },
    { error: "a mapping of Claude Code's settings" },
  )
  .transform((settings) => settings as JsonObject);

const match = section({
  /** Groups of which a person needs one. Absent: any. */
  groups: listOf(text('a group name that is not empty'), MATCH_GROUPS, 1).optional(),
  /** The person's mail domain, lower case. Absent: any. */
  email_domain: mailDomain().optional(),
});

const policy = section({
  /** Whom the policy is for; every condition must hold. Absent or empty: everyone (the base). */
  match: match.prefault({}),
  /** Settings for the Claude Code CLI. */
  cli: settingsDocument.optional(),
  /** Another name of `cli`, which wins where both stand. */
  settings: settingsDocument.optional(),
  /** Settings for the CLI and for the Code tab of Claude Desktop. */
  code: settingsDocument.optional(),
  /** Whether Claude Desktop's sessions get `cli` settings. Absent: they do not. */
  serve_to_desktop: flag().optional(),
}).transform(({ match, cli, settings, code, serve_to_desktop }, context) => {
  const forCli = cli ?? settings;
  if (forCli !== undefined && code !== undefined) {
    context.addIssue({ code: 'custom', message: POLICY_KIND });
  }
  const kind: 'cli' | 'code' = code === undefined ? 'cli' : 'code';
  return { match, kind, settings: forCli ?? code ?? {}, serve_to_desktop };
});

/** Managed settings: what people get, by group and mail domain. */
export const managedSchema = section({
  policies: listOf(policy, 'a list of policies').default([]),
  /** The first match over the base, or every match in layers. Default first_match. */
  policy_mode: oneOf('first_match', 'layered').default('first_match'),
  /** Accepted because the reference accepts it; it has no effect there and none here. */
  settings: text().optional(),
}).transform(({ policies, policy_mode }) => ({ policies, policy_mode }));

export type ManagedConfig = z.output<typeof managedSchema>;
export type PolicyConfig = ManagedConfig['policies'][number];

function readText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
