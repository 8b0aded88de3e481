// What the IdP says about a person → who they are to us, or why they may not come in. Pure.
// Domains are compared in lower case, groups to the letter; nothing is trimmed or split.

export type Claims = Readonly<Record<string, unknown>>;

/** A person as the IdP describes them, past every gate. */
export interface Person {
  /** Our stable id: the IdP's `sub`, or `user_id_claim`. */
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
}

export interface ClaimRules {
  /** Lower case. Empty: any domain, and none is needed. */
  readonly allowedEmailDomains: readonly string[];
  /** Empty: nobody needs a group. */
  readonly allowedGroups: readonly string[];
  /** A key, or a JSON Pointer (RFC 6901) when it starts with `/`; so are all claims below. */
  readonly groupsClaim: string;
  /** Tried in order. */
  readonly emailClaims: readonly string[];
  readonly userIdClaim: string | null;
}

/** `reason` is for the operator's log; a person only learns that they were refused. */
export type ClaimsReading =
  | { readonly outcome: 'person'; readonly person: Person }
  | { readonly outcome: 'refused'; readonly reason: string };

/** ID token claims, with userinfo filling in what they lack. */
export function readPerson(
  idToken: Claims,
  userinfo: Claims | null,
  rules: ClaimRules,
): ClaimsReading {
  if (!isText(idToken.sub)) return refused('IdP claims missing required `sub`');
  if (userinfo !== null && userinfo.sub !== idToken.sub) {
    return refused('userinfo sub missing or does not match id_token sub');
  }
  const claims = { ...userinfo, ...present(idToken) };
  const sub = claimAt(claims, rules.userIdClaim ?? 'sub');
  if (!isText(sub)) {
    return refused(
      `oidc.user_id_claim names \`${rules.userIdClaim}\`, which the IdP did not send as a ` +
        'non-empty string. Check oidc.scopes, and oidc.scope_on_refresh if only refreshes fail',
    );
  }
  const email = rules.emailClaims.map((name) => claimAt(claims, name)).find(isText) ?? null;
  const groups = readGroups(claimAt(claims, rules.groupsClaim));
  const reason =
    unverified(idToken, userinfo) ??
    wrongDomain(email, rules) ??
    wrongGroups(claims, groups, rules);
  if (reason !== null) return refused(reason);
  const name = isText(claims.name) ? claims.name : null;
  return { outcome: 'person', person: { sub, email, name, groups } };
}

/** Whether asking the userinfo endpoint could tell more than the ID token did. */
export function lacksClaims(idToken: Claims, rules: ClaimRules): boolean {
  const needed = [rules.groupsClaim, ...(rules.userIdClaim === null ? [] : [rules.userIdClaim])];
  return (
    !rules.emailClaims.some((name) => isText(claimAt(idToken, name))) ||
    needed.some((name) => claimAt(idToken, name) === undefined)
  );
}

/** A key, or a JSON Pointer when it starts with `/`; undefined where nothing is. */
export function claimAt(claims: Claims, name: string): unknown {
  if (!name.startsWith('/')) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  let value: unknown = claims;
  for (const token of name.slice(1).split('/')) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Either source may say no: an address is only as good as the one who vouches for it. */
function unverified(idToken: Claims, userinfo: Claims | null): string | null {
  const words = [idToken.email_verified, userinfo?.email_verified];
  return words.some((word) => word === false || word === 'false') ? 'email is not verified' : null;
}

function wrongDomain(email: string | null, rules: ClaimRules): string | null {
  if (rules.allowedEmailDomains.length === 0) return null;
  if (email === null) {
    return (
      'id_token missing email claim: configure your IdP to include `email` in the id_token, or ' +
      'set oidc.email_claim if it uses a different claim name'
    );
  }
  const at = email.lastIndexOf('@');
  const domain = at < 0 ? '' : email.slice(at + 1).toLowerCase();
  return rules.allowedEmailDomains.includes(domain) ? null : 'email domain not allowed';
}

function wrongGroups(claims: Claims, groups: readonly string[], rules: ClaimRules): string | null {
  if (rules.allowedGroups.length === 0) return null;
  if (groups.some((group) => rules.allowedGroups.includes(group))) return null;
  // Entra leaves the groups out of a token when there are too many of them.
  const overage = claimAt(claims, '/_claim_names/groups') !== undefined;
  return overage
    ? 'not in an allowed group: the IdP left the groups out because there are too many of them'
    : 'not in an allowed group';
}

function readGroups(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter(isText);
}

function present(claims: Claims): Claims {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value != null));
}

function refused(reason: string): ClaimsReading {
  return { outcome: 'refused', reason };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
