/** Somebody who can sign in at the demo identity provider. */
export interface DemoPerson {
  readonly sub: string;
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly groups: readonly string[];
  /** What to try as this person; shown on the sign-in page. */
  readonly role: string;
}

export const DEMO_PEOPLE: readonly DemoPerson[] = [
  {
    sub: 'demo-dana',
    name: 'Dana Developer',
    email: 'dana@example.com',
    emailVerified: true,
    groups: ['engineering'],
    role: 'Developer',
  },
  {
    sub: 'demo-casey',
    name: 'Casey Contractor',
    email: 'casey@example.com',
    emailVerified: true,
    groups: ['contractors'],
    role: 'Contractor',
  },
  {
    sub: 'demo-ada',
    name: 'Ada Admin',
    email: 'ada@example.com',
    emailVerified: true,
    groups: ['engineering', 'platform-admins'],
    role: 'Administrator',
  },
];
